import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { reasonRow } from "../../src/domain/reasons.ts";
import { decideRetry, type RetryPolicy, type Situation } from "../../src/routing/retry.ts";

const policy: RetryPolicy = { maxAttempts: 3, baseDelayMs: 100, maxDelayMs: 5000, maxRetryAfterMs: 60_000 };

const reasons = Object.values(ErrorReason);
const overloaded = new GatewayError(ErrorReason.UPSTREAM_OVERLOADED, "");

function limited(retryAfterMs?: number): GatewayError {
  return new GatewayError(ErrorReason.UPSTREAM_RATE_LIMITED, "", { retryAfterMs });
}

function situation(more: Partial<Situation> = {}): Situation {
  return {
    error: overloaded,
    attempts: 1,
    attemptsOnTarget: 1,
    targetsLeft: 0,
    remainingMs: 600_000,
    notIdempotent: false,
    ...more,
  };
}

/** With the random number given. */
const decide = (more: Partial<Situation>, random = 0.5, rules: Partial<RetryPolicy> = {}) =>
  decideRetry(situation(more), { ...policy, ...rules }, () => random);

describe("after a failed attempt", () => {
  test.each([
    ["waits at random up to the base delay", {}, { action: "retry", delayMs: 50 }],
    ["doubles the bound with each attempt", { attempts: 2, attemptsOnTarget: 2 }, { action: "retry", delayMs: 100 }],
    ["gives up after the last attempt", { attempts: 3, attemptsOnTarget: 3 }, { action: "give-up" }],
    ["gives up where one attempt was allowed", { notIdempotent: true, targetsLeft: 2 }, { action: "give-up" }],
    ["retries with one target to come and two attempts left", { targetsLeft: 1 }, { action: "retry", delayMs: 50 }],
    ["fails over where attempts are reserved", { targetsLeft: 2 }, { action: "fail-over" }],
    ["fails over where there are more targets than attempts", { targetsLeft: 9 }, { action: "fail-over" }],
    ["fails over with the last attempt", { attempts: 2, targetsLeft: 1 }, { action: "fail-over" }],
    ["does not fail over beyond the last attempt", { attempts: 3, targetsLeft: 1 }, { action: "give-up" }],
    ["waits as asked at the only target", { error: limited(2000) }, { action: "retry", delayMs: 2050 }],
    ["waits for nobody with another target", { error: limited(1), targetsLeft: 1 }, { action: "fail-over" }],
    ["waits as long as may be asked", { error: limited(60_000) }, { action: "retry", delayMs: 60_050 }],
    ["does not wait for longer", { error: limited(60_001) }, { action: "give-up" }],
    ["does not wait beyond the deadline", { error: limited(2000), remainingMs: 2000 }, { action: "give-up" }],
    ["does not begin a wait that reaches the deadline", { remainingMs: 50 }, { action: "give-up" }],
    ["fails over where a wait reaches the deadline", { remainingMs: 50, targetsLeft: 1 }, { action: "fail-over" }],
  ] as const)("%s", (_, more, decision) => {
    expect(decide(more)).toEqual(decision);
  });

  test("is bounded by the longest delay however often it was tried", () => {
    const later = { attempts: 8, attemptsOnTarget: 8 };
    expect(decide(later, 0.999_999, { maxAttempts: 10 })).toEqual({ action: "retry", delayMs: 4999.995 });
  });
});

const situations = fc.record({
  error: fc
    .tuple(fc.constantFrom(...reasons), fc.option(fc.integer({ min: 1, max: 200_000 }), { nil: undefined }))
    .map(([reason, retryAfterMs]) => new GatewayError(reason, "", { retryAfterMs })),
  attempts: fc.integer({ min: 1, max: 12 }),
  attemptsOnTarget: fc.integer({ min: 1, max: 12 }),
  targetsLeft: fc.integer({ min: 0, max: 12 }),
  remainingMs: fc.integer({ min: -1000, max: 200_000 }),
  notIdempotent: fc.boolean(),
});
const policies = fc.record({
  maxAttempts: fc.integer({ min: 1, max: 10 }),
  baseDelayMs: fc.integer({ min: 1, max: 1000 }),
  maxDelayMs: fc.integer({ min: 1, max: 20_000 }),
  maxRetryAfterMs: fc.integer({ min: 1, max: 100_000 }),
});
const randoms = fc.double({ min: 0, max: 0.999_999_999, noNaN: true });

/** Holds of every decision. */
function always(holds: (given: Situation, rules: RetryPolicy, decision: ReturnType<typeof decideRetry>) => void): void {
  fc.assert(
    fc.property(situations, policies, randoms, (given, rules, random) => {
      holds(
        given,
        rules,
        decideRetry(given, rules, () => random),
      );
    }),
    { numRuns: 2000 },
  );
}

describe("whatever happened", () => {
  test("no attempt is made beyond the most, nor a second one of a call that allows one", () => {
    always((given, rules, { action }) => {
      if (given.attempts >= rules.maxAttempts || given.notIdempotent) expect(action).toBe("give-up");
    });
  });

  test("a reason says whether the target or another one may be asked", () => {
    always(({ error, targetsLeft }, _, { action }) => {
      const { mayRetry, mayFailOver } = reasonRow(error.reason);
      if (action === "retry") expect(mayRetry).toBe(true);
      if (action === "fail-over") expect([mayFailOver, targetsLeft > 0]).toEqual([true, true]);
    });
  });

  test("a wait ends before the deadline, and not before the upstream wants", () => {
    always(({ error, remainingMs }, rules, decision) => {
      if (decision.action !== "retry") return;
      expect(decision.delayMs).toBeGreaterThanOrEqual(0);
      expect(decision.delayMs).toBeLessThan(remainingMs);
      const asked = error.retryAfterMs;
      if (asked === undefined) return;
      expect(decision.delayMs).toBeGreaterThanOrEqual(asked);
      expect(decision.delayMs).toBeLessThanOrEqual(asked + 100);
      expect(asked).toBeLessThanOrEqual(rules.maxRetryAfterMs);
    });
  });

  test("jitter is between nothing and the doubled delay", () => {
    always(({ error, attemptsOnTarget }, { baseDelayMs, maxDelayMs }, decision) => {
      if (decision.action !== "retry" || error.retryAfterMs !== undefined) return;
      expect(decision.delayMs).toBeLessThanOrEqual(Math.min(maxDelayMs, baseDelayMs * 2 ** (attemptsOnTarget - 1)));
    });
  });

  test("a retry leaves one attempt for each target to come that may be asked", () => {
    always(({ error, attempts, targetsLeft }, { maxAttempts }, { action }) => {
      const reserved = error.row.mayFailOver ? targetsLeft : 0;
      if (action === "retry") expect(maxAttempts - attempts - 1).toBeGreaterThanOrEqual(reserved);
    });
  });

  test("where another target may be asked and an attempt is left, nobody gives up", () => {
    always(({ error, attempts, targetsLeft, notIdempotent }, { maxAttempts }, { action }) => {
      if (error.row.mayFailOver && targetsLeft > 0 && attempts < maxAttempts && !notIdempotent) {
        expect(action).not.toBe("give-up");
      }
    });
  });
});

test("a reason that may be retried may also fail over", () => {
  const odd = reasons.filter((reason) => reasonRow(reason).mayRetry && !reasonRow(reason).mayFailOver);
  expect(odd).toEqual([]);
});

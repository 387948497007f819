import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { RETRY_BUDGET_DEFAULTS, RetryBudget } from "../../src/routing/retry-budget.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";

let clock: ManualClock;
let budget: RetryBudget;

beforeEach(() => {
  clock = createManualClock();
  budget = new RetryBudget(RETRY_BUDGET_DEFAULTS, clock);
});

function withdrawAll(): number {
  let count = 0;
  while (budget.tryWithdraw()) count++;
  return count;
}

test("has ten a second without any request", () => {
  expect(withdrawAll()).toBe(100);
});

test("has one more for each five requests", () => {
  for (let n = 0; n < 54; n++) budget.deposit();
  expect(withdrawAll()).toBe(110);
  budget.deposit();
  expect(withdrawAll()).toBe(1);
});

test("forgets requests after ten seconds", () => {
  for (let n = 0; n < 100; n++) budget.deposit();
  clock.advance(9000);
  expect(budget.balance).toBe(120);
  clock.advance(1000);
  expect(budget.balance).toBe(100);
});

test("counts extra attempts for ten seconds, and not much longer", () => {
  withdrawAll();
  clock.advance(10_000);
  expect(budget.tryWithdraw()).toBe(false);
  clock.advance(500);
  expect(withdrawAll()).toBe(100);
});

test("has nothing extra where nothing is to be extra", () => {
  budget = new RetryBudget({ ratio: 0, perSecond: 0, windowMs: 10_000 }, clock);
  budget.deposit();
  expect(budget.tryWithdraw()).toBe(false);
});

/** Pauses between requests, ms, each with how many extra attempts are tried. */
const schedules = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 12_000 }), fc.constant(0)),
    first: fc.integer({ min: 0, max: 20 }),
    extra: fc.integer({ min: 0, max: 60 }),
  }),
  { maxLength: 120 },
);

describe("over any schedule", () => {
  test("no ten seconds have more extra attempts than a fifth of the requests, and a hundred", () => {
    fc.assert(
      fc.property(schedules, (schedule) => {
        clock = createManualClock();
        budget = new RetryBudget(RETRY_BUDGET_DEFAULTS, clock);
        const first: number[] = [];
        const extra: number[] = [];
        for (const step of schedule) {
          clock.advance(step.afterMs);
          for (let n = 0; n < step.first; n++) {
            budget.deposit();
            first.push(clock.now());
          }
          for (let n = 0; n < step.extra; n++) if (budget.tryWithdraw()) extra.push(clock.now());
        }
        for (const end of extra) {
          const inside = (at: number): boolean => at > end - 10_000 && at <= end;
          expect(extra.filter(inside).length).toBeLessThanOrEqual(0.2 * first.filter(inside).length + 100);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("extra attempts at a steady rate below the budget are never refused", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 1, max: 60 }), (perSecond, seconds) => {
        clock = createManualClock();
        budget = new RetryBudget(RETRY_BUDGET_DEFAULTS, clock);
        // What is left for the half second that extra attempts count longer and requests shorter.
        const allowed = Math.floor((10 + 0.2 * perSecond) * 0.9);
        for (let second = 0; second < seconds; second++) {
          for (let n = 0; n < perSecond; n++) budget.deposit();
          for (let n = 0; n < allowed; n++) expect(budget.tryWithdraw()).toBe(true);
          clock.advance(1000);
        }
      }),
      { numRuns: 50 },
    );
  });
});

test("with all targets down, a minute at 50 requests a second has at most 1.2 attempts for each, and ten a second", () => {
  let extra = 0;
  for (let n = 0; n < 3000; n++) {
    budget.deposit();
    for (let again = 0; again < 2; again++) if (budget.tryWithdraw()) extra++;
    clock.advance(20);
  }
  expect(extra).toBeLessThanOrEqual(0.2 * 3000 + 10 * 60 + 100);
  expect(extra).toBeGreaterThan(1000);
});

import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { reasonRow } from "../../src/domain/reasons.ts";
import { BREAKER_DEFAULTS, Breaker, type BreakerOptions, type Transition } from "../../src/routing/breaker.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";
import { createRandom } from "./random.ts";

const { UNSPECIFIED: SUCCESS, UPSTREAM_ERROR, UPSTREAM_TIMEOUT, CANCELLED } = ErrorReason;

let clock: ManualClock;
let random: number;
let transitions: Transition[];
let breaker: Breaker;

beforeEach(() => {
  clock = createManualClock();
  random = 0.999_999;
  transitions = [];
  breaker = create();
});

function create(options: Partial<BreakerOptions> = {}): Breaker {
  return new Breaker(
    { ...BREAKER_DEFAULTS, ...options },
    clock,
    () => random,
    (transition) => transitions.push(transition),
  );
}

/** Attempts that begin and end at once. */
function attempt(...reasons: readonly ErrorReason[]): void {
  for (const reason of reasons) breaker.enterAnyway().ended(reason);
}

function times(count: number, reason: ErrorReason): ErrorReason[] {
  return Array.from({ length: count }, () => reason);
}

/** Opens it, and waits until a probe is due. */
function openUntilProbe(): void {
  attempt(...times(5, UPSTREAM_ERROR));
  clock.advance(1000);
}

/** How long it stays open after it has just opened. */
function openFor(): number {
  return Math.round(breaker.probeAt - clock.now());
}

test("blames a target for what it does to any request, and for nothing else", () => {
  const blamed = Object.entries(ErrorReason)
    .filter(([, reason]) => reasonRow(reason as ErrorReason).blamesTarget)
    .map(([name]) => name);
  expect(blamed.sort()).toEqual([
    "UPSTREAM_ERROR",
    "UPSTREAM_MALFORMED",
    "UPSTREAM_OVERLOADED",
    "UPSTREAM_REDIRECTED",
    "UPSTREAM_TIMEOUT",
    "UPSTREAM_TLS_FAILED",
    "UPSTREAM_TRUNCATED",
    "UPSTREAM_UNREACHABLE",
  ]);
});

describe("closed", () => {
  test("lets everybody pass, and does not know why", () => {
    expect([breaker.state, breaker.why, breaker.passable]).toEqual(["closed", "", true]);
    for (let n = 0; n < 100; n++) expect(breaker.tryEnter()).toBeDefined();
  });

  test("opens with the fifth failure in a row", () => {
    attempt(...times(4, UPSTREAM_ERROR));
    expect(breaker.state).toBe("closed");
    attempt(UPSTREAM_TIMEOUT);
    const why = "5 failures in a row, the last one UPSTREAM_TIMEOUT";
    expect([breaker.state, breaker.why, breaker.passable]).toEqual(["open", why, false]);
    expect(transitions).toEqual([{ from: "closed", to: "open", why }]);
  });

  test("counts from the beginning after a success", () => {
    attempt(...times(4, UPSTREAM_ERROR), SUCCESS, ...times(4, UPSTREAM_ERROR));
    expect(breaker.state).toBe("closed");
  });

  test("neither counts nor begins anew after what says nothing of the target", () => {
    attempt(...times(100, CANCELLED), ...times(100, ErrorReason.UPSTREAM_RATE_LIMITED));
    expect(breaker.state).toBe("closed");
    attempt(...times(4, UPSTREAM_ERROR), ErrorReason.CONTEXT_LENGTH_EXCEEDED, UPSTREAM_ERROR);
    expect(breaker.state).toBe("open");
  });

  test("opens where half of twenty fail in thirty seconds", () => {
    for (let n = 0; n < 9; n++) attempt(SUCCESS, UPSTREAM_ERROR);
    attempt(SUCCESS);
    expect(breaker.state).toBe("closed");
    attempt(UPSTREAM_ERROR);
    expect(breaker.why).toBe("10 failures of 20 attempts in 30 s, the last one UPSTREAM_ERROR");
  });

  test("does not open where fewer than half fail", () => {
    for (let n = 0; n < 200; n++) attempt(SUCCESS, UPSTREAM_ERROR, SUCCESS);
    expect(breaker.state).toBe("closed");
  });

  test("forgets what is older than thirty seconds", () => {
    for (let n = 0; n < 9; n++) attempt(SUCCESS, UPSTREAM_ERROR);
    clock.advance(30_000);
    attempt(SUCCESS, UPSTREAM_ERROR);
    expect(breaker.state).toBe("closed");
  });

  test("remembers what is younger", () => {
    for (let n = 0; n < 9; n++) attempt(SUCCESS, UPSTREAM_ERROR);
    clock.advance(28_000);
    attempt(SUCCESS, UPSTREAM_ERROR);
    expect(breaker.state).toBe("open");
  });

  test("counts each attempt once", () => {
    const pass = breaker.enterAnyway();
    for (let n = 0; n < 10; n++) pass.ended(UPSTREAM_ERROR);
    expect(breaker.state).toBe("closed");
  });
});

describe("open", () => {
  test("lets nobody pass until its time is over, then one", () => {
    attempt(...times(5, UPSTREAM_ERROR));
    clock.advance(999);
    expect([breaker.passable, breaker.tryEnter()]).toEqual([false, undefined]);
    clock.advance(1);
    expect(breaker.passable).toBe(true);
    expect(breaker.tryEnter()).toBeDefined();
    expect([breaker.state, breaker.passable, breaker.tryEnter()]).toEqual(["half-open", false, undefined]);
  });

  test.each([
    [0, 500],
    [0.5, 750],
    [0.999_999, 1000],
  ])("with the random number %d waits %d ms at first", (given, ms) => {
    random = given;
    attempt(...times(5, UPSTREAM_ERROR));
    expect(openFor()).toBe(ms);
  });

  test("waits twice as long after each failed probe, to half a minute, and to a minute in lasting trouble", () => {
    attempt(...times(5, UPSTREAM_ERROR));
    const waits = [openFor()];
    for (let n = 0; n < 8; n++) {
      clock.advance(openFor() + 1);
      breaker.tryEnter()?.ended(UPSTREAM_ERROR);
      waits.push(openFor());
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_503, 45_755, 60_000]);
    expect(breaker.why).toBe("a probe failed: UPSTREAM_ERROR");
  });

  test("does not hear of attempts that began before", () => {
    const passes = Array.from({ length: 20 }, () => breaker.enterAnyway());
    for (const pass of passes.slice(0, 10)) pass.ended(UPSTREAM_ERROR);
    expect(openFor()).toBe(1000);
    passes[10]?.answering();
    passes[10]?.ended(SUCCESS);
    expect(breaker.state).toBe("open");
    clock.advance(1000);
    breaker.tryEnter()?.ended(SUCCESS);
    for (const pass of passes.slice(11)) pass.ended(UPSTREAM_ERROR);
    expect(breaker.state).toBe("closed");
  });

  test("is closed by the success of one that had no other choice", () => {
    attempt(...times(5, UPSTREAM_ERROR), SUCCESS);
    expect([breaker.state, breaker.why]).toEqual(["closed", "the last target standing answered"]);
  });

  test("stays open as long again, not longer, after the failure of one that had no other choice", () => {
    attempt(...times(5, UPSTREAM_ERROR));
    clock.advance(400);
    attempt(UPSTREAM_ERROR);
    expect(openFor()).toBe(1000);
    attempt(...times(50, UPSTREAM_ERROR));
    expect(openFor()).toBe(1000);
  });
});

describe("half-open", () => {
  beforeEach(openUntilProbe);

  test("closes with the probe's success, and counts from the beginning", () => {
    breaker.tryEnter()?.ended(SUCCESS);
    expect(transitions.slice(1)).toEqual([
      { from: "open", to: "half-open", why: "a probe is due" },
      { from: "half-open", to: "closed", why: "a probe succeeded" },
    ]);
    attempt(...times(4, UPSTREAM_ERROR));
    expect(breaker.state).toBe("closed");
  });

  test("forgets the failures that opened it", () => {
    breaker.tryEnter()?.ended(SUCCESS);
    attempt(...times(10, SUCCESS), ...times(4, UPSTREAM_ERROR), SUCCESS, UPSTREAM_ERROR);
    for (let n = 0; n < 4; n++) attempt(UPSTREAM_ERROR, SUCCESS);
    expect(transitions.map(({ to }) => to)).toEqual(["open", "half-open", "closed"]);
  });

  test.each([
    ["cancelled", CANCELLED],
    ["a caller's mistake", ErrorReason.UPSTREAM_INVALID_REQUEST],
    ["limited", ErrorReason.UPSTREAM_RATE_LIMITED],
    ["out of time by its caller's deadline", ErrorReason.DEADLINE_EXCEEDED],
  ])("lets the next probe pass where one is %s", (_, reason) => {
    breaker.tryEnter()?.ended(reason);
    expect([breaker.state, breaker.passable]).toEqual(["half-open", true]);
    breaker.tryEnter()?.ended(SUCCESS);
    expect(breaker.state).toBe("closed");
  });

  test("closes as soon as the probe shows something", () => {
    const pass = breaker.tryEnter();
    pass?.answering();
    expect([breaker.state, breaker.why]).toEqual(["closed", "a probe was answered"]);
    pass?.ended(SUCCESS);
    expect(breaker.state).toBe("closed");
  });

  test("opens for longer where what the probe was answered fails", () => {
    const pass = breaker.tryEnter();
    pass?.answering();
    pass?.ended(ErrorReason.UPSTREAM_TRUNCATED);
    expect([breaker.state, breaker.why]).toEqual(["open", "a probe's answer failed: UPSTREAM_TRUNCATED"]);
    expect(openFor()).toBe(2000);
  });

  test("stays closed where the probe's caller leaves an answer", () => {
    const pass = breaker.tryEnter();
    pass?.answering();
    pass?.ended(CANCELLED);
    expect(breaker.state).toBe("closed");
  });

  test("does not forgive at once: the next opening is for longer", () => {
    breaker.tryEnter()?.ended(SUCCESS);
    clock.advance(9999);
    attempt(...times(5, UPSTREAM_ERROR));
    expect(openFor()).toBe(2000);
  });

  test("forgives after having been closed for ten seconds", () => {
    breaker.tryEnter()?.ended(SUCCESS);
    clock.advance(10_000);
    attempt(...times(5, UPSTREAM_ERROR));
    expect(openFor()).toBe(1000);
  });
});

test.each([
  [0, 60],
  [1, 1],
  [2, 8],
  [5, 5],
  [10, 10],
])("a target that is up for %d s and down for %d s, for a minute, is back within 30 s of recovery", (upS, downS) => {
  const chance = createRandom(1);
  for (let run = 0; run < 50; run++) {
    clock = createManualClock();
    breaker = new Breaker(BREAKER_DEFAULTS, clock, chance);
    while (clock.now() < 60_000 || breaker.state !== "closed") {
      const up = clock.now() >= 60_000 || (clock.now() / 1000) % (upS + downS) < upS;
      breaker.tryEnter()?.ended(up ? SUCCESS : UPSTREAM_ERROR);
      clock.advance(20);
    }
    expect(clock.now()).toBeLessThanOrEqual(90_020);
  }
});

type Step =
  | { readonly do: "enter" | "force" }
  | { readonly do: "wait"; readonly ms: number }
  | { readonly do: "answering"; readonly which: number }
  | { readonly do: "end"; readonly which: number; readonly reason: ErrorReason };

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Step>({ do: "enter" }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: "force" }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 5000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("answering" as const), which: fc.nat(20) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("end" as const),
      which: fc.nat(20),
      reason: fc.constantFrom(SUCCESS, UPSTREAM_ERROR, UPSTREAM_ERROR, CANCELLED),
    }),
  },
);

test("whatever happens, one probe is out at most, and a target is never lost for longer than a minute", () => {
  fc.assert(
    fc.property(
      fc.array(steps, { maxLength: 200 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (given, chance) => {
        clock = createManualClock();
        random = chance;
        breaker = create();
        const open: { readonly pass: ReturnType<Breaker["enterAnyway"]>; probe: boolean }[] = [];
        for (const step of given) {
          if (step.do === "wait") clock.advance(step.ms);
          else if (step.do === "answering") open[step.which]?.pass.answering();
          else if (step.do === "end") open.splice(step.which, 1)[0]?.pass.ended(step.reason);
          else {
            const passable = breaker.passable;
            const closed = breaker.state === "closed";
            const due = clock.now() >= breaker.probeAt;
            const pass = step.do === "enter" ? breaker.tryEnter() : breaker.enterAnyway();
            if (step.do === "enter") expect(pass !== undefined).toBe(passable);
            if (step.do === "enter" && !closed && pass !== undefined) expect(due).toBe(true);
            if (pass !== undefined) open.push({ pass, probe: passable && !closed });
          }
          if (breaker.state === "half-open" && !breaker.passable && clock.now() >= breaker.probeAt) {
            expect(open.filter(({ probe }) => probe).length).toBeGreaterThanOrEqual(1);
          }
          expect(breaker.probeAt - clock.now()).toBeLessThanOrEqual(60_000);
        }
        // Nobody is out any more, and time has passed: there must be a way back.
        for (const { pass } of open) pass.ended(CANCELLED);
        clock.advance(60_000);
        const pass = breaker.tryEnter();
        expect(pass).toBeDefined();
        pass?.ended(SUCCESS);
        expect(breaker.state).toBe("closed");
      },
    ),
    { numRuns: 1000 },
  );
});

import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { BREAKER_DEFAULTS, Breaker } from "../../src/routing/breaker.ts";
import { findCandidates, type Health } from "../../src/routing/candidates.ts";
import { NotBefore } from "../../src/routing/not-before.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";

type Name = "a" | "b" | "c";
const names: readonly Name[] = ["a", "b", "c"];

let clock: ManualClock;
let health: Record<Name, Health>;

beforeEach(() => {
  clock = createManualClock();
  const one = (): Health => ({
    breaker: new Breaker(BREAKER_DEFAULTS, clock, () => 0.5),
    notBefore: new NotBefore(clock),
  });
  health = { a: one(), b: one(), c: one() };
});

const find = (targets: readonly Name[] = names) => findCandidates(targets, (name) => health[name]);

function fail(name: Name, count = 5): void {
  for (let n = 0; n < count; n++) health[name].breaker.enterAnyway().ended(ErrorReason.UPSTREAM_ERROR);
}

test("are all targets in their order while all are well", () => {
  expect(find()).toEqual({ targets: ["a", "b", "c"], skipped: [], lastStanding: false, retryAfterMs: undefined });
});

test("leave out open and deferred ones", () => {
  fail("a");
  health.b.notBefore.defer(1000, "");
  const skipped = [
    { target: "a", because: "open" },
    { target: "b", because: "deferred" },
  ];
  expect(find()).toEqual({ targets: ["c"], skipped, lastStanding: false, retryAfterMs: undefined });
});

test("have one again in its place once its probe is due, and not a second time while that is out", () => {
  fail("a");
  clock.advance(750);
  expect(find().targets).toEqual(["a", "b", "c"]);
  health.a.breaker.tryEnter();
  expect(find().targets).toEqual(["b", "c"]);
});

test("are the one whose probe is due first where all are open", () => {
  fail("a");
  clock.advance(100);
  fail("b");
  fail("c");
  expect(find()).toMatchObject({ targets: ["a"], lastStanding: true });
  clock.advance(1);
  fail("a", 1);
  expect(find()).toMatchObject({ targets: ["b"], lastStanding: true });
});

test("are an open target that is the only one", () => {
  fail("b");
  expect(find(["b"])).toEqual({ targets: ["b"], skipped: [], lastStanding: true, retryAfterMs: undefined });
});

test("are an open target where the others are deferred", () => {
  fail("b");
  health.a.notBefore.defer(1000, "");
  health.c.notBefore.defer(1000, "");
  expect(find()).toMatchObject({ targets: ["b"], lastStanding: true });
});

test("are none where all are deferred, and say until when", () => {
  health.a.notBefore.defer(3000, "");
  health.b.notBefore.defer(2000, "");
  health.c.notBefore.defer(9000, "");
  clock.advance(500);
  expect(find()).toMatchObject({ targets: [], lastStanding: false, retryAfterMs: 1500 });
});

test("are none of none", () => {
  expect(find([])).toEqual({ targets: [], skipped: [], lastStanding: false, retryAfterMs: undefined });
});

test("never are deferred, and never none while one is not", () => {
  const state = fc.constantFrom("well", "open", "deferred");
  fc.assert(
    fc.property(fc.array(state, { minLength: 1, maxLength: 5 }), (states) => {
      const all = states.map((each, n) => {
        const breaker = new Breaker(BREAKER_DEFAULTS, clock, () => 0.5);
        const notBefore = new NotBefore(clock);
        if (each === "open") for (let k = 0; k < 5; k++) breaker.enterAnyway().ended(ErrorReason.UPSTREAM_ERROR);
        if (each === "deferred") notBefore.defer(n + 1, "");
        return { each, breaker, notBefore };
      });
      const { targets, skipped, lastStanding, retryAfterMs } = findCandidates(all, (one) => one);
      const well = all.filter(({ each }) => each === "well");
      const open = all.filter(({ each }) => each === "open");
      expect(targets).toEqual(well.length > 0 ? well : open.slice(0, 1));
      expect(lastStanding).toBe(well.length === 0 && open.length > 0);
      expect(targets.length + skipped.length).toBe(all.length);
      expect(retryAfterMs === undefined).toBe(targets.length > 0);
    }),
  );
});

import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { NotBefore } from "../../src/routing/not-before.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";

let clock: ManualClock;
let notBefore: NotBefore;

beforeEach(() => {
  clock = createManualClock();
  notBefore = new NotBefore(clock);
});

test("is no wait at first", () => {
  expect([notBefore.waitMs, notBefore.why]).toEqual([0, ""]);
});

test("waits as long as it was told, to the millisecond", () => {
  notBefore.defer(2000, "retry-after");
  clock.advance(1999);
  expect([notBefore.waitMs, notBefore.why]).toEqual([1, "retry-after"]);
  clock.advance(1);
  expect(notBefore.waitMs).toBe(0);
});

test("waits a minute at most, or what else is the most", () => {
  notBefore.defer(1e9, "");
  expect(notBefore.waitMs).toBe(60_000);
  const patient = new NotBefore(clock, 3_600_000);
  patient.defer(Number.POSITIVE_INFINITY, "");
  expect(patient.waitMs).toBe(3_600_000);
});

test("moves to later only", () => {
  notBefore.defer(5000, "first");
  notBefore.defer(1000, "second");
  expect([notBefore.waitMs, notBefore.why]).toEqual([5000, "first"]);
  clock.advance(4500);
  notBefore.defer(1000, "third");
  expect([notBefore.waitMs, notBefore.why]).toEqual([1000, "third"]);
});

test.each([0, -1, Number.NaN, Number.NEGATIVE_INFINITY])("ignores %d", (ms) => {
  notBefore.defer(ms, "");
  expect(notBefore.waitMs).toBe(0);
});

test("no attempt that asks first is early, whatever was said when", () => {
  const said = fc.record({ afterMs: fc.integer({ min: 0, max: 5000 }), ms: fc.integer({ min: -100, max: 60_000 }) });
  fc.assert(
    fc.property(fc.array(said), (all) => {
      clock = createManualClock();
      notBefore = new NotBefore(clock);
      let until = 0;
      for (const { afterMs, ms } of all) {
        clock.advance(afterMs);
        notBefore.defer(ms, "");
        if (ms > 0) until = Math.max(until, clock.now() + ms);
        expect(notBefore.waitMs).toBe(Math.max(0, until - clock.now()));
      }
    }),
  );
});

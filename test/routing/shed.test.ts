import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { PRIORITIES } from "../../src/routing/priority.ts";
import { SHED_DEFAULTS, Shedder } from "../../src/routing/shed.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";

let clock: ManualClock;
let shedder: Shedder;

beforeEach(() => {
  clock = createManualClock();
  shedder = new Shedder(SHED_DEFAULTS, clock);
});

const update = (loopDelayMs: number, heapUsed = 0.3) => shedder.update({ loopDelayMs, heapUsed });

/** The level after each of so many updates in a row, a quarter of a second apart. */
function hold(updates: number, loopDelayMs: number, heapUsed = 0.3): number[] {
  return Array.from({ length: updates }, () => {
    clock.advance(250);
    return update(loopDelayMs, heapUsed);
  });
}

test.each([
  [0, 0.3, 0, ""],
  [49, 0.79, 0, ""],
  [50, 0.3, 1, "event loop delayed by 50 ms"],
  [100, 0.3, 2, "event loop delayed by 100 ms"],
  [250, 0.3, 3, "event loop delayed by 250 ms"],
  [0, 0.8, 1, "80 % of the heap used"],
  [0, 0.88, 2, "88 % of the heap used"],
  [60, 0.95, 3, "95 % of the heap used"],
])("with %d ms of delay and %d of the heap, the level is %d at once", (loopDelayMs, heapUsed, level, why) => {
  expect([update(loopDelayMs, heapUsed), shedder.level, shedder.why]).toEqual([level, level, why]);
});

test("batch is shed first, interactive last", () => {
  const admitted = [0, 50, 100, 250].map((delay) => {
    update(delay);
    return PRIORITIES.filter((priority) => shedder.admits(priority));
  });
  expect(admitted).toEqual([["interactive", "default", "batch"], ["interactive", "default"], ["interactive"], []]);
});

test("falls by a step for each second of calm", () => {
  update(300);
  expect(hold(13, 0)).toEqual([3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0]);
  expect(shedder.why).toBe("");
});

test("does not fall while the pressure is only just below", () => {
  update(100);
  expect(new Set(hold(20, 81))).toEqual(new Set([2]));
  expect(hold(5, 79).at(-1)).toBe(1);
});

test("waits for the calm anew after each peak", () => {
  update(60);
  expect(hold(4, 0).at(-1)).toBe(1);
  expect(hold(1, 45).at(-1)).toBe(1);
  expect(hold(4, 0).at(-1)).toBe(1);
  expect(hold(1, 0).at(-1)).toBe(0);
});

test("does not fall for a calm loop while the heap is full", () => {
  update(300, 0.95);
  expect(new Set(hold(20, 0, 0.9))).toEqual(new Set([3]));
});

test("never flaps: a steady pressure leads to one level and stays there", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 400, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (delay, heap) => {
        shedder = new Shedder(SHED_DEFAULTS, clock);
        shedder.update({ loopDelayMs: 1000, heapUsed: 1 });
        const levels = hold(40, delay, heap);
        expect(levels).toEqual(levels.toSorted((a, b) => b - a));
        expect(new Set(levels.slice(20)).size).toBe(1);
      },
    ),
  );
});

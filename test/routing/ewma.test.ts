import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { Latency, outputClass, PeakEwma } from "../../src/routing/ewma.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";

let clock: ManualClock;

beforeEach(() => {
  clock = createManualClock();
});

describe("the average", () => {
  test("is not known before the first value, and then is that", () => {
    const average = new PeakEwma(clock);
    expect(average.value).toBeUndefined();
    average.observe(300);
    expect(average.value).toBe(300);
  });

  test("believes a peak at once, and what is lower bit by bit", () => {
    const average = new PeakEwma(clock);
    average.observe(100);
    average.observe(2000);
    expect(average.value).toBe(2000);
    clock.advance(1000);
    average.observe(100);
    expect(average.value).toBeCloseTo(2000 * Math.exp(-0.1) + 100 * (1 - Math.exp(-0.1)), 6);
  });

  test("fades without news", () => {
    const average = new PeakEwma(clock);
    average.observe(1000);
    clock.advance(10_000);
    expect(average.value).toBeCloseTo(1000 / Math.E, 6);
    clock.advance(1e9);
    expect(average.value).toBe(0);
  });

  test("never is above the highest value or below 0", () => {
    const seen = fc.array(fc.tuple(fc.integer({ min: 0, max: 30_000 }), fc.double({ min: 0, max: 1e6, noNaN: true })));
    fc.assert(
      fc.property(seen, (all) => {
        const average = new PeakEwma(clock);
        let highest = 0;
        for (const [afterMs, value] of all) {
          clock.advance(afterMs);
          average.observe(value);
          highest = Math.max(highest, value);
          expect(average.value).toBeGreaterThanOrEqual(0);
          expect(average.value).toBeLessThanOrEqual(highest * (1 + 1e-9));
        }
      }),
    );
  });
});

test.each([
  [1, 0],
  [256, 0],
  [257, 1],
  [2048, 1],
  [2049, 2],
  [undefined, 2],
])("a call for %s output tokens is of class %d", (tokens, expected) => {
  expect(outputClass(tokens)).toBe(expected);
});

describe("a target's score", () => {
  test("is 0 for one that nobody knows, but not while somebody is finding out", () => {
    const latency = new Latency(clock);
    expect(latency.score(0)).toBe(0);
    latency.start();
    expect(latency.score(0)).toBe(Number.POSITIVE_INFINITY);
    latency.finish(0, undefined);
    expect(latency.score(0)).toBe(0);
  });

  test("is the average, times those that wait", () => {
    const latency = new Latency(clock);
    latency.start();
    latency.finish(0, 200);
    expect(latency.score(0)).toBe(200);
    latency.start();
    latency.start();
    expect(latency.score(0)).toBe(600);
  });

  test("is of its class only", () => {
    const latency = new Latency(clock);
    latency.start();
    latency.finish(2, 9000);
    expect([latency.score(0), latency.score(2)]).toEqual([0, 9000]);
  });

  test("lets a slow target be tried again after a while", () => {
    const slow = new Latency(clock);
    const usual = new Latency(clock);
    slow.start();
    slow.finish(0, 2000);
    for (let second = 0; second < 30; second++) {
      usual.start();
      usual.finish(0, 200);
      clock.advance(1000);
    }
    expect(slow.score(0)).toBeLessThan(usual.score(0));
  });
});

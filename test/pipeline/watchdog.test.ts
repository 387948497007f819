import { beforeEach, expect, test } from "vitest";
import type { Clock } from "../../src/domain/clock.ts";
import { Watchdog } from "../../src/pipeline/watchdog.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

let clock: ManualClock;
let barks: number[];
let watchdog: Watchdog;

beforeEach(() => {
  clock = createManualClock();
  barks = [];
  watchdog = new Watchdog(clock, () => barks.push(clock.now()));
});

test("barks once, at the instant", () => {
  watchdog.waitUntil(100);
  clock.advance(99);
  expect(barks).toEqual([]);
  clock.advance(1000);
  expect(barks).toEqual([100]);
  expect(clock.timers).toBe(0);
});

test("barks at once for an instant that has passed", () => {
  clock.advance(50);
  watchdog.waitUntil(20);
  clock.advance(0);
  expect(barks).toEqual([50]);
});

test("never barks while nothing is waited for, however long", () => {
  watchdog.waitUntil(100);
  watchdog.came();
  clock.advance(1_000_000);
  expect(barks).toEqual([]);
  expect(clock.timers).toBe(0);
});

test("barks for a wait that begins after a long rest", () => {
  watchdog.waitUntil(100);
  watchdog.came();
  clock.advance(5000);
  watchdog.waitUntil(5100);
  clock.advance(200);
  expect(barks).toEqual([5100]);
});

test("moves a wait to an earlier instant", () => {
  watchdog.waitUntil(1000);
  watchdog.waitUntil(100);
  clock.advance(1000);
  expect(barks).toEqual([100]);
});

test("moves a wait to a later instant", () => {
  watchdog.waitUntil(100);
  watchdog.waitUntil(1000);
  clock.advance(999);
  expect(barks).toEqual([]);
  clock.advance(1);
  expect(barks).toEqual([1000]);
});

test("needs one timer for a thousand waits in a row", () => {
  for (let at = 0; at < 1000; at++) {
    watchdog.waitUntil(clock.now() + 30_000);
    clock.advance(1);
    watchdog.came();
  }
  expect(clock.scheduled).toBe(1);
  watchdog.waitUntil(clock.now() + 30_000);
  clock.advance(30_000);
  expect(barks).toEqual([31_000]);
});

test("is silent for ever once stopped", () => {
  watchdog.waitUntil(100);
  watchdog.stop();
  clock.advance(1000);
  expect(barks).toEqual([]);
  expect(clock.timers).toBe(0);
});

test("waits on where a timer fires too early", () => {
  const tasks: (() => void)[] = [];
  let now = 0;
  const hasty: Clock = {
    now: () => now,
    wallNow: () => 0,
    schedule(_, task) {
      tasks.push(task);
      return { cancel: () => {} };
    },
  };
  const dog = new Watchdog(hasty, () => barks.push(now));
  dog.waitUntil(100);
  now = 99.4;
  tasks.shift()?.();
  expect(barks).toEqual([]);
  now = 100;
  tasks.shift()?.();
  expect(barks).toEqual([100]);
});

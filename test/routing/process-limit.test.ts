import { beforeEach, expect, test } from "vitest";
import { ProcessLimit } from "../../src/routing/process-limit.ts";

let limit: ProcessLimit;

beforeEach(() => {
  limit = new ProcessLimit({ initial: 100, min: 10, max: 400, maxLoopDelayMs: 10 });
});

/** As lasting as it takes to be believed. */
function stayLate(load = slow): void {
  limit.update(load);
  limit.update(load);
}

function acquire(count: number): number {
  let got = 0;
  while (got < count && limit.tryAcquire()) got++;
  return got;
}

function release(count: number): void {
  for (let at = 0; at < count; at++) limit.release();
}

const calm = { delayMs: 1, busy: 0.5 };
const slow = { delayMs: 40, busy: 1 };

test("has as many places as its limit", () => {
  expect([acquire(1000), limit.inUse]).toEqual([100, 100]);
  release(1);
  expect([acquire(1000), limit.inUse]).toEqual([1, 100]);
});

test("starts at no more than the most", () => {
  expect(new ProcessLimit({ initial: 100, min: 1, max: 7, maxLoopDelayMs: 10 }).limit).toBe(7);
});

test("grows to the most while it is used and the loop has time", () => {
  for (let at = 0; at < 10; at++) {
    acquire(1000);
    limit.update(calm);
  }
  expect(limit.limit).toBe(400);
});

test("grows little where the loop is busy but keeps up", () => {
  acquire(100);
  limit.update({ delayMs: 5, busy: 1 });
  expect(limit.limit).toBe(102);
});

test("learns nothing while less of it is used", () => {
  acquire(74);
  limit.update(calm);
  expect(limit.limit).toBe(100);
});

test("falls with what was used where a busy loop is late, by as much as it is late but no more than a third", () => {
  acquire(80);
  stayLate({ delayMs: 12.5, busy: 1 });
  expect(limit.limit).toBe(71);
  release(20);
  limit.update(slow);
  expect(limit.limit).toBe(50);
});

test("does not fall further until there are no more calls than it says", () => {
  acquire(100);
  stayLate();
  const fallen = limit.limit;
  for (let at = 0; at < 20; at++) limit.update(slow);
  expect([fallen, limit.limit]).toEqual([70, 70]);
  release(40);
  limit.update(slow);
  expect(limit.limit).toBeLessThan(70);
});

test("does not fall for one slow look", () => {
  acquire(100);
  limit.update(slow);
  expect(limit.limit).toBe(100);
});

test("does not fall where the loop is late for others' work", () => {
  acquire(50);
  stayLate({ delayMs: 500, busy: 0.6 });
  expect(limit.limit).toBe(100);
});

test("never falls below the least", () => {
  for (let at = 0; at < 50; at++) {
    acquire(1);
    limit.update(slow);
    limit.update(slow);
    release(1);
  }
  expect(limit.limit).toBe(10);
});

test("what is sustainable is found again once the loop has time", () => {
  acquire(100);
  stayLate();
  release(100);
  for (let at = 0; at < 5; at++) {
    const got = acquire(90);
    limit.update(calm);
    release(got);
  }
  expect(limit.limit).toBeGreaterThanOrEqual(90);
});

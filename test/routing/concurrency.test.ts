import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import { CONCURRENCY_DEFAULTS, ConcurrencyLimit, type Slot } from "../../src/routing/concurrency.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";
import { createRandom } from "./random.ts";

let clock: ManualClock;
let limit: ConcurrencyLimit;

beforeEach(() => {
  clock = createManualClock();
  limit = new ConcurrencyLimit(CONCURRENCY_DEFAULTS, clock);
});

function acquireAll(delivery: "stream" | "unary" = "stream"): Slot[] {
  const slots: Slot[] = [];
  for (let slot = limit.tryAcquire(delivery); slot !== undefined; slot = limit.tryAcquire(delivery)) slots.push(slot);
  return slots;
}

/** For some seconds, asks as much as it may; each first token comes after as long as `tokenMs` says of those that wait. */
function load(seconds: number, tokenMs: (waiting: number) => number): void {
  const stopsAt = clock.now() + seconds * 1000;
  while (clock.now() < stopsAt) {
    const startedAt = clock.now();
    const slots = acquireAll();
    const tokens = slots.map((slot) => ({ slot, at: startedAt + tokenMs(slots.length) }));
    for (const { slot, at } of tokens.sort((a, b) => a.at - b.at)) {
      clock.advance(at - clock.now());
      slot.firstToken();
    }
  }
}

/** As a server that works on some at a time, and queues the others. */
function server(places: number, tokenMs: number): (waiting: number) => number {
  return (waiting) => tokenMs * Math.max(1, waiting / places);
}

describe("the places", () => {
  test("are twenty at first", () => {
    expect(acquireAll().length).toBe(20);
    expect([limit.inFlight, limit.limit]).toEqual([20, 20]);
  });

  test("are free again with the first token, once", () => {
    const [slot] = acquireAll();
    slot?.firstToken();
    slot?.firstToken();
    slot?.ended("answered");
    expect(limit.inFlight).toBe(19);
  });

  test.each(["answered", "overloaded", "other"] as const)("are free again with an end that is %s, once", (how) => {
    const [slot] = acquireAll();
    slot?.ended(how);
    slot?.ended(how);
    slot?.firstToken();
    expect(limit.inFlight).toBe(19);
  });
});

describe("the limit", () => {
  test("doubles while the target shows no strain, up to the most", () => {
    load(20, () => 300);
    expect(limit.limit).toBe(CONCURRENCY_DEFAULTS.max);
  });

  test("stays where half of it is not used", () => {
    for (let n = 0; n < 1000; n++) {
      const slots = Array.from({ length: 9 }, () => limit.tryAcquire("stream"));
      clock.advance(100);
      for (const slot of slots) slot?.firstToken();
    }
    expect(limit.limit).toBe(20);
  });

  test("settles within reach of what a server can do at once, and stays there", () => {
    load(60, server(100, 300));
    const settled: number[] = [];
    for (let n = 0; n < 60; n++) {
      load(10, server(100, 300));
      settled.push(limit.limit);
    }
    expect(Math.min(...settled)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...settled)).toBeLessThanOrEqual(300);
  });

  test("falls where first tokens come later than usual, and rises again after", () => {
    load(30, () => 300);
    load(60, () => 3000);
    const low = limit.limit;
    expect(low).toBeLessThan(500);
    load(60, () => 300);
    expect(limit.limit).toBeGreaterThan(low);
  });

  test("does not mind that prompts differ", () => {
    const random = createRandom(1);
    load(60, () => 200 + random() * 400);
    expect(limit.limit).toBe(CONCURRENCY_DEFAULTS.max);
  });

  test("does not hear how long answers take after their first token", () => {
    const slots = acquireAll();
    clock.advance(300);
    for (const slot of slots) slot.firstToken();
    clock.advance(600_000);
    for (const slot of slots) slot.ended("answered");
    load(20, () => 300);
    expect(limit.limit).toBe(CONCURRENCY_DEFAULTS.max);
  });

  test("falls by a tenth with refusals for overload, once in half a second", () => {
    for (const slot of acquireAll()) slot.ended("overloaded");
    expect(limit.limit).toBe(18);
    clock.advance(500);
    for (const slot of acquireAll()) slot.ended("overloaded");
    expect(limit.limit).toBe(16);
  });

  test("does not hear of callers that left", () => {
    for (let n = 0; n < 50; n++) {
      for (const slot of acquireAll()) slot.ended("other");
      clock.advance(1000);
    }
    expect(limit.limit).toBe(20);
  });

  test("never is below the least", () => {
    for (let n = 0; n < 100; n++) {
      clock.advance(500);
      limit.tryAcquire("stream")?.ended("overloaded");
    }
    expect(limit.limit).toBe(CONCURRENCY_DEFAULTS.min);
  });
});

describe("answers that do not stream", () => {
  test("hold a place until they are presumed to be under way", () => {
    expect(acquireAll("unary").length).toBe(20);
    clock.advance(999);
    expect(limit.tryAcquire("unary")).toBeUndefined();
    clock.advance(1);
    expect(limit.inFlight).toBe(0);
    expect(acquireAll("unary").length).toBe(20);
  });

  test("hold it for as long as streams show that it takes", () => {
    load(2, () => 300);
    const all = acquireAll("unary").length;
    clock.advance(299);
    expect(limit.inFlight).toBe(all);
    clock.advance(1);
    expect(limit.inFlight).toBe(0);
  });

  test("are not measured, should somebody see their first token", () => {
    for (let n = 0; n < 10; n++) {
      const slots = acquireAll("unary");
      clock.advance(500);
      for (const slot of slots) slot.firstToken();
    }
    expect(limit.limit).toBe(20);
  });

  test("free their place once, whatever comes first", () => {
    const [early, late] = acquireAll("unary");
    early?.ended("answered");
    expect(limit.inFlight).toBe(19);
    clock.advance(1000);
    expect(limit.inFlight).toBe(0);
    late?.ended("answered");
    expect(limit.inFlight).toBe(0);
  });

  test("raise the limit as they come, each by one until the first refusal", () => {
    for (const slot of acquireAll("unary")) slot.ended("answered");
    expect(limit.limit).toBe(40);
    limit.tryAcquire("unary")?.ended("overloaded");
    expect(limit.limit).toBe(36);
    for (const slot of acquireAll("unary").slice(0, 35)) slot.ended("answered");
    expect(limit.limit).toBe(36);
  });
});

test("whatever happens, places are counted right and the limit keeps its bounds", () => {
  const step = fc.record({
    afterMs: fc.integer({ min: 0, max: 800 }),
    acquire: fc.integer({ min: 0, max: 30 }),
    delivery: fc.constantFrom("stream" as const, "unary" as const),
    end: fc.array(fc.constantFrom("token" as const, "answered" as const, "overloaded" as const, "other" as const)),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      clock = createManualClock();
      limit = new ConcurrencyLimit(CONCURRENCY_DEFAULTS, clock);
      const held: Slot[] = [];
      for (const { afterMs, acquire, delivery, end } of steps) {
        clock.advance(afterMs);
        for (let n = 0; n < acquire; n++) {
          const slot = limit.tryAcquire(delivery);
          if (slot !== undefined) held.push(slot);
        }
        for (const how of end) {
          const slot = held.shift();
          if (how === "token") slot?.firstToken();
          else slot?.ended(how);
        }
        expect(limit.inFlight).toBeGreaterThanOrEqual(0);
        expect(limit.inFlight).toBeLessThanOrEqual(held.length);
        expect(limit.limit).toBeGreaterThanOrEqual(CONCURRENCY_DEFAULTS.min);
        expect(limit.limit).toBeLessThanOrEqual(CONCURRENCY_DEFAULTS.max);
      }
      for (const slot of held) slot.ended("other");
      expect(limit.inFlight).toBe(0);
    }),
  );
});

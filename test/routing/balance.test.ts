import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cascade, cheapest, fastest, type Weighted, weighted } from "../../src/routing/balance.ts";
import { createRandom } from "./random.ts";

function choices(weights: Readonly<Record<string, number>>): Weighted<string>[] {
  return Object.entries(weights).map(([name, weight]) => ({ target: name, name, weight }));
}

const keys = Array.from({ length: 10_000 }, (_, n) => `user-${n}`);

/** First targets of many keys. */
function firsts(weights: Readonly<Record<string, number>>): (string | undefined)[] {
  const all = choices(weights);
  return keys.map((key) => weighted(all, key, () => 0).targets[0]);
}

function share(of: string, all: readonly (string | undefined)[]): number {
  return all.filter((each) => each === of).length / all.length;
}

test("cascade keeps the order", () => {
  expect(cascade(["b", "a"])).toEqual({ targets: ["b", "a"], reason: "cascade" });
});

describe("weighted", () => {
  test("gives each key its target, whatever the random number and the order", () => {
    const order = weighted(choices({ a: 60, b: 40 }), "user-1", () => 0.1);
    expect(order.reason).toBe("weighted:sticky");
    expect(weighted(choices({ b: 40, a: 60 }), "user-1", () => 0.9)).toEqual(order);
  });

  test("shares keys by weight", () => {
    const all = firsts({ a: 60, b: 30, c: 10 });
    expect(share("a", all)).toBeCloseTo(0.6, 1);
    expect(share("b", all)).toBeCloseTo(0.3, 1);
    expect(share("c", all)).toBeCloseTo(0.1, 1);
  });

  test("shares calls by weight without a key", () => {
    const random = createRandom(1);
    const all = keys.map(() => weighted(choices({ a: 60, b: 40 }), undefined, random));
    expect(
      share(
        "a",
        all.map(({ targets }) => targets[0]),
      ),
    ).toBeCloseTo(0.6, 1);
    expect(all[0]?.reason).toBe("weighted:random");
  });

  test("moves only what a new weight must move, and only to the one that grew", () => {
    const before = firsts({ a: 60, b: 40 });
    const after = firsts({ a: 70, b: 40 });
    const moved = before.filter((target, n) => target !== after[n]);
    expect(new Set(moved)).toEqual(new Set(["b"]));
    expect(moved.length / keys.length).toBeCloseTo(70 / 110 - 0.6, 2);
  });

  test("moves to a new target only what it gets", () => {
    const before = firsts({ a: 50, b: 50 });
    const after = firsts({ a: 50, b: 50, c: 50 });
    expect(after.every((target, n) => target === before[n] || target === "c")).toBe(true);
    expect(share("c", after)).toBeCloseTo(1 / 3, 1);
  });

  test("shares what one leaves by the weights of the others", () => {
    const second = keys
      .map((key) => weighted(choices({ a: 50, b: 40, c: 10 }), key, () => 0).targets)
      .filter(([first]) => first === "a")
      .map(([, next]) => next);
    expect(share("b", second)).toBeCloseTo(0.8, 1);
  });

  test("asks one without weight only after all others, in their order", () => {
    const all = keys.map((key) => weighted(choices({ x: 0, a: 1, y: 0, b: 1 }), key, () => 0).targets);
    for (const targets of all) expect(targets.slice(2)).toEqual(["x", "y"]);
    expect(weighted(choices({ x: 0, a: 1 }), undefined, () => 0).targets).toEqual(["a", "x"]);
  });

  test("names all targets once, whatever the weights", () => {
    const weights = fc.dictionary(
      fc.string({ minLength: 1 }),
      fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1e9 })),
    );
    fc.assert(
      fc.property(weights, fc.option(fc.string(), { nil: undefined }), (given, key) => {
        const { targets } = weighted(choices(given), key, createRandom(2));
        expect(targets.toSorted()).toEqual(Object.keys(given).sort());
      }),
    );
  });
});

describe("cheapest", () => {
  const order = (costs: Readonly<Record<string, number | undefined>>) =>
    cheapest(Object.keys(costs), (name) => costs[name]);

  test("goes from cheap to dear, with unknown prices at the end", () => {
    const costs = { dear: 900, unknown: undefined, cheap: 10, free: 0, other: undefined, middling: 50 };
    expect(order(costs)).toEqual({
      targets: ["free", "cheap", "middling", "dear", "unknown", "other"],
      reason: "cheapest",
    });
  });

  test("keeps the order of equals, and of those without any price", () => {
    expect(order({ b: 1, a: 1, c: 1 }).targets).toEqual(["b", "a", "c"]);
    expect(order({ b: undefined, a: undefined })).toEqual({ targets: ["b", "a"], reason: "cheapest:unpriced" });
  });
});

describe("fastest", () => {
  test("takes the faster of two", () => {
    const scores: Readonly<Record<string, number>> = { slow: 900, fast: 100 };
    const random = createRandom(3);
    for (let n = 0; n < 100; n++) {
      const order = fastest(["slow", "fast"], (name) => scores[name] ?? 0, random);
      expect(order).toEqual({ targets: ["fast", "slow"], reason: "fastest" });
    }
  });

  test("of many, sends most to the fast and some to all but the slowest", () => {
    const names = ["a", "b", "c", "d"];
    const random = createRandom(4);
    const all = Array.from({ length: 10_000 }, () => fastest(names, (name) => names.indexOf(name) + 1, random).targets);
    const first = all.map(([target]) => target);
    // Two of four: the fastest is among them in three of six pairs, the next one in two of those that remain.
    expect(["a", "b", "c", "d"].map((name) => Math.round(share(name, first) * 10) / 10)).toEqual([0.5, 0.3, 0.2, 0]);
  });

  test("goes on by speed after the first", () => {
    const names = ["d", "b", "c", "a"];
    const { targets } = fastest(
      names,
      (name) => name.charCodeAt(0),
      () => 0,
    );
    expect(targets).toEqual(["b", "a", "c", "d"]);
  });

  test("tries one that is not known, and says so", () => {
    const score = (name: string): number => (name === "new" ? 0 : 100);
    const order = fastest(["known", "new"], score, createRandom(5));
    expect(order).toEqual({ targets: ["new", "known"], reason: "fastest:unknown" });
  });

  test("names all targets once, whatever the scores", () => {
    const scores = fc.array(fc.oneof(fc.double({ min: 0, noNaN: true }), fc.constant(Number.POSITIVE_INFINITY)));
    fc.assert(
      fc.property(scores, fc.integer(), (given, seed) => {
        const names = given.map((_, n) => n);
        const { targets } = fastest(names, (n) => given[n] ?? 0, createRandom(seed));
        expect(targets.toSorted((a, b) => a - b)).toEqual(names);
        const rest = targets.slice(1).map((n) => given[n] ?? 0);
        expect(rest).toEqual(rest.toSorted((a, b) => a - b));
      }),
    );
  });
});

import { expect, test } from "vitest";
import { hashToShare } from "../../src/routing/hash.ts";

test("gives the same shares for ever: canaries must not move with a version", () => {
  expect([hashToShare("user-1"), hashToShare("canary", "user-1"), hashToShare("")]).toEqual([
    0.533625622978434, 0.23372491565532982, 0.8700884196441621,
  ]);
});

test("tells where one text ends and the next begins", () => {
  expect(hashToShare("ab", "c")).not.toBe(hashToShare("a", "bc"));
  expect(hashToShare("a", "")).not.toBe(hashToShare("a"));
});

test.each([
  ["counted", (n: number) => `user-${n}`],
  ["long", (n: number) => `${"x".repeat(200)}${n}`],
  ["counted in front", (n: number) => `${n}-tenant`],
])("spreads %s keys evenly", (_, key) => {
  const buckets = new Array<number>(20).fill(0);
  for (let n = 0; n < 40_000; n++) {
    const at = Math.floor(hashToShare("rule", key(n)) * 20);
    buckets[at] = (buckets[at] ?? 0) + 1;
  }
  // Twenty degrees of freedom less one: chance is above 44 once in a thousand.
  const chiSquare = buckets.reduce((sum, count) => sum + (count - 2000) ** 2 / 2000, 0);
  expect(chiSquare).toBeLessThan(44);
});

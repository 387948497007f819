import fc from "fast-check";
import { expect, test } from "vitest";
import { Buckets } from "../../src/routing/buckets.ts";

test("sums what is in the newest buckets, the current one included", () => {
  const buckets = new Buckets(10, 3, 2);
  buckets.add(0, 1, 5);
  buckets.add(0, 2, 15);
  buckets.add(1, 7, 15);
  buckets.add(0, 4, 25);
  expect([1, 2, 3].map((newest) => buckets.sum(0, 25, newest))).toEqual([4, 6, 7]);
  expect([buckets.sum(0, 30), buckets.sum(0, 40), buckets.sum(0, 1000)]).toEqual([6, 4, 0]);
});

test("agrees with a list of everything, at any times", () => {
  const entries = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 100 }), amount: fc.integer({ max: 9 }) }));
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 10 }), (all, bucketMs, count) => {
      const buckets = new Buckets(bucketMs, count, 1);
      const seen: { at: number; amount: number }[] = [];
      let now = 0;
      for (const { afterMs, amount } of all) {
        now += afterMs;
        seen.push({ at: now, amount });
        buckets.add(0, amount, now);
        for (let newest = 1; newest <= count; newest++) {
          const from = Math.floor(now / bucketMs) - newest;
          const expected = seen
            .filter(({ at }) => Math.floor(at / bucketMs) > from)
            .reduce((sum, each) => sum + each.amount, 0);
          expect(buckets.sum(0, now, newest)).toBe(expected);
        }
      }
    }),
  );
});

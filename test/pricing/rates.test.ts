import { describe, expect, test } from "vitest";
import { findDiscount, findNanoUsd, formatUsd } from "../../src/pricing/rates.ts";

describe("USD for a million tokens become whole nano-USD", () => {
  test.each([
    [0, 0],
    [3, 3_000_000_000],
    [0.0375, 37_500_000],
    [1.1, 1_100_000_000],
    [600, 600_000_000_000],
    [1e-9, 1],
    [1e-7, 100],
    [2.5e-8, 25],
    [0.123456789, 123_456_789],
  ])("%d → %d", (usd, nanoUsd) => {
    expect(findNanoUsd(usd)).toBe(nanoUsd);
  });

  test.each([0.18000000000000002, 1e-10, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e21, 1e7])("not %d", (usd) => {
    expect(findNanoUsd(usd)).toBeUndefined();
  });
});

test.each([
  [12.5, 12_500_000],
  [100, 100_000_000],
  [0.0000001, undefined],
])("a discount of %d %% becomes millionths of a percent point", (percent, discount) => {
  expect(findDiscount(percent)).toBe(discount);
});

test.each([
  [0, "0.00"],
  [2_500_000_000, "2.50"],
  [37_500_000, "0.0375"],
  [600_000_000_000, "600.00"],
  [1, "0.000000001"],
])("%d nano-USD are written as %s USD", (nanoUsd, text) => {
  expect(formatUsd(nanoUsd)).toBe(text);
});

/** Usage × price, in whole nano-USD. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Cost, Usage } from "../../src/domain/contract.ts";
import { computeCost, type Price } from "../../src/pricing/cost.ts";
import { RATE_NAMES, type Rates } from "../../src/pricing/rates.ts";

function price(rates: Rates, more: Partial<Price> = {}): Price {
  return { rates, tiers: [], source: "test", discount: 0, ...more };
}

function usage(tokens: Partial<Usage>): Usage {
  return { $typeName: "sluice.v1.Usage", estimated: false, ...tokens };
}

function cost(parts: Partial<Cost>): Cost {
  const zero = { totalNanoUsd: 0n, inputNanoUsd: 0n, cacheReadNanoUsd: 0n, cacheWriteNanoUsd: 0n };
  const rest = { outputNanoUsd: 0n, otherNanoUsd: 0n, priceSource: "test", estimated: false };
  return { $typeName: "sluice.v1.Cost", ...zero, ...rest, ...parts };
}

/** Nano-USD for a million tokens: 3 USD, 15 USD and so on. */
const sonnet: Rates = {
  input: 3_000_000_000,
  cacheRead: 300_000_000,
  cacheWrite: 3_750_000_000,
  cacheWrite1h: 6_000_000_000,
  output: 15_000_000_000,
};

describe("a cost", () => {
  test.each<{ name: string; price: Price; usage: Partial<Usage>; parts: Partial<Cost> }>([
    {
      name: "is each part's tokens by the part's rate",
      price: price(sonnet),
      usage: { inputTokens: 1000, cacheReadTokens: 600, cacheWriteTokens: 100, outputTokens: 50 },
      parts: {
        inputNanoUsd: 900_000n,
        cacheReadNanoUsd: 180_000n,
        cacheWriteNanoUsd: 375_000n,
        outputNanoUsd: 750_000n,
        totalNanoUsd: 2_205_000n,
      },
    },
    {
      name: "takes the rate of the hour for what is cached for an hour",
      price: price(sonnet),
      usage: { inputTokens: 100, cacheWriteTokens: 100, cacheWrite1hTokens: 40 },
      parts: { cacheWriteNanoUsd: 465_000n, totalNanoUsd: 465_000n },
    },
    {
      name: "takes the rate of the prompt for cached tokens that have none",
      price: price({ input: 1_000_000_000, output: 0 }),
      usage: { inputTokens: 10, cacheReadTokens: 4, cacheWriteTokens: 3 },
      parts: { inputNanoUsd: 3000n, cacheReadNanoUsd: 4000n, cacheWriteNanoUsd: 3000n, totalNanoUsd: 10_000n },
    },
    {
      name: "has reasoning in the answer, at the answer's rate",
      price: price({ input: 0, output: 2_000_000_000 }),
      usage: { outputTokens: 100, reasoningTokens: 90 },
      parts: { outputNanoUsd: 200_000n, totalNanoUsd: 200_000n },
    },
    {
      name: "takes the rate of reasoning where there is one",
      price: price({ output: 2_000_000_000, reasoning: 3_000_000_000 }),
      usage: { outputTokens: 100, reasoningTokens: 90 },
      parts: { outputNanoUsd: 290_000n, totalNanoUsd: 290_000n },
    },
    {
      name: "takes the rates of sound and pictures",
      price: price({
        input: 1e9,
        inputAudio: 10e9,
        inputImage: 4e9,
        output: 2e9,
        outputAudio: 20e9,
        outputImage: 30e9,
      }),
      usage: {
        inputTokens: 100,
        inputAudioTokens: 30,
        inputImageTokens: 20,
        outputTokens: 50,
        outputAudioTokens: 10,
        outputImageTokens: 5,
      },
      parts: { inputNanoUsd: 430_000n, outputNanoUsd: 420_000n, totalNanoUsd: 850_000n },
    },
    {
      name: "counts text as cached before sound and pictures",
      price: price({ input: 1e9, inputAudio: 10e9, cacheRead: 1e8, cacheReadAudio: 1e9, output: 0 }),
      usage: { inputTokens: 100, cacheReadTokens: 80, inputAudioTokens: 30 },
      parts: { inputNanoUsd: 200_000n, cacheReadNanoUsd: 17_000n, totalNanoUsd: 217_000n },
    },
    {
      name: "adds the fee of a request",
      price: price({ input: 1e9, output: 1e9, request: 5_000_000_000_000 }),
      usage: { inputTokens: 1, outputTokens: 1 },
      parts: { inputNanoUsd: 1000n, outputNanoUsd: 1000n, otherNanoUsd: 5_000_000n, totalNanoUsd: 5_002_000n },
    },
    {
      name: "is 0 where the price is",
      price: price({ input: 0, output: 0 }),
      usage: { inputTokens: 10, outputTokens: 10 },
      parts: {},
    },
    {
      name: "rounds half a nano-USD up, each part once",
      price: price({ input: 500_000, cacheRead: 500_000, output: 499_999 }),
      usage: { inputTokens: 2, cacheReadTokens: 1, outputTokens: 1 },
      parts: { inputNanoUsd: 1n, cacheReadNanoUsd: 1n, totalNanoUsd: 2n },
    },
    {
      name: "is exact beyond 2^53",
      price: price({ input: 600_000_000_001, output: 0 }),
      usage: { inputTokens: 4_294_967_295 },
      parts: { inputNanoUsd: 2_576_980_377_004_295n, totalNanoUsd: 2_576_980_377_004_295n },
    },
    {
      name: "counts the cache where the prompt as a whole was not reported",
      price: price(sonnet),
      usage: { cacheReadTokens: 10, outputTokens: 0 },
      parts: { cacheReadNanoUsd: 3000n, totalNanoUsd: 3000n },
    },
    {
      name: "cuts what says more than the count around it",
      price: price(sonnet),
      usage: { inputTokens: 10, cacheReadTokens: 8, cacheWriteTokens: 8, outputTokens: 1, reasoningTokens: 5 },
      parts: { cacheReadNanoUsd: 2400n, cacheWriteNanoUsd: 7500n, outputNanoUsd: 15_000n, totalNanoUsd: 24_900n },
    },
    {
      name: "says that its tokens were estimated",
      price: price({ input: 1e9, output: 1e9 }),
      usage: { inputTokens: 1, estimated: true },
      parts: { inputNanoUsd: 1000n, totalNanoUsd: 1000n, estimated: true },
    },
    {
      name: "takes the discount off, and rounds after it",
      price: price({ input: 1_000_000_000, output: 1_000_001 }, { discount: 12_500_000 }),
      usage: { inputTokens: 1000, outputTokens: 4 },
      parts: { inputNanoUsd: 875_000n, outputNanoUsd: 4n, totalNanoUsd: 875_004n },
    },
  ])("$name", ({ price, usage: tokens, parts }) => {
    expect(computeCost(price, usage(tokens))).toEqual(cost(parts));
  });

  test("is not known where no tokens are", () => {
    expect(computeCost(price(sonnet), usage({}))).toBeUndefined();
  });
});

describe("a price with tiers", () => {
  const tiers = [
    { above: 200_000, rates: { input: 6_000_000_000, output: 20_000_000_000 } },
    { above: 400_000, rates: { input: 9_000_000_000, output: 30_000_000_000 } },
  ];
  test.each([
    { inputTokens: 200_000, total: 600_000_000n + 15_000n },
    { inputTokens: 200_001, total: 1_200_006_000n + 20_000n },
    { inputTokens: 400_001, total: 3_600_009_000n + 30_000n },
  ])("has for a prompt of $inputTokens tokens the rates of its size, for all of the call", ({ inputTokens, total }) => {
    expect(computeCost(price(sonnet, { tiers }), usage({ inputTokens, outputTokens: 1 }))?.totalNanoUsd).toBe(total);
  });
});

const count = fc.option(fc.oneof(fc.nat(100_000), fc.nat({ max: 4_294_967_295 })), { nil: undefined });
const anyUsage = fc.record({
  inputTokens: count,
  cacheReadTokens: count,
  cacheWriteTokens: count,
  cacheWrite1hTokens: count,
  outputTokens: fc.nat({ max: 4_294_967_295 }),
  reasoningTokens: count,
  inputAudioTokens: count,
  outputAudioTokens: count,
  inputImageTokens: count,
  outputImageTokens: count,
});
const rate = fc.nat({ max: 600_000_000_000 });
const anyRates = fc.record(Object.fromEntries(RATE_NAMES.map((name) => [name, rate])), { requiredKeys: [] });

test("the parts of any cost add up to its total, and none is negative", () => {
  fc.assert(
    fc.property(anyUsage, anyRates, fc.nat({ max: 100_000_000 }), (tokens, rates, discount) => {
      const given = Object.fromEntries(Object.entries(tokens).filter(([, value]) => value !== undefined));
      const found = computeCost(price(rates, { discount }), usage(given));
      const parts = [
        found?.inputNanoUsd ?? -1n,
        found?.cacheReadNanoUsd ?? -1n,
        found?.cacheWriteNanoUsd ?? -1n,
        found?.outputNanoUsd ?? -1n,
        found?.otherNanoUsd ?? -1n,
      ];
      expect(parts.every((part) => part >= 0n)).toBe(true);
      expect(parts.reduce((sum, part) => sum + part)).toBe(found?.totalNanoUsd);
    }),
  );
});

test("where every rate is the same, the cost is that of all tokens, however they are split", () => {
  fc.assert(
    fc.property(anyUsage, fc.nat({ max: 2_000_000 }), (tokens, one) => {
      const given = Object.fromEntries(Object.entries(tokens).filter(([, value]) => value !== undefined));
      const rates = Object.fromEntries(RATE_NAMES.map((name) => [name, name === "request" ? 0 : one * 1_000_000]));
      const prompt = tokens.inputTokens ?? (tokens.cacheReadTokens ?? 0) + (tokens.cacheWriteTokens ?? 0);
      expect(computeCost(price({ ...rates }), usage(given))?.totalNanoUsd).toBe(
        BigInt(one) * (BigInt(prompt) + BigInt(tokens.outputTokens)),
      );
    }),
  );
});

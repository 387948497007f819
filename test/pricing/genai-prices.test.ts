/** Every model of the catalogue, beside what genai-prices itself finds and computes. */
import { calcPrice } from "@pydantic/genai-prices";
import { expect, test } from "vitest";
import type { Usage } from "../../src/domain/contract.ts";
import { loadCatalogue } from "../../src/pricing/catalogue.ts";
import { computeCost } from "../../src/pricing/cost.ts";
import { createPriceBook } from "../../src/pricing/price-book.ts";

const catalogue = loadCatalogue();
const book = createPriceBook({ catalogue, overrides: [] });

const tokens = { cacheRead: 4321, cacheWrite: 765, cacheWrite1h: 123, output: 2345, reasoning: 210 };

function usageOf(input: number): Usage {
  return {
    $typeName: "sluice.v1.Usage",
    estimated: false,
    inputTokens: input,
    cacheReadTokens: tokens.cacheRead,
    cacheWriteTokens: tokens.cacheWrite,
    cacheWrite1hTokens: tokens.cacheWrite1h,
    inputAudioTokens: 11,
    inputImageTokens: 7,
    outputTokens: tokens.output,
    reasoningTokens: tokens.reasoning,
    outputAudioTokens: 13,
    outputImageTokens: 5,
  };
}

/** In USD, by floating point. */
function theirs(provider: string, model: string, input: number, at: Date) {
  const usage = {
    input_tokens: input,
    cache_read_tokens: tokens.cacheRead,
    cache_write_tokens: tokens.cacheWrite,
    cache_write_1h_tokens: tokens.cacheWrite1h,
    input_audio_tokens: 11,
    input_image_tokens: 7,
    cache_audio_read_tokens: 0,
    cache_image_read_tokens: 0,
    output_tokens: tokens.output,
    output_reasoning_tokens: tokens.reasoning,
    output_audio_tokens: 13,
    output_image_tokens: 5,
  };
  return calcPrice(usage, model, { providerId: provider, timestamp: at });
}

test.each([
  { at: "2026-11-01T12:00:00Z", input: 10_000 },
  { at: "2026-11-01T02:00:00Z", input: 199_999 },
  { at: "2027-02-01T00:30:00Z", input: 300_000 },
  { at: "2025-01-01T16:30:00Z", input: 1_000_001 },
])("at $at, a prompt of $input tokens costs the same", ({ at, input }) => {
  const atMs = Date.parse(at);
  const different: string[] = [];
  let compared = 0;
  for (const provider of catalogue.providerIds) {
    for (const model of catalogue.modelIds(provider)) {
      const price = book.find({ provider, catalogueProvider: provider, models: [model], atMs });
      const expected = theirs(provider, model, input, new Date(atMs));
      // What genai-prices does not find by this name, the gateway may; what has no price, it must not.
      if (price === undefined || expected === null) continue;
      compared++;
      const cost = computeCost(price, usageOf(input));
      const source = `${catalogue.source} ${expected.provider.id}/${expected.model.id}`;
      const off = Math.abs(Number(cost?.totalNanoUsd) - expected.total_price * 1e9);
      // Four parts are rounded, each by half a nano-USD at most.
      if (price.source !== source || !(off <= 2)) different.push(`${price.source} ≠ ${source}, off by ${off}`);
    }
  }
  expect(different).toEqual([]);
  expect(compared).toBeGreaterThan(1400);
});

/** Costs of recorded answers, beside what genai-prices computes from its own data in floating point. */
import { calcPrice } from "@pydantic/genai-prices";
import { describe, expect, test } from "vitest";
import type { Usage } from "../../src/domain/contract.ts";
import { loadCatalogue } from "../../src/pricing/catalogue.ts";
import { computeCost } from "../../src/pricing/cost.ts";
import { createPriceBook } from "../../src/pricing/price-book.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";

/** Folders of exchanges whose provider has another name in the catalogue. */
const PROVIDERS: Readonly<Record<string, string>> = {
  "azure-openai": "azure",
  bedrock: "aws",
  "bedrock-mantle": "aws",
  gemini: "google",
  vertex: "google",
  "hf-nebius": "huggingface_nebius",
  "hf-together": "huggingface_together",
  xai: "x-ai",
};

/** Names that genai-prices has to be given in another form; the gateway finds them as they are. */
const RENAMED: Readonly<Record<string, string>> = {
  "anthropic/anthropic/claude-haiku-4.5": "claude-haiku-4.5",
  "mistral/ministral-3b-latest": "ministral-3b",
};

/** Off peak and at peak of the providers that have such hours; and before prices that changed in 2026. */
const TIMES = ["2026-11-01T12:00:00Z", "2026-11-01T02:00:00Z", "2026-03-01T12:00:00Z"];

/** What the recorded answer used, in the contract's sense, and by which model. */
function read({ api, provider, model, body, expect: said }: Exchange) {
  const cachedBeside = api === "anthropic.messages" || api === "bedrock.converse";
  // Azure's Grok has reported more cached tokens than tokens: what exceeds them cannot be priced.
  const cacheRead = Math.min(
    said.cached_tokens ?? 0,
    cachedBeside ? Number.POSITIVE_INFINITY : (said.input_tokens ?? 0),
  );
  const cacheWrite = said.cache_write_tokens ?? 0;
  const reasoning = said.reasoning_tokens ?? 0;
  const reasoningBeside = api === "gemini.generateContent" || (api === "openai.chat" && provider === "xai");
  const [, served = ""] = /"model(?:Version)?"\s*:\s*"([^"]+)"/.exec(body.toString("utf8")) ?? [];
  return {
    served: served || (model ?? ""),
    asked: model ?? "",
    cacheRead,
    cacheWrite,
    input: (said.input_tokens ?? 0) + (cachedBeside ? cacheRead + cacheWrite : 0),
    output: (said.output_tokens ?? 0) + (reasoningBeside ? reasoning : 0),
    reasoning,
  };
}

type Tokens = ReturnType<typeof read>;

function sluice(provider: string, tokens: Tokens, atMs: number) {
  const price = book.find({ provider, catalogueProvider: provider, models: [tokens.served, tokens.asked], atMs });
  const usage: Usage = {
    $typeName: "sluice.v1.Usage",
    estimated: false,
    inputTokens: tokens.input,
    cacheReadTokens: tokens.cacheRead,
    cacheWriteTokens: tokens.cacheWrite,
    outputTokens: tokens.output,
    reasoningTokens: tokens.reasoning,
  };
  const cost = price && computeCost(price, usage);
  return (
    cost && {
      input: cost.inputNanoUsd,
      cacheRead: cost.cacheReadNanoUsd,
      cacheWrite: cost.cacheWriteNanoUsd,
      output: cost.outputNanoUsd,
      other: cost.otherNanoUsd,
      total: cost.totalNanoUsd,
    }
  );
}

/** The same by genai-prices. It knows the sum of what the prompt costs only, so the parts of that are computed apart. */
function genaiPrices(provider: string, tokens: Tokens, at: Date) {
  const calculate = (usage: Record<string, number>) =>
    calcPrice(usage, RENAMED[`${provider}/${tokens.served}`] ?? tokens.served, { providerId: provider, timestamp: at });
  const nano = (usd: number | undefined) => BigInt(Math.round((usd ?? Number.NaN) * 1e9));
  const { cacheRead, cacheWrite, reasoning } = tokens;
  const fee = calculate({ input_tokens: 0, output_tokens: 0 });
  if (fee === null) return undefined;
  const parts = {
    input: nano(calculate({ input_tokens: tokens.input - cacheRead - cacheWrite })?.input_price),
    cacheRead: nano(calculate({ input_tokens: cacheRead, cache_read_tokens: cacheRead })?.input_price),
    cacheWrite: nano(calculate({ input_tokens: cacheWrite, cache_write_tokens: cacheWrite })?.input_price),
    output: nano(
      calculate({ input_tokens: tokens.input, output_tokens: tokens.output, output_reasoning_tokens: reasoning })
        ?.output_price,
    ),
    other: nano(fee.total_price),
  };
  return { ...parts, total: Object.values(parts).reduce((sum, part) => sum + part) };
}

const catalogue = loadCatalogue();
const book = createPriceBook({ catalogue, overrides: [] });

const counted = readExchanges().filter(({ expect: { input_tokens, output_tokens } }) => {
  return input_tokens !== null && output_tokens !== null;
});

describe.skipIf(!available).each(TIMES)("at %s", (time) => {
  const at = new Date(time);
  const compared = counted.map((exchange) => {
    const provider = PROVIDERS[exchange.provider] ?? exchange.provider;
    const tokens = read(exchange);
    const name = `${exchange.provider}/${tokens.served}`;
    return { name, ours: sluice(provider, tokens, at.getTime()), theirs: genaiPrices(provider, tokens, at) };
  });

  test("every part of every cost is the same, to the last digit", () => {
    const priced = compared.filter(({ ours, theirs }) => ours !== undefined || theirs !== undefined);
    expect(priced.map(({ name, ours }) => ({ name, ...ours }))).toEqual(
      priced.map(({ name, theirs }) => ({ name, ...theirs })),
    );
    expect(priced.length).toBeGreaterThan(400);
  });

  test("models that nobody prices have no cost", () => {
    const unpriced = compared.filter(({ ours, theirs }) => ours === undefined && theirs === undefined);
    const local = /^(?:llamacpp|ollama|vllm)\//;
    expect([...new Set(unpriced.map(({ name }) => name))].filter((name) => !local.test(name)).sort()).toEqual([
      "alibaba/qwen3-max",
      "bedrock-mantle/openai.gpt-oss-20b",
      "bedrock-mantle/openai.gpt-oss-safeguard-20b",
      "bedrock/",
      "cohere/",
      "cohere/command-a-plus-05-2026",
      "cohere/command-a-reasoning-08-2025",
      "groq/groq/compound",
      "hf-together/meta-llama/Llama-4-Scout-17B-16E-Instruct",
      "mistral/ministral-14b-latest",
      "mistral/zai-glm-5-2",
      "openrouter/minimax/minimax-m2:free",
      "openrouter/x-ai/grok-4",
      "together/Qwen/Qwen2.5-72B-Instruct-Turbo",
      "vertex/",
    ]);
  });
});

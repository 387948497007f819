/** Names as providers report them, and the models of the catalogue that they mean. */
import { describe, expect, test } from "vitest";
import { CATALOGUE_PROVIDERS, findCatalogueProvider } from "../../src/models/catalogue-providers.ts";
import { candidateNames } from "../../src/models/names.ts";
import { loadCatalogue } from "../../src/pricing/catalogue.ts";
import { createPriceBook } from "../../src/pricing/price-book.ts";
import { known } from "../../src/provider/registry.ts";

const catalogue = loadCatalogue();
const book = createPriceBook({ catalogue, overrides: [] });

function sourceOf(preset: string, ...models: readonly string[]): string | undefined {
  const catalogueProvider = findCatalogueProvider(catalogue, { preset, baseUrl: undefined });
  const [price] = book.history({ provider: "any", catalogueProvider, models });
  return price?.source.replace(`${catalogue.source} `, "");
}

describe("a name resolves to a model", () => {
  test.each([
    ["openai", "gpt-4o", "openai/gpt-4o"],
    ["openai", "GPT-4o ", "openai/gpt-4o"],
    ["openai", "gpt-4o-2024-08-06", "openai/gpt-4o"],
    ["openai", "gpt-4o-2024-05-13", "openai/gpt-4o-2024-05-13"],
    ["openai", "gpt-4o-2031-01-31", "openai/gpt-4o"],
    ["openai", "gpt-5.6-sol-20260709", "openai/gpt-5.6-sol"],
    ["anthropic", "claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5"],
    ["anthropic", "claude-3-5-haiku-latest", "anthropic/claude-3-5-haiku-latest"],
    ["anthropic", "anthropic/claude-haiku-4.5", "anthropic/claude-haiku-4-5"],
    ["bedrock", "anthropic.claude-3-haiku-20240307-v1:0", "aws/regional.anthropic.claude-3-haiku-20240307-v1:0"],
    [
      "bedrock",
      "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
      "aws/regional.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
    [
      "bedrock",
      "global.anthropic.claude-sonnet-4-5-20250929-v1:0",
      "aws/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
    ],
    [
      "bedrock",
      "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-haiku-4-5-20251001-v1:0",
      "aws/regional.anthropic.claude-haiku-4-5-20251001-v1:0",
    ],
    [
      "bedrock",
      "arn:aws:bedrock:eu-west-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-6-v1",
      "aws/regional.anthropic.claude-opus-4-6-v1:0",
    ],
    ["bedrock", "apac.anthropic.claude-sonnet-4-6", "aws/regional.anthropic.claude-sonnet-4-6-v1:0"],
    ["bedrock", "ca.amazon.nova-lite-v1:0", "aws/amazon.nova-lite-v1:0"],
    ["gemini", "models/gemini-2.5-flash", "google/gemini-2.5-flash"],
    ["gemini", "gemini-2.5-pro-preview-05-06", "google/gemini-2.5-pro"],
    ["vertex", "publishers/google/models/gemini-2.5-pro", "google/gemini-2.5-pro"],
    ["vertex", "projects/p/locations/l/publishers/google/models/gemini-2.0-flash-001", "google/gemini-2.0-flash"],
    ["vertex", "publishers/anthropic/models/claude-sonnet-4@20250514", "google/claude-4-sonnet"],
    ["vertex", "claude-haiku-4-5@20251001", "anthropic/claude-haiku-4-5"],
    ["vertex", "google/gemini-2.5-flash", "google/gemini-2.5-flash"],
    ["azure-openai", "gpt-4o-mini-2024-07-18", "openai/gpt-4o-mini"],
    ["azure-openai", "gpt-5.2_2025-12-11", "openai/gpt-5.2"],
    ["azure-openai", "o3-mini", "azure/o3-mini"],
    ["openrouter", "anthropic/claude-sonnet-4.5", "openrouter/anthropic/claude-sonnet-4.5"],
    ["openrouter", "anthropic/claude-sonnet-4.5:online", "openrouter/anthropic/claude-sonnet-4.5"],
    ["openrouter", "anthropic/claude-4.5-haiku-20251001", "openrouter/anthropic/claude-haiku-4.5"],
    ["openrouter", "meta-llama/llama-3.2-3b-instruct:free", "openrouter/meta-llama/llama-3.2-3b-instruct:free"],
    ["together", "meta-llama/Llama-3.3-70B-Instruct-Turbo", "together/meta-llama/Llama-3.3-70B-Instruct-Turbo"],
    ["fireworks", "accounts/fireworks/models/gpt-oss-20b", "fireworks/gpt-oss-20b"],
    ["groq", "openai/gpt-oss-120b", "groq/openai/gpt-oss-120b"],
    ["mistral", "mistral-small-latest", "mistral/mistral-small-latest"],
    ["xai", "grok-4.3-20260401", "x-ai/grok-4.3"],
    ["moonshot", "kimi-k3", "moonshotai/kimi-k3"],
    ["huggingface", "Qwen/Qwen2.5-VL-72B-Instruct:nebius", "huggingface_nebius/Qwen/Qwen2.5-VL-72B-Instruct"],
  ])("%s %s → %s", (preset, name, expected) => {
    expect(sourceOf(preset, name)).toBe(expected);
  });
});

describe("a name that nobody knows a price of resolves to none", () => {
  test.each([
    ["openai", "no-such-model"],
    ["openai", ""],
    ["openai", "gpt-4o".padEnd(300, "o")],
    ["openai", "whisper-1"],
    ["ollama", "llama3.1:latest"],
    ["alibaba", "qwen3-max"],
    ["huggingface", "Qwen/Qwen2.5-VL-72B-Instruct"],
    ["huggingface", "Qwen/Qwen2.5-VL-72B-Instruct:fastest"],
    ["openrouter", "no-such/model:free"],
    ["openrouter", "anthropic/claude-sonnet-4.5:free"],
    ["google", "gemini-2.5-pro"],
    ["toString", "gpt-4o"],
  ])("%s %j", (preset, name) => {
    expect(sourceOf(preset, name)).toBeUndefined();
  });
});

test("the name that the provider reports counts before the one that was asked for", () => {
  expect(sourceOf("openai", "gpt-4o-mini-2024-07-18", "my-alias")).toBe("openai/gpt-4o-mini");
});

test("the name that was asked for counts where the provider reports none, or a longer one", () => {
  expect(sourceOf("openai", "", "gpt-4o")).toBe("openai/gpt-4o");
  expect(sourceOf("cohere", "command-a-vision", "command-a")).toBe("cohere/command-a");
});

test("another model than was asked for does not get the price of the one that was", () => {
  expect(sourceOf("openrouter", "x-ai/grok-4", "google/gemini-2.0-flash-exp:free")).toBeUndefined();
});

test("every preset has its row", () => {
  expect(Object.keys(known.presets).filter((preset) => !Object.hasOwn(CATALOGUE_PROVIDERS, preset))).toEqual([]);
});

test("every row names a provider of the catalogue", () => {
  const providers = Object.values(CATALOGUE_PROVIDERS).filter((one) => one !== undefined && one !== "huggingface");
  expect(providers.filter((one) => one !== undefined && !catalogue.providerIds.includes(one))).toEqual([]);
});

test("a provider without a preset is found by its address", () => {
  const find = (baseUrl: string) => findCatalogueProvider(catalogue, { preset: undefined, baseUrl });
  expect(find("https://api.novita.ai/v3/openai")).toBe("novita");
  expect(find("http://10.0.0.7:8000/v1")).toBeUndefined();
});

test("a name without anything around it is tried once", () => {
  expect(candidateNames("gpt-4o")).toEqual(["gpt-4o"]);
});

test("a name loses its path, then its version, its region, its date and its organisation", () => {
  expect(
    candidateNames("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0"),
  ).toEqual([
    "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "us.anthropic.claude-sonnet-4-2025-05-14-v1:0",
    "us.anthropic.claude-sonnet-4-20250514",
    "anthropic.claude-sonnet-4-20250514",
    "anthropic.claude-sonnet-4",
  ]);
});

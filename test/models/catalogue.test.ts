/** The catalogue that comes with this version, and models' names in it. */
import { describe, expect, test } from "vitest";
import { FEATURES, type Feature } from "../../src/models/capabilities.ts";
import { loadModelCatalogue } from "../../src/models/catalogue.ts";
import { CATALOGUE_PROVIDERS } from "../../src/models/catalogue-providers.ts";
import { resolve } from "../../src/models/look-up.ts";

const catalogue = loadModelCatalogue();

test("says where its data is from, and of which day", () => {
  expect(catalogue.source).toMatch(/^pi-ai \d+\.\d+\.\d+, litellm \d+\.\d+\.\d+$/);
  expect(catalogue.date).toMatch(/^20\d\d-\d\d-\d\d$/);
});

test("knows only providers that a preset has, and features that there are", () => {
  const presets = new Set(Object.values(CATALOGUE_PROVIDERS));
  const features: ReadonlySet<string> = new Set(FEATURES);
  for (const provider of catalogue.providerIds) {
    expect(presets).toContain(provider);
    for (const id of catalogue.modelIds(provider)) {
      const found = resolve(catalogue, provider, id);
      expect(found, `${provider}/${id}`).toBeDefined();
      const {
        can = new Set<Feature>(),
        cannot = new Set<Feature>(),
        contextWindow = 1,
        maxOutputTokens = 1,
      } = found ?? {};
      expect([...can, ...cannot].filter((feature) => !features.has(feature))).toEqual([]);
      expect([...can].filter((feature) => cannot.has(feature))).toEqual([]);
      expect(Math.min(contextWindow, maxOutputTokens)).toBeGreaterThan(0);
    }
  }
});

describe("a name resolves like its price's", () => {
  test.each([
    ["openai", "GPT-4o-2024-11-20", 128_000],
    ["openai", "gpt-4.1", 1_047_576],
    ["anthropic", "claude-sonnet-4-5-20250929", 200_000],
    ["aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 200_000],
    [
      "aws",
      "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
      200_000,
    ],
    ["azure", "gpt-4o", 128_000],
    ["google", "models/gemini-2.5-pro", 1_048_576],
    ["google", "projects/p/locations/l/publishers/google/models/gemini-2.5-pro", 1_048_576],
    ["google", "claude-sonnet-4-5@20250929", 200_000],
    ["groq", "llama-3.3-70b-versatile", 131_072],
    ["openrouter", "anthropic/claude-opus-4.5:nitro", 200_000],
    ["mistral", "mistral-large-latest", 262_144],
  ])("%s: %s", (provider, name, window) => {
    expect(resolve(catalogue, provider, name)?.contextWindow).toBe(window);
  });

  test.each([
    ["o3", true],
    ["gpt-5-mini-2025-08-07", true],
    ["gpt-5.1", false],
    ["gpt-4o", false],
  ])("OpenAI's %s is known to take no temperature: %s", (name, fixed) => {
    expect(resolve(catalogue, "openai", name)?.cannot.has("sampling")).toBe(fixed);
  });

  test.each([
    ["openai", "there-is-no-such-model"],
    ["nobody", "gpt-4o"],
    ["openai", ""],
  ])("%s: %s is not known", (provider, name) => {
    expect(resolve(catalogue, provider, name)).toBeUndefined();
  });
});

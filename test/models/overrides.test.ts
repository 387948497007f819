/** What the configuration says of models: what it comes to, and what is wrong with it. */
import { describe, expect, test } from "vitest";
import { readCapabilities } from "../../src/capabilities.ts";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError, type Problem } from "../../src/config/problem.ts";
import { pricedProviders, readPrices } from "../../src/prices.ts";

const PROVIDERS = `
providers:
  openai: { preset: openai }
  azure: { preset: azure-openai }
  openrouter: { preset: openrouter }
  house: { dialect: openai-chat, base_url: "http://127.0.0.1:1/v1" }
  elsewhere: { dialect: openai-chat, base_url: "https://api.openai.com/v1" }
`;

function read(capabilities: string) {
  const problems: Problem[] = [];
  const config = parseConfig(`${PROVIDERS}capabilities:\n${capabilities.replace(/^/gm, "  ")}\n`);
  const providers = Object.keys(config.providers);
  const { catalogueProviders } = readPrices({}, pricedProviders(config.providers), problems);
  const book = readCapabilities(config.capabilities, { providers, catalogueProviders }, problems);
  return { book, problems };
}

function find(capabilities: string, provider: string, model: string) {
  const { book, problems } = read(capabilities);
  expect(problems).toEqual([]);
  const { can, cannot, ...limits } = book.find(provider, model);
  return { ...limits, can: [...can].sort().join(" "), cannot: [...cannot].sort().join(" ") };
}

test("everything can be said of a model of one's own", () => {
  const yaml = `
house/llama:
  context_window: 8192
  max_output_tokens: 1024
  input: [text, image]
  output: [text, audio]
  tools: true
  structured_output: false
  reasoning: false
  sampling: true`;
  expect(find(yaml, "house", "llama")).toEqual({
    contextWindow: 8192,
    maxOutputTokens: 1024,
    can: "audio_output image sampling tools",
    cannot: "audio image_output pdf reasoning structured_output",
  });
});

test("nothing is known of what neither the catalogue nor the configuration knows", () => {
  const nothing = { contextWindow: undefined, maxOutputTokens: undefined, can: "", cannot: "" };
  expect(find("house/llama: { tools: false }", "house", "other")).toEqual(nothing);
  expect(find("house/llama: { tools: false }", "nowhere", "llama")).toEqual(nothing);
  expect(find("house/llama: { tools: false }", "house", "x".repeat(100_000))).toEqual(nothing);
});

test("nothing is known of OpenRouter's variants that can do other things than their model", () => {
  const says = "house/llama: { tools: false }";
  expect(find(says, "openrouter", "anthropic/claude-opus-4.5:nitro").contextWindow).toBe(200_000);
  expect(find(says, "openrouter", "anthropic/claude-opus-4.5:extended").contextWindow).toBeUndefined();
});

test("what is said counts before the catalogue, and the rest is the catalogue's", () => {
  const catalogued = find("house/llama: { tools: false }", "openai", "gpt-4o");
  expect(catalogued.contextWindow).toBe(128_000);
  expect(catalogued.can).toContain("tools");
  expect(find("openai/gpt-4o: { context_window: 64000, tools: false }", "openai", "gpt-4o")).toEqual({
    ...catalogued,
    contextWindow: 64_000,
    can: catalogued.can.replace(" tools", ""),
    cannot: "reasoning tools",
  });
});

test("the longer of two beginnings counts first, and the model's own entry before both, each field by itself", () => {
  const yaml = `
house/*: { context_window: 1000, tools: true, reasoning: true }
house/big-*: { context_window: 2000, reasoning: false }
house/big-1: { context_window: 3000 }`;
  expect(find(yaml, "house", "big-1")).toMatchObject({ contextWindow: 3000, can: "tools", cannot: "reasoning" });
  expect(find(yaml, "house", "big-2")).toMatchObject({ contextWindow: 2000, can: "tools", cannot: "reasoning" });
  expect(find(yaml, "house", "small")).toMatchObject({ contextWindow: 1000, can: "reasoning tools", cannot: "" });
});

test("a deployment can do what the model behind it can", () => {
  const yaml = "azure/prod: { same_as: openai/gpt-4o, max_output_tokens: 1000 }";
  const behind = find(yaml, "openai", "gpt-4o");
  expect(find(yaml, "azure", "prod")).toEqual({ ...behind, maxOutputTokens: 1000 });
});

test("a provider without a preset is recognised by its address", () => {
  const yaml = "house/llama: { tools: true }";
  expect(find(yaml, "elsewhere", "gpt-4o-2024-11-20")).toEqual(find(yaml, "openai", "gpt-4o-2024-11-20"));
  expect(find(yaml, "elsewhere", "gpt-4o-2024-11-20").contextWindow).toBe(128_000);
});

describe("what cannot be used is told with its path:", () => {
  test.each([
    ["nobody/m: { tools: true }", "capabilities.nobody/m", 'no provider "nobody" is configured'],
    ["house/m: { output: [] }", "capabilities.house/m", "says nothing"],
    ["house/m: { same_as: openai/gpt-4oo }", "capabilities.house/m.same_as", "did you mean openai/gpt-4o"],
  ])("%s", (yaml, path, message) => {
    const { problems } = read(yaml);
    expect(problems).toEqual([{ path, message: expect.stringContaining(message) }]);
  });

  test.each([
    ["house: { tools: true }", "capabilities"],
    ["house/m: { context_window: 0 }", "capabilities.house/m.context_window"],
    ["house/m: { input: [smell] }", "capabilities.house/m.input"],
    ["house/m: { input: [text, text] }", "capabilities.house/m.input"],
    ["house/m: { tool: true }", "capabilities.house/m.tool"],
  ])("%s", (yaml, path) => {
    expect(() => read(yaml)).toThrowError(ConfigError);
    expect(() => read(yaml)).toThrowError(path);
  });
});

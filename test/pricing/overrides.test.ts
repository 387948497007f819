/** What the configuration says of prices: what it comes to, and what is wrong with it. */
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError, type Problem } from "../../src/config/problem.ts";
import { pricedProviders, readPrices } from "../../src/prices.ts";

const PROVIDERS = `
providers:
  openai: { preset: openai }
  azure: { preset: azure-openai }
  house: { dialect: openai-chat, base_url: "http://127.0.0.1:1/v1" }
`;

const atMs = Date.UTC(2026, 10, 1);

function read(prices: string) {
  const problems: Problem[] = [];
  const config = parseConfig(`${PROVIDERS}prices:\n${prices.replace(/^/gm, "  ")}\n`);
  return { problems, ...readPrices(config.prices, pricedProviders(config.providers), problems) };
}

function find(prices: string, target: string) {
  const { book, problems, catalogueProviders } = read(prices);
  expect(problems).toEqual([]);
  const slash = target.indexOf("/");
  const provider = target.slice(0, slash);
  const catalogueProvider = catalogueProviders.get(provider);
  return book.find({ provider, catalogueProvider, models: [target.slice(slash + 1)], atMs });
}

test("rates become whole nano-USD, by their shortest decimal text", () => {
  const yaml = `
house/llama:
  input: 0.1
  output: 3
  cache_read: 1e-7
  cache_write: 0.000000001
  cache_write_1h: 1.1
  reasoning: 4
  input_audio: 5
  output_audio: 6
  input_image: 7
  output_image: 8
  per_request: 0.0035
`;
  expect(find(yaml, "house/llama")).toEqual({
    source: "config prices.house/llama",
    discount: 0,
    tiers: [],
    rates: {
      input: 100_000_000,
      output: 3_000_000_000,
      cacheRead: 100,
      cacheWrite: 1,
      cacheWrite1h: 1_100_000_000,
      reasoning: 4_000_000_000,
      inputAudio: 5_000_000_000,
      outputAudio: 6_000_000_000,
      inputImage: 7_000_000_000,
      outputImage: 8_000_000_000,
      request: 3_500_000_000_000,
    },
  });
});

test("a deployment has the price of the model that it is said to be", () => {
  const price = find("azure/prod: { same_as: openai/gpt-4o }", "azure/prod");
  expect(price?.source).toMatch(/^genai-prices 20\S+ openai\/gpt-4o by config prices\.azure\/prod$/);
  expect(price?.rates).toEqual(find("", "openai/gpt-4o")?.rates);
});

test.each([
  "openai/gpt-4o",
  "openai/GPT-4o-2024-08-06",
  "azure/gpt-4o",
  "azure-openai/gpt-4o",
  "gemini/gemini-2.5-pro",
])("same_as may be %s", (name) => {
  expect(find(`house/mine: { same_as: ${name} }`, "house/mine")?.rates.input).toBeGreaterThan(0);
});

test("a discount is of what the catalogue says", () => {
  const price = find("openai/*: { discount: 12.5 }", "openai/gpt-4o");
  expect(price?.discount).toBe(12_500_000);
  expect(price?.source).toMatch(/ openai\/gpt-4o, less 12\.5 % by config prices\.openai\/\*$/);
});

describe("wrong prices are problems", () => {
  test.each<[yaml: string, path: string, message: unknown]>([
    ["hose/m: { input: 1, output: 1 }", "prices.hose/m", 'no provider "hose" is configured'],
    ["house/m: {}", "prices.house/m", "says no price: give input and output, or same_as, or discount"],
    ["house/m: { input: 1 }", "prices.house/m", "needs input and output"],
    ["house/m: { input: 1, output: 0.0000000001 }", "prices.house/m.output", expect.stringContaining("decimal places")],
    ["house/m: { discount: 0.0000001 }", "prices.house/m.discount", "has more than 6 decimal places"],
    [
      "house/m: { input: 1, output: 1, discount: 5 }",
      "prices.house/m.discount",
      "is taken off the catalogue's prices, not off rates given here",
    ],
    [
      "house/m: { input: 1, output: 1, same_as: openai/gpt-4o }",
      "prices.house/m.same_as",
      "does not go with rates; leave one of them out",
    ],
    [
      "house/m: { same_as: openai/gtp-4o }",
      "prices.house/m.same_as",
      expect.stringMatching(/^the catalogue has no model "openai\/gtp-4o"; did you mean openai\/gpt-4o, /),
    ],
    [
      "house/m: { same_as: '?' }",
      "prices.house/m.same_as",
      'the catalogue has no model "?"; give it as provider/model',
    ],
    [
      "house/m: { same_as: openai/whisper-1 }",
      "prices.house/m.same_as",
      "the catalogue knows openai/whisper-1, but no price of it",
    ],
  ])("%s", (yaml, path, message) => {
    expect(read(yaml).problems).toEqual([{ path, message }]);
  });

  test.each([
    ["house: { input: 1, output: 1 }", "prices.house"],
    ["house/: { input: 1, output: 1 }", "prices.house/"],
    ["'house/a*b': { input: 1, output: 1 }", "prices.house/a*b"],
    ["house/m: { input: -1, output: 1 }", "prices.house/m.input"],
    ["house/m: { input: 1, output: 1000001 }", "prices.house/m.output"],
    ["house/m: { discount: 101 }", "prices.house/m.discount"],
    ["house/m: { input: .nan, output: 1 }", "prices.house/m.input"],
    ["house/m: { inputs: 1 }", "prices.house/m.inputs"],
  ])("%s, by the schema", (yaml, path) => {
    expect(() => read(yaml)).toThrow(ConfigError);
    expect(() => read(yaml)).toThrow(`${path}: `);
  });
});

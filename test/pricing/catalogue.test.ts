/** The committed catalogue, the data it is compiled from, and the difference that a refresh shows. */
import { readFileSync } from "node:fs";
import { type Provider, waitForUpdate } from "@pydantic/genai-prices";
import { describe, expect, test } from "vitest";
import { comparePrices } from "../../scripts/compare-prices.ts";
import { compilePrices, formatCatalogue } from "../../scripts/compile-prices.ts";
import type { CatalogueData } from "../../src/pricing/catalogue.ts";

const text = readFileSync(new URL("../../src/pricing/catalogue.json", import.meta.url), "utf8");
const committed = JSON.parse(text) as CatalogueData;

test.skipIf(committed.version === "online")(
  "the committed catalogue is what the installed data compiles to",
  async () => {
    const { providers } = compilePrices((await waitForUpdate()) ?? []);
    expect(formatCatalogue({ ...committed, providers }) === text).toBe(true);
  },
);

test("the catalogue says the day of its data", () => {
  expect(committed.date).toMatch(/^20\d\d-[01]\d-[0-3]\d$/);
});

test("every rate is a whole number that is not negative", () => {
  const rates = committed.providers
    .flatMap(({ models }) => models.flatMap(({ prices }) => prices))
    .flatMap((price) => [price.rates, ...(price.tiers ?? []).map((tier) => tier.rates)])
    .flatMap((one) => Object.values(one));
  expect(rates.length).toBeGreaterThan(3000);
  expect(rates.filter((rate) => !Number.isSafeInteger(rate) || rate < 0)).toEqual([]);
});

function compileModel(prices: Provider["models"][number]["prices"], more: Partial<Provider["models"][number]> = {}) {
  const match = { equals: "m" };
  const provider = { id: "p", name: "P", api_pattern: "https://p", models: [{ id: "m", match, prices, ...more }] };
  return compilePrices([provider]);
}

describe("compiling", () => {
  test("converts USD to whole nano-USD, and what is counted in thousands to millions", () => {
    const { providers, rounded } = compileModel({ input_mtok: 0.0375, output_mtok: 1.1, requests_kcount: 5 });
    expect(providers[0]?.models[0]?.prices).toEqual([
      { rates: { input: 37_500_000, output: 1_100_000_000, request: 5_000_000_000_000 } },
    ]);
    expect(rounded).toEqual([]);
  });

  test("rounds what is no whole nano-USD, and says so", () => {
    const { providers, rounded } = compileModel({ input_mtok: 0.08333333333333334 });
    expect(providers[0]?.models[0]?.prices).toEqual([{ rates: { input: 83_333_333 } }]);
    expect(rounded).toEqual(["p/m input_mtok: 0.08333333333333334"]);
  });

  test("gives each tier every rate, those too that it does not change", () => {
    const input = { base: 1, tiers: [{ start: 200, price: 2 }] };
    const output = { base: 3, tiers: [{ start: 100, price: 4 }] };
    const { providers } = compileModel({ input_mtok: input, output_mtok: output, cache_read_mtok: 0.5 });
    expect(providers[0]?.models[0]?.prices).toEqual([
      {
        rates: { input: 1e9, cacheRead: 5e8, output: 3e9 },
        tiers: [
          { above: 100, rates: { input: 1e9, cacheRead: 5e8, output: 4e9 } },
          { above: 200, rates: { input: 2e9, cacheRead: 5e8, output: 4e9 } },
        ],
      },
    ]);
  });

  test("keeps when a price holds", () => {
    const { providers } = compileModel([
      { prices: { input_mtok: 1 } },
      { constraint: { type: "start_date", start_date: "2026-08-17" }, prices: { input_mtok: 2 } },
      {
        constraint: { type: "time_of_date", start_time: "00:30:00Z", end_time: "16:30:00Z" },
        prices: { input_mtok: 3 },
      },
    ]);
    expect(providers[0]?.models[0]?.prices).toEqual([
      { rates: { input: 1e9 } },
      { from: "2026-08-17", rates: { input: 2e9 } },
      { between: [1800, 59_400], rates: { input: 3e9 } },
    ]);
  });

  test("leaves out what no usage counts, and says how often", () => {
    const { providers, leftOut } = compileModel({ audio_hours: 0.1 });
    expect(providers[0]?.models[0]?.prices).toEqual([]);
    expect([...leftOut]).toEqual([["audio_hours", 1]]);
  });

  test.each([
    { id: "m:free", comment: "", free: true },
    { id: "m", comment: "Free of charge on the Gemini API", free: true },
    { id: "m", comment: "", free: false },
    { id: "m", comment: "Seems to be no longer available", free: false },
  ])("takes a model without rates, $id with $comment, for free: $free", ({ id, comment, free }) => {
    const { providers } = compileModel({}, { id, price_comments: comment });
    expect(providers[0]?.models[0]?.prices).toEqual(free ? [{ rates: { input: 0, output: 0 } }] : []);
  });
});

test("the difference names what was added, removed and changed", () => {
  const edition = (date: string, input: number, models: Record<string, string>): CatalogueData => ({
    source: "test",
    version: "1",
    date,
    providers: [
      {
        id: "p",
        urls: "",
        models: Object.entries(models).map(([id, equals]) => ({
          id,
          match: { equals },
          prices: [
            { rates: { input: 1e9 } },
            { from: "2026-02-01", rates: { input }, tiers: [{ above: 9, rates: { input: 4e9 } }] },
          ],
        })),
      },
    ],
  });
  const price = (input: string) => `input 1.00; from 2026-02-01 input ${input}, above 9 tokens input 4.00`;
  expect(
    comparePrices(edition("2026-01-01", 2e9, { a: "a", b: "b" }), edition("2026-01-02", 3e9, { b: "b", c: "c" })),
  ).toEqual([
    "1 of 2026-01-01 → 1 of 2026-01-02: 1 models added, 1 removed, 1 changed",
    `+ p/c ${price("3.00")}`,
    `- p/a ${price("2.00")}`,
    `~ p/b ${price("2.00")} → ${price("3.00")}`,
  ]);
  expect(comparePrices(edition("2026-01-01", 2e9, { a: "a" }), edition("2026-01-02", 2e9, { a: "b" }))).toEqual([
    "1 of 2026-01-01 → 1 of 2026-01-02: 0 models added, 0 removed, 1 changed",
    "~ p/a matches other names",
  ]);
});

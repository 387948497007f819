/** Which price counts: what the operator says, the catalogue's, and at which time. */
import { describe, expect, test } from "vitest";
import { type CatalogueData, createCatalogue } from "../../src/pricing/catalogue.ts";
import { createPriceBook, type KnownPrice, type PriceOverride } from "../../src/pricing/price-book.ts";

const data: CatalogueData = {
  source: "test",
  version: "1",
  date: "2026-01-01",
  providers: [
    {
      id: "openai",
      urls: "https://api\\.openai\\.com",
      models: [
        { id: "big", match: { or: [{ equals: "Big" }, { starts_with: "big-2" }] }, prices: [{ rates: { input: 1 } }] },
        { id: "listed-only", match: { equals: "listed-only" }, prices: [] },
        {
          id: "dated",
          match: { and: [{ contains: "dated" }, { ends_with: "!" }] },
          prices: [{ rates: { input: 1 } }, { from: "2026-08-17", rates: { input: 2 } }],
        },
        {
          id: "by-day",
          match: { regex: "^by-\\d$" },
          prices: [{ rates: { input: 1 } }, { between: [3600, 7200], rates: { input: 2 } }],
        },
        {
          id: "by-night",
          match: { equals: "by-night" },
          prices: [{ rates: { input: 1 } }, { between: [82_800, 3600], rates: { input: 2 } }],
        },
      ],
    },
    {
      id: "azure",
      urls: "https://.*\\.azure\\.com",
      fallbacks: ["nobody", "openai"],
      models: [{ id: "small", match: { equals: "small" }, prices: [{ rates: { input: 3 } }] }],
    },
    { id: "seller", urls: "https://seller", fallbacks: ["azure"], models: [] },
  ],
};

const catalogue = createCatalogue(data);

function override(target: string, says: Partial<PriceOverride>): PriceOverride {
  const slash = target.indexOf("/");
  return {
    source: `config prices.${target}`,
    provider: target.slice(0, slash),
    model: target.slice(slash + 1),
    rates: undefined,
    sameAs: undefined,
    discount: undefined,
    ...says,
  };
}

function find(models: readonly string[], overrides: readonly PriceOverride[] = [], catalogueProvider = "openai") {
  const book = createPriceBook({ catalogue, overrides });
  return book.find({ provider: "mine", catalogueProvider, models, atMs: Date.UTC(2026, 0, 1) });
}

function known(source: string, input: number, more: Partial<KnownPrice> = {}): KnownPrice {
  return { source, rates: { input }, tiers: [], discount: 0, ...more };
}

describe("the catalogue's price", () => {
  test("says where it is from", () => {
    expect(find(["big"])).toEqual(known("test 2026-01-01 openai/big", 1));
  });

  test("is that of a provider whose models are sold on, and says so", () => {
    expect(find(["big-22"], [], "azure")).toEqual(known("test 2026-01-01 openai/big", 1));
    expect(find(["small"], [], "azure")).toEqual(known("test 2026-01-01 azure/small", 3));
  });

  test("is not sold on twice", () => {
    expect(find(["big"], [], "seller")).toBeUndefined();
  });

  test("is not known of a model that has none there", () => {
    expect(find(["listed-only"])).toBeUndefined();
  });

  test.each([
    ["2026-08-16T23:59:59.999Z", 1],
    ["2026-08-17T00:00:00.000Z", 2],
  ])("on %s is the one of the day", (at, input) => {
    const book = createPriceBook({ catalogue, overrides: [] });
    const query = { provider: "mine", catalogueProvider: "openai", models: ["updated!"] };
    expect(book.find({ ...query, atMs: Date.parse(at) })?.rates).toEqual({ input });
  });

  test.each([
    ["by-1", "00:59:59.999", 1],
    ["by-1", "01:00:00.000", 2],
    ["by-1", "01:59:59.999", 2],
    ["by-1", "02:00:00.000", 1],
    ["by-night", "22:59:59.999", 1],
    ["by-night", "23:00:00.000", 2],
    ["by-night", "00:59:59.999", 2],
    ["by-night", "01:00:00.000", 1],
  ])("of %s at %s is the one of the hour", (model, time, input) => {
    const book = createPriceBook({ catalogue, overrides: [] });
    const query = { provider: "mine", catalogueProvider: "openai", models: [model] };
    expect(book.find({ ...query, atMs: Date.parse(`2026-05-05T${time}Z`) })?.rates).toEqual({ input });
  });
});

describe("what the operator says", () => {
  const rates = { input: 70, output: 80 };

  test("replaces the catalogue's price", () => {
    expect(find(["big"], [override("mine/big", { rates })])).toEqual({
      ...known("config prices.mine/big", 0),
      rates,
    });
  });

  test("prices models that the catalogue does not know", () => {
    expect(find(["custom"], [override("mine/custom", { rates })])?.rates).toEqual(rates);
  });

  test("is about one provider", () => {
    expect(find(["big"], [override("other/big", { rates })])).toEqual(known("test 2026-01-01 openai/big", 1));
  });

  test("may be about the name that was asked for", () => {
    expect(find(["reported", "asked"], [override("mine/asked", { rates })])?.rates).toEqual(rates);
  });

  test("about a name counts before the longest beginning, and that before others", () => {
    const said = [
      override("mine/*", { rates: { input: 1 } }),
      override("mine/big-*", { rates: { input: 2 } }),
      override("mine/big-2", { rates: { input: 3 } }),
    ];
    expect(["small", "big-1", "big-2"].map((model) => find([model], said)?.rates.input)).toEqual([1, 2, 3]);
  });

  test("gives a deployment the price of a model of the catalogue", () => {
    const said = [override("mine/prod", { sameAs: "azure/small" })];
    expect(find(["prod"], said)).toEqual(known("test 2026-01-01 azure/small by config prices.mine/prod", 3));
  });

  test("takes a discount off the catalogue's prices", () => {
    expect(find(["big"], [override("mine/*", { discount: 12_500_000 })])).toEqual(
      known("test 2026-01-01 openai/big, less 12.5 % by config prices.mine/*", 1, { discount: 12_500_000 }),
    );
  });

  test("takes a provider's discount off a deployment's price too, but not off its own rates", () => {
    const said = [
      override("mine/*", { discount: 5_000_000 }),
      override("mine/prod", { sameAs: "openai/big" }),
      override("mine/own", { rates }),
    ];
    expect(["prod", "own"].map((model) => find([model], said)?.discount)).toEqual([5_000_000, 0]);
  });

  test("of a discount is nothing where there is no price", () => {
    expect(find(["nowhere"], [override("mine/*", { discount: 5_000_000 })])).toBeUndefined();
  });
});

test("looking up any number of names gives the same answers as looking up one", () => {
  const book = createPriceBook({ catalogue, overrides: [] });
  const query = (model: string) => ({ provider: "mine", catalogueProvider: "openai", models: [model], atMs: 0 });
  for (let n = 0; n < 10_000; n++) expect(book.find(query(`unknown-${n}`))).toBeUndefined();
  expect(book.find(query("big"))).toEqual(known("test 2026-01-01 openai/big", 1));
  expect(book.find(query("big"))).toBe(book.find(query("big")));
});

import { findNamed, overridesOf, resolve } from "../models/look-up.ts";
import { isSameModel } from "../models/names.ts";
import { type Catalogue, type DatedPrice, priceAt } from "./catalogue.ts";
import type { Price } from "./cost.ts";
import type { Rates } from "./rates.ts";

/** What an operator says of a price: rates, or whose price it is, or what is taken off the catalogue's. */
export interface PriceOverride {
  /** Where it was said: `config prices.openai/*`. */
  readonly source: string;
  /** Name of the provider, as configured. */
  readonly provider: string;
  /** Name of the model there; with `*` at its end, all that begin so. */
  readonly model: string;
  readonly rates: Rates | undefined;
  /** `provider/model` of the catalogue. */
  readonly sameAs: string | undefined;
  /** Millionths of a percent point. */
  readonly discount: number | undefined;
}

export interface PriceQuery {
  /** Name of the provider, as configured. */
  readonly provider: string;
  /** The provider in the catalogue, by `findCatalogueProvider`. */
  readonly catalogueProvider: string | undefined;
  /**
   * Names of the model, the surest first: as the provider reported it, then as it was asked for. An empty one is passed
   * over. Where the provider reported another model than was asked for, the catalogue's price of the latter is not taken.
   */
  readonly models: readonly string[];
}

/** A price, and when it holds. */
export type KnownPrice = Price & DatedPrice;

export interface PriceBook {
  /** Finds the price at a time (ms since 1970). Undefined where nobody knows it. */
  find(query: PriceQuery & { readonly atMs: number }): KnownPrice | undefined;
  /** Every price that the model had and will have, as far as is known. */
  history(query: PriceQuery): readonly KnownPrice[];
}

/** Names that were looked up lately. Callers may send any name, so the number is bounded. */
const MAX_REMEMBERED = 2048;

const MAX_NAME_LENGTH = 256;

const NO_PRICES: readonly KnownPrice[] = [];

export function createPriceBook(options: {
  readonly catalogue: Catalogue;
  readonly overrides: readonly PriceOverride[];
}): PriceBook {
  const { catalogue, overrides } = options;
  const remembered = new Map<string, readonly KnownPrice[]>();

  /** What was asked last: mostly that is asked again, and costs no key then. */
  let last: { readonly query: PriceQuery; readonly prices: readonly KnownPrice[] } | undefined;

  function history(query: PriceQuery): readonly KnownPrice[] {
    if (last === undefined || !isSame(last.query, query)) last = { query, prices: find(query) };
    return last.prices;
  }

  function find(query: PriceQuery): readonly KnownPrice[] {
    const models = query.models.filter((model) => model !== "" && model.length <= MAX_NAME_LENGTH);
    const key = `${query.provider}\n${query.catalogueProvider ?? ""}\n${models.join("\n")}`;
    let prices = remembered.get(key);
    if (prices === undefined) {
      prices = look({ ...query, models });
      const [oldest] = remembered.size < MAX_REMEMBERED ? [] : remembered.keys();
      if (oldest !== undefined) remembered.delete(oldest);
      remembered.set(key, prices);
    }
    return prices;
  }

  function look({ provider, catalogueProvider, models }: PriceQuery): readonly KnownPrice[] {
    const said = overridesOf(overrides, provider, models);
    const rated = said.find(({ rates, sameAs }) => rates !== undefined || sameAs !== undefined);
    if (rated?.rates !== undefined) return [{ source: rated.source, rates: rated.rates, tiers: [], discount: 0 }];
    const found =
      rated?.sameAs !== undefined
        ? findNamed(catalogue, rated.sameAs)
        : findModel(catalogue, catalogueProvider, models);
    if (found === undefined) return NO_PRICES;
    const discounted = said.find(({ discount }) => discount !== undefined);
    const discount = discounted?.discount ?? 0;
    const source =
      `${catalogue.source} ${found.provider}/${found.id}` +
      (rated === undefined ? "" : ` by ${rated.source}`) +
      (discounted === undefined || discount === 0 ? "" : `, less ${discount / 1e6} % by ${discounted.source}`);
    return found.prices.map((price) => ({ ...price, source, discount }));
  }

  return { history, find: (query) => priceAt(history(query), query.atMs) };
}

function isSame(a: PriceQuery, b: PriceQuery): boolean {
  if (a.provider !== b.provider || a.catalogueProvider !== b.catalogueProvider) return false;
  return a.models.length === b.models.length && a.models.every((model, at) => model === b.models[at]);
}

function findModel(catalogue: Catalogue, provider: string | undefined, models: readonly string[]) {
  if (provider === undefined) return undefined;
  const [surest = "", ...others] = models;
  for (const model of [surest, ...others.filter((other) => isSameModel(surest, other))]) {
    const found = resolve(catalogue, provider, model);
    if (found !== undefined) return found;
  }
  return undefined;
}

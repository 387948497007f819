/** Compiles the data of genai-prices into the catalogue's integer tables. */
import type { ConditionalPrice, ModelPrice, Provider, TieredPrices } from "@pydantic/genai-prices";
import type { CatalogueData } from "../src/pricing/catalogue.ts";
import { findNanoUsd, type RateName, type Rates } from "../src/pricing/rates.ts";

type ModelData = CatalogueData["providers"][number]["models"][number];
type PriceData = ModelData["prices"][number];

/** Rates that calls of models can be billed by. Others are for what no usage counts: pages, hours, searches. */
const RATES: Readonly<Record<string, { readonly name: RateName; readonly per: number }>> = {
  input_mtok: { name: "input", per: 1 },
  cache_read_mtok: { name: "cacheRead", per: 1 },
  cache_write_mtok: { name: "cacheWrite", per: 1 },
  cache_write_1h_mtok: { name: "cacheWrite1h", per: 1 },
  input_audio_mtok: { name: "inputAudio", per: 1 },
  cache_audio_read_mtok: { name: "cacheReadAudio", per: 1 },
  input_image_mtok: { name: "inputImage", per: 1 },
  cache_image_read_mtok: { name: "cacheReadImage", per: 1 },
  output_mtok: { name: "output", per: 1 },
  output_reasoning_mtok: { name: "reasoning", per: 1 },
  output_audio_mtok: { name: "outputAudio", per: 1 },
  output_image_mtok: { name: "outputImage", per: 1 },
  requests_kcount: { name: "request", per: 1000 },
};

export interface Compiled {
  readonly providers: CatalogueData["providers"];
  /** Rates that are no whole nano-USD, and were rounded: `provider/model rate: USD`. */
  readonly rounded: readonly string[];
  /** Kinds of rates that were left out, with the number of models that have them. */
  readonly leftOut: ReadonlyMap<string, number>;
}

export function compilePrices(providers: readonly Provider[]): Compiled {
  const rounded: string[] = [];
  const leftOut = new Map<string, number>();

  function compileRates(prices: ModelPrice, above: number | undefined, model: string): Rates {
    return Object.fromEntries(
      Object.entries(RATES).flatMap(([key, { name, per }]) => {
        const price = prices[key];
        const usd = typeof price === "object" ? priceAbove(price, above) : price;
        if (usd === undefined) return [];
        const exact = findNanoUsd(usd * per);
        if (exact === undefined) rounded.push(`${model} ${key}: ${usd}`);
        return [[name, exact ?? Math.round(usd * per * 1e9)]];
      }),
    );
  }

  function compilePrice({ constraint, prices }: ConditionalPrice, model: string, isFree: boolean): PriceData[] {
    for (const key of Object.keys(prices)) {
      if (RATES[key] === undefined) leftOut.set(key, (leftOut.get(key) ?? 0) + 1);
    }
    const rates = isFree ? { input: 0, output: 0 } : compileRates(prices, undefined, model);
    if (Object.keys(rates).length === 0) return [];
    const starts = Object.values(prices).flatMap((price) =>
      typeof price === "object" ? price.tiers.map(({ start }) => start) : [],
    );
    const tiers = [...new Set(starts)]
      .sort((a, b) => a - b)
      .map((above) => ({ above, rates: compileRates(prices, above, model) }));
    const when =
      constraint === undefined
        ? {}
        : constraint.type === "start_date"
          ? { from: constraint.start_date }
          : { between: [secondOfDay(constraint.start_time), secondOfDay(constraint.end_time)] as const };
    return [{ ...when, rates, ...(tiers.length === 0 ? {} : { tiers }) }];
  }

  const compiled = providers.map((provider) => ({
    id: provider.id,
    urls: provider.api_pattern,
    ...(provider.fallback_model_providers === undefined ? {} : { fallbacks: provider.fallback_model_providers }),
    models: provider.models.map(({ id, match, prices, price_comments: comment = "" }): ModelData => {
      const name = `${provider.id}/${id}`;
      const dated = Array.isArray(prices) ? prices : [{ prices }];
      const empty = dated.filter((one) => Object.keys(one.prices).length === 0).length;
      if (empty > 0 && dated.length > 1) throw new Error(`${name} has a price at some times only`);
      const isFree = empty > 0 && saysFree(id, comment);
      return { id, match, prices: dated.flatMap((one) => compilePrice(one, name, isFree)) };
    }),
  }));
  return { providers: compiled, rounded, leftOut };
}

/**
 * Whether a model without any rate is free. The data leaves zeros out, so that no rate may mean "free" or "nobody
 * knows": it is free where its name or the comment says so.
 */
function saysFree(id: string, comment: string): boolean {
  return id.endsWith(":free") || /\bfree of charge\b|\bincluded in the subscription\b/i.test(comment);
}

function priceAbove({ base, tiers }: TieredPrices, above: number | undefined): number {
  if (above === undefined) return base;
  const reached = tiers.filter(({ start }) => start <= above).sort((a, b) => a.start - b.start);
  return reached.at(-1)?.price ?? base;
}

function secondOfDay(time: string): number {
  const [, hours, minutes, seconds] = /^(\d\d):(\d\d):(\d\d)Z$/.exec(time) ?? [];
  if (seconds === undefined) throw new Error(`the time of day ${time} is not understood`);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** Writes the catalogue with one model a line, so that differences between versions can be read. */
export function formatCatalogue({ providers, ...head }: CatalogueData): string {
  const provider = ({ models, ...rest }: CatalogueData["providers"][number]): string => {
    const lines = models.map((model) => `   ${JSON.stringify(model)}`);
    return `  ${JSON.stringify(rest).slice(0, -1)},"models":[\n${lines.join(",\n")}\n  ]}`;
  };
  return `${JSON.stringify(head).slice(0, -1)},"providers":[\n${providers.map(provider).join(",\n")}\n]}\n`;
}

import { explainUnknown, findNamed } from "../models/look-up.ts";
import type { Catalogue } from "./catalogue.ts";
import type { PriceOverride } from "./price-book.ts";
import { findDiscount, findNanoUsd, findNanoUsdPerMillion, type RateName } from "./rates.ts";

/** What the configuration says of a model's price: rates in USD for a million tokens. */
export interface PriceSetting {
  readonly input?: number | undefined;
  readonly output?: number | undefined;
  readonly cacheRead?: number | undefined;
  readonly cacheWrite?: number | undefined;
  readonly cacheWrite1h?: number | undefined;
  readonly reasoning?: number | undefined;
  readonly inputAudio?: number | undefined;
  readonly outputAudio?: number | undefined;
  readonly inputImage?: number | undefined;
  readonly outputImage?: number | undefined;
  /** USD for each request. */
  readonly perRequest?: number | undefined;
  /** `provider/model` of the catalogue, or empty. */
  readonly sameAs: string;
  /** Percent. */
  readonly discount?: number | undefined;
}

type RateKey = Exclude<keyof PriceSetting, "sameAs" | "discount">;

/** Keys of the configuration, their names in the file, and what they are rates of. */
const RATE_KEYS: readonly (readonly [key: RateKey, written: string, rate: RateName])[] = [
  ["input", "input", "input"],
  ["output", "output", "output"],
  ["cacheRead", "cache_read", "cacheRead"],
  ["cacheWrite", "cache_write", "cacheWrite"],
  ["cacheWrite1h", "cache_write_1h", "cacheWrite1h"],
  ["reasoning", "reasoning", "reasoning"],
  ["inputAudio", "input_audio", "inputAudio"],
  ["outputAudio", "output_audio", "outputAudio"],
  ["inputImage", "input_image", "inputImage"],
  ["outputImage", "output_image", "outputImage"],
  ["perRequest", "per_request", "request"],
];

interface OverrideContext {
  readonly catalogue: Catalogue;
  /** Names of the configured providers. */
  readonly providers: ReadonlySet<string>;
  readonly findNearest: (wrong: string, names: Iterable<string>) => readonly string[];
}

/** Reads the configuration's `prices`. Adds to `problems` what cannot be used, with its path. */
export function toPriceOverrides(
  settings: Readonly<Record<string, PriceSetting>>,
  context: OverrideContext,
  problems: { path: string; message: string }[],
): PriceOverride[] {
  return Object.entries(settings).map(([target, setting]) => {
    const path = `prices.${target}`;
    const problem = (key: string, message: string): void => {
      problems.push({ path: `${path}${key}`, message });
    };
    const slash = target.indexOf("/");
    const provider = target.slice(0, slash);
    if (!context.providers.has(provider)) problem("", `no provider ${JSON.stringify(provider)} is configured`);
    if (setting.sameAs !== "") checkSameAs(setting.sameAs, context, (message) => problem(".same_as", message));
    const discount = setting.discount === undefined ? undefined : findDiscount(setting.discount);
    if (setting.discount !== undefined && discount === undefined)
      problem(".discount", "has more than 6 decimal places");
    return {
      provider,
      discount,
      source: `config ${path}`,
      model: target.slice(slash + 1),
      rates: toRates(setting, problem),
      sameAs: setting.sameAs || undefined,
    };
  });
}

function toRates(setting: PriceSetting, problem: (key: string, message: string) => void): PriceOverride["rates"] {
  const given = RATE_KEYS.filter(([key]) => setting[key] !== undefined);
  if (given.length === 0) {
    if (setting.sameAs === "" && setting.discount === undefined) {
      problem("", "says no price: give input and output, or same_as, or discount");
    }
    return undefined;
  }
  if (setting.input === undefined || setting.output === undefined) problem("", "needs input and output");
  if (setting.sameAs !== "") problem(".same_as", "does not go with rates; leave one of them out");
  if (setting.discount !== undefined)
    problem(".discount", "is taken off the catalogue's prices, not off rates given here");
  const rates: Partial<Record<RateName, number>> = {};
  for (const [key, written, name] of given) {
    const usd = setting[key] ?? 0;
    const rate = name === "request" ? findNanoUsdPerMillion(usd) : findNanoUsd(usd);
    if (rate === undefined) problem(`.${written}`, "has more decimal places than a nano-USD for a million tokens");
    else rates[name] = rate;
  }
  return rates;
}

function checkSameAs(name: string, { catalogue, findNearest }: OverrideContext, problem: (message: string) => void) {
  const found = findNamed(catalogue, name);
  if (found === undefined) problem(explainUnknown(catalogue, name, findNearest));
  else if (found.prices.length === 0) {
    problem(`the catalogue knows ${found.provider}/${found.id}, but no price of it`);
  }
}

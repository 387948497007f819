import { priceAt } from "./catalogue.ts";
import type { KnownPrice } from "./price-book.ts";
import { discounted, formatUsd, RATE_NAMES, type RateName, type Rates } from "./rates.ts";

const LABELS: Readonly<Record<RateName, string>> = {
  input: "input",
  cacheRead: "cache read",
  cacheWrite: "cache write",
  cacheWrite1h: "cache write, kept an hour",
  inputAudio: "input, sound",
  cacheReadAudio: "cache read, sound",
  inputImage: "input, pictures",
  cacheReadImage: "cache read, pictures",
  output: "output",
  reasoning: "output, reasoning",
  outputAudio: "output, sound",
  outputImage: "output, pictures",
  request: "each request",
};

const LABEL_WIDTH = 28;
const COLUMN_WIDTH = 16;

/** Shows what a model costs at every time and size of prompt, as lines of text. */
export function showPrices(prices: readonly KnownPrice[], atMs: number): string[] {
  const current = priceAt(prices, atMs);
  const lines = prices.flatMap((price) => {
    const heading = prices.length === 1 ? [] : [`  ${whenOf(price)}${price === current ? " (now)" : ""}`];
    return [...heading, ...showRates(price)];
  });
  return [...lines, ...(current === undefined ? [] : [`  source: ${current.source}`])];
}

/** Shows on one line what a model costs at a time, for a short prompt. */
export function showShort(name: string, prices: readonly KnownPrice[], atMs: number): string {
  const price = priceAt(prices, atMs);
  if (price === undefined) return `${name} (no price)`;
  const [input, output] = [price.rates.input, price.rates.output].map((rate) => usd(rate, price.discount) ?? "-");
  return `${name.padEnd(56)} ${input?.padStart(10)} ${output?.padStart(10)}  ${price.source}`;
}

function showRates(price: KnownPrice): string[] {
  const columns: readonly Rates[] = [price.rates, ...price.tiers.map(({ rates }) => rates)];
  const heads = price.tiers.length === 0 ? [] : [["", ...headsOf(price)]];
  const rows = RATE_NAMES.filter((name) => columns.some((rates) => rates[name] !== undefined)).map((name) => [
    LABELS[name],
    ...columns.map((rates) => usd(name === "request" ? perRequest(rates) : rates[name], price.discount) ?? "-"),
  ]);
  return [...heads, ...rows].map(
    ([label = "", ...cells]) =>
      `  ${label.padEnd(LABEL_WIDTH)}${cells.map((cell) => cell.padStart(COLUMN_WIDTH)).join("")}`,
  );
}

function headsOf({ tiers }: KnownPrice): string[] {
  return [`to ${tiers[0]?.above} tokens`, ...tiers.map(({ above }) => `above ${above}`)];
}

function perRequest({ request }: Rates): number | undefined {
  return request === undefined ? undefined : Math.round(request / 1e6);
}

/** As paid, with the discount taken off. */
function usd(rate: number | undefined, discount: number): string | undefined {
  return rate === undefined ? undefined : formatUsd(discounted(rate, discount));
}

function whenOf({ from, between }: KnownPrice): string {
  if (from !== undefined) return `from ${from}`;
  if (between === undefined) return "at other times";
  const [start, end] = between.map((second) => new Date(second * 1000).toISOString().slice(11, 16));
  return `${start} to ${end} UTC`;
}

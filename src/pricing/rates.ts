/** What can have a rate of its own. A kind without one costs what the kind around it costs. */
export const RATE_NAMES = [
  "input",
  "cacheRead",
  "cacheWrite",
  "cacheWrite1h",
  "inputAudio",
  "cacheReadAudio",
  "inputImage",
  "cacheReadImage",
  "output",
  "reasoning",
  "outputAudio",
  "outputImage",
  "request",
] as const;

export type RateName = (typeof RATE_NAMES)[number];

/** Whole nano-USD for a million tokens, or for a million requests. */
export type Rates = Readonly<Partial<Record<RateName, number>>>;

/** Rates of prompts longer than `above` tokens; they hold for the whole call, not for what is above. */
interface Tier {
  readonly above: number;
  readonly rates: Rates;
}

export interface RateTable {
  readonly rates: Rates;
  /** By rising `above`. */
  readonly tiers: readonly Tier[];
}

/** A tenth of a millionth of a percent point is the finest discount. */
const DISCOUNT_PLACES = 6;

/** Nano-USD in a dollar, as decimal places. */
const NANO_PLACES = 9;

/** Converts USD for a million tokens by the shortest decimal text of the number. Undefined where that is not exact. */
export function findNanoUsd(usd: number): number | undefined {
  return findScaled(usd, NANO_PLACES);
}

/** Converts USD for one request into nano-USD for a million of them. Undefined where that is not exact. */
export function findNanoUsdPerMillion(usd: number): number | undefined {
  return findScaled(usd, NANO_PLACES + 6);
}

/** Converts a discount in percent into millionths of a percent point. Undefined where that is not exact. */
export function findDiscount(percent: number): number | undefined {
  return findScaled(percent, DISCOUNT_PLACES);
}

/** What is left of a rate after a discount, as `findDiscount` has it. */
export function discounted(rate: number, discount: number): number {
  return Math.round(rate - (rate / 1e8) * discount);
}

function findScaled(value: number, places: number): number | undefined {
  const [, whole = "", fraction = "", exponent = "0"] = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(value)) ?? [];
  if (whole === "") return undefined;
  const missing = places - fraction.length + Number(exponent);
  if (missing < 0) return undefined;
  const scaled = Number(whole + fraction + "0".repeat(missing));
  return Number.isSafeInteger(scaled) ? scaled : undefined;
}

/** Writes nano-USD as USD, with two decimal places or as many as it needs. */
export function formatUsd(nanoUsd: number): string {
  const digits = String(nanoUsd).padStart(NANO_PLACES + 1, "0");
  const fraction = digits.slice(-NANO_PLACES).replace(/0+$/, "").padEnd(2, "0");
  return `${digits.slice(0, -NANO_PLACES)}.${fraction}`;
}

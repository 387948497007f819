import { readRetryHint } from "../provider/retry-hint.ts";

/** Names in lower case; a header sent twice is an array. */
type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface Deferral {
  readonly ms: number;
  /** Header that says so. */
  readonly why: string;
}

/** How a reset is written; each reads the wait in ms, or undefined. */
type Reader = (value: string, wallNow: number) => number | undefined;

interface Family {
  readonly remaining: string;
  readonly reset: string;
  readonly read: Reader;
  /**
   * Where the reset says when the whole of a bucket is full again that fills steadily: the header with its size, and
   * how much of it a request needs. Undefined where nothing comes back before the reset.
   */
  readonly bucket?: { readonly limit: string; readonly need: (limit: number) => number };
}

/** A request takes one place of a bucket of requests. */
const oneRequest = (): number => 1;

/**
 * What a request needs of a bucket of tokens is not known beforehand: a tenth of it lets most pass and, should one
 * not, the refusal says how long to wait.
 */
const someTokens = (limit: number): number => limit / 10;

/** OpenAI's names, which Azure, Groq, Cerebras and others took over. A duration; of some, in plain seconds. */
function openai(what: string, need: (limit: number) => number): Family {
  return {
    remaining: `x-ratelimit-remaining-${what}`,
    reset: `x-ratelimit-reset-${what}`,
    read: duration,
    bucket: { limit: `x-ratelimit-limit-${what}`, need },
  };
}

/** "The time when the limit is fully replenished, in RFC 3339": a bucket that fills steadily. */
function anthropic(what: string, need: (limit: number) => number): Family {
  const name = `anthropic-ratelimit-${what}`;
  return {
    remaining: `${name}-remaining`,
    reset: `${name}-reset`,
    read: dateTime,
    bucket: { limit: `${name}-limit`, need },
  };
}

/**
 * Seen in recorded answers of 2025 and 2026. Left out: pairs that lack one half and so say no time (xAI, Fireworks,
 * Mistral's per minute), and Azure's -1, which says that there is no number.
 */
const families: readonly Family[] = [
  openai("requests", oneRequest),
  openai("tokens", someTokens),
  openai("project-tokens", someTokens),
  openai("input-images", oneRequest),
  openai("requests-day", oneRequest),
  openai("tokens-minute", someTokens),
  anthropic("requests", oneRequest),
  anthropic("tokens", someTokens),
  anthropic("input-tokens", someTokens),
  anthropic("output-tokens", someTokens),
  // OpenRouter: a moment in ms. Together: seconds. Elsewhere also a moment in seconds.
  { remaining: "x-ratelimit-remaining", reset: "x-ratelimit-reset", read: momentOrSeconds },
  // Mistral: seconds. Also the names of the IETF's draft.
  { remaining: "ratelimitbysize-remaining", reset: "ratelimitbysize-reset", read: momentOrSeconds },
  { remaining: "ratelimit-remaining", reset: "ratelimit-reset", read: momentOrSeconds },
];

/**
 * For how long an answer's headers say that its sender must not be asked; undefined where they don't. What a failure
 * asks for in so many words (`retry-after`) goes before what the counters of any answer come to: with nothing
 * remaining, the longest wait of them all. What cannot be read or is past is no reason to wait.
 */
export function readDeferral(status: number, headers: Headers, wallNow: number): Deferral | undefined {
  // Anthropic and Together send `retry-after` with successes too (recorded in 2025), where it is no refusal.
  const asked = status < 400 ? undefined : readAsked(headers, wallNow);
  if (asked !== undefined) return { ms: asked, why: "retry-after" };
  let longest: Deferral | undefined;
  for (const family of families) {
    const remaining = headers[family.remaining];
    if (remaining === undefined || single(remaining) !== "0") continue;
    const ms = readWait(family, headers, wallNow);
    if (ms > (longest?.ms ?? 0)) longest = { ms, why: family.remaining };
  }
  return longest;
}

/** Without what else is a hint: a reset counts only where nothing remains. */
function readAsked(headers: Headers, wallNow: number): number | undefined {
  const { "retry-after": after, "retry-after-ms": afterMs } = headers;
  if (after === undefined && afterMs === undefined) return undefined;
  return readRetryHint({ "retry-after": after, "retry-after-ms": afterMs }, "", wallNow);
}

function readWait({ reset, read, bucket }: Family, headers: Headers, wallNow: number): number {
  const ms = read(single(headers[reset]), wallNow) ?? 0;
  const limit = bucket === undefined ? undefined : plain(single(headers[bucket.limit]));
  const share = bucket === undefined || limit === undefined ? 1 : bucket.need(limit) / limit;
  return Math.ceil(ms * (share < 1 ? share : 1));
}

/** Of a header that was sent twice, the last: a counter that goes down. */
function single(header: string | string[] | undefined): string {
  return (Array.isArray(header) ? header.at(-1) : header)?.trim() ?? "";
}

function plain(value: string): number | undefined {
  return /^\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : undefined;
}

const UNITS_MS: Readonly<Record<string, number>> = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/** As Go writes it ("6m0s", "8.64s", "12ms"), or plain seconds (Azure, Cerebras). */
function duration(value: string): number | undefined {
  const seconds = plain(value);
  if (seconds !== undefined) return seconds * 1000;
  if (!/^(\d{1,15}(\.\d{1,15})?(ms|[dhms])){1,5}$/.test(value)) return undefined;
  let ms = 0;
  for (const [, amount, unit] of value.matchAll(/([\d.]+)(ms|[dhms])/g))
    ms += Number(amount) * (UNITS_MS[unit ?? ""] ?? 0);
  return ms;
}

function dateTime(value: string, wallNow: number): number | undefined {
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at - wallNow;
}

function momentOrSeconds(value: string, wallNow: number): number | undefined {
  const read = plain(value);
  if (read === undefined) return undefined;
  if (read >= 1e12) return read - wallNow;
  return read >= 1e9 ? read * 1000 - wallNow : read * 1000;
}

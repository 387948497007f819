import type { HeaderValue } from "../wire/send.ts";

/** Hints above a day are taken for a day: nobody waits that long, and arithmetic stays exact. */
const MAX_HINT_MS = 24 * 60 * 60 * 1000;

/**
 * How long a provider wants to be left alone, ms; undefined where it does not say, or says what cannot be
 * read or lies in the past. Looks, in this order, at `retry-after-ms` (OpenAI, Azure; Azure may say 0 beside a real
 * `retry-after`), `retry-after` (seconds or an HTTP date), `x-ratelimit-reset` as a moment (OpenRouter), and
 * at the message's words (OpenAI and Groq: "try again in 6.596s", "in 174ms", "in 1m2.5s"; Azure: "in 2 seconds").
 */
export function readRetryHint(
  headers: Readonly<Record<string, HeaderValue>>,
  message: string,
  wallNow: number,
): number | undefined {
  const candidates = [
    () => largest(headers["retry-after-ms"], (value) => number(value)),
    () => largest(headers["retry-after"], (value) => seconds(value) ?? untilDate(value, wallNow)),
    () => largest(headers["x-ratelimit-reset"], (value) => untilMoment(value, wallNow)),
    () => inWords(message),
  ];
  for (const candidate of candidates) {
    const ms = candidate();
    if (ms !== undefined && ms > 0) return Math.min(Math.ceil(ms), MAX_HINT_MS);
  }
  return undefined;
}

/** A header that was sent twice says the longest of its values. */
function largest(header: HeaderValue, read: (value: string) => number | undefined): number | undefined {
  const values = (Array.isArray(header) ? header : [header ?? ""]).map((value) => read(value.trim()) ?? 0);
  return Math.max(...values);
}

function number(value: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) : undefined;
}

function seconds(value: string): number | undefined {
  const read = number(value);
  return read === undefined ? undefined : read * 1000;
}

function untilDate(value: string, wallNow: number): number | undefined {
  // Only the forms of RFC 9110 begin with a day's name; Date.parse alone takes nearly anything.
  if (!/^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/i.test(value)) return undefined;
  const at = Date.parse(value);
  return Number.isNaN(at) ? undefined : at - wallNow;
}

/** A moment in ms since 1970. Small numbers under this name are durations or seconds at other providers: not read. */
function untilMoment(value: string, wallNow: number): number | undefined {
  const read = number(value);
  return read === undefined || read < 1e12 ? undefined : read - wallNow;
}

const WORDS =
  /(?:try|retry)(?: again)? (?:in|after) (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?) ?(ms|milliseconds?|s|seconds?)\b)?/i;

function inWords(message: string): number | undefined {
  const match = WORDS.exec(message);
  if (match === null) return undefined;
  const [, hours, minutes, amount, unit] = match;
  const unitMs = unit?.toLowerCase().startsWith("m") === true ? 1 : 1000;
  return Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 + Number(amount ?? 0) * unitMs;
}

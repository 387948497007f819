import { isTooDeep, parseJson } from "./json.ts";

/** What V8 has (11.4 and later), but TypeScript's library does not know yet. */
interface ExactJson {
  parse(text: string, revive: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown;
  rawJSON(text: string): unknown;
}

const exact = JSON as unknown as ExactJson;

/** Digits that may be more than a number of JavaScript can hold. */
const MANY_DIGITS = /\d{16}/;

/**
 * Parses JSON that is to be written again, such as a tool's arguments: whole numbers beyond 2^53 (ids, as a rule) keep
 * their digits in `JSON.stringify`. Undefined where the text is no JSON, or nested too deep.
 */
export function parseExactly(text: string): unknown {
  if (!MANY_DIGITS.test(text)) return parseJson(text);
  if (isTooDeep(text)) return undefined;
  try {
    return exact.parse(text, (_, value, { source }) => {
      const lost = typeof value === "number" && !Number.isSafeInteger(value);
      return lost && source !== undefined && /^-?\d+$/.test(source) ? exact.rawJSON(source) : value;
    });
  } catch {
    return undefined;
  }
}

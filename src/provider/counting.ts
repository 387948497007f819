import type { EncodedRequest, WholeAnswer } from "./dialect.ts";
import { parseExactly } from "./exact-json.ts";
import { asCount, asRecord, type JsonRecord, parseJson } from "./json.ts";
import { malformedAnswer } from "./upstream-failure.ts";

/** The fields of a body that its provider's counter takes: what counts is what would be sent. */
export function pickFields({ body }: EncodedRequest, fields: readonly string[]): JsonRecord {
  const written = asRecord(parseExactly(body)) ?? {};
  return Object.fromEntries(fields.filter((name) => Object.hasOwn(written, name)).map((name) => [name, written[name]]));
}

/** The count in this field of the answer. */
export function readTokens({ body }: WholeAnswer, field: string): number {
  const tokens = asCount(asRecord(parseJson(body))?.[field]);
  if (tokens === undefined) throw malformedAnswer("no count of tokens", body);
  return tokens;
}

/** Errors in the envelopes of OpenAI and its many relatives: chat completions and responses share them. */

import { ErrorReason } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import { reasonRow } from "../domain/reasons.ts";
import type { ErrorHead } from "./dialect.ts";
import { asRecord, asString, type JsonRecord, parseJson } from "./json.ts";
import { quoteHtml } from "./quote.ts";
import { readRetryHint } from "./retry-hint.ts";
import { upstreamFailure } from "./upstream-failure.ts";

/** What an error body says, whatever its envelope. */
interface Said {
  /** The words that machines read, in lower case: `code` and `type`. */
  readonly slugs: readonly string[];
  readonly message: string;
  /** A status inside the body, for errors in a 200. */
  readonly status: number | undefined;
}

/**
 * Reasons by the provider's own word, which beats the status: many use 400 or 429 for everything.
 * Sources: the providers' error pages and recorded bodies, 2026-11.
 */
const bySlug: Readonly<Record<string, ErrorReason>> = {
  context_length_exceeded: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  exceed_context_size_error: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  too_many_prompt_tokens: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  content_filter: ErrorReason.CONTENT_FILTERED,
  content_policy_violation: ErrorReason.CONTENT_FILTERED,
  data_inspection_failed: ErrorReason.CONTENT_FILTERED,
  image_content_policy_violation: ErrorReason.CONTENT_FILTERED,
  bio_policy: ErrorReason.CONTENT_FILTERED,
  cyber_policy: ErrorReason.CONTENT_FILTERED,
  insufficient_quota: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  billing_hard_limit_reached: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  arrearage: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  model_not_found: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  invalid_model: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  deploymentnotfound: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  invalid_api_key: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  authentication_error: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  unsupported_country_region_territory: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  tool_use_failed: ErrorReason.UPSTREAM_INVALID_GENERATION,
  rate_limit_exceeded: ErrorReason.UPSTREAM_RATE_LIMITED,
  invalid_prompt: ErrorReason.UPSTREAM_INVALID_REQUEST,
  invalid_image: ErrorReason.UPSTREAM_INVALID_REQUEST,
  invalid_image_format: ErrorReason.UPSTREAM_INVALID_REQUEST,
  invalid_image_mode: ErrorReason.UPSTREAM_INVALID_REQUEST,
  invalid_image_url: ErrorReason.UPSTREAM_INVALID_REQUEST,
  invalid_base64_image: ErrorReason.UPSTREAM_INVALID_REQUEST,
  image_too_large: ErrorReason.UPSTREAM_INVALID_REQUEST,
  image_too_small: ErrorReason.UPSTREAM_INVALID_REQUEST,
  image_parse_error: ErrorReason.UPSTREAM_INVALID_REQUEST,
  image_file_too_large: ErrorReason.UPSTREAM_INVALID_REQUEST,
  image_file_not_found: ErrorReason.UPSTREAM_INVALID_REQUEST,
  empty_image_file: ErrorReason.UPSTREAM_INVALID_REQUEST,
  unsupported_image_media_type: ErrorReason.UPSTREAM_INVALID_REQUEST,
  failed_to_download_image: ErrorReason.UPSTREAM_INVALID_REQUEST,
  server_is_overloaded: ErrorReason.UPSTREAM_OVERLOADED,
  slow_down: ErrorReason.UPSTREAM_OVERLOADED,
  overloaded_error: ErrorReason.UPSTREAM_OVERLOADED,
  service_unavailable_error: ErrorReason.UPSTREAM_OVERLOADED,
  server_error: ErrorReason.UPSTREAM_ERROR,
  internal_server_error: ErrorReason.UPSTREAM_ERROR,
};

/**
 * Where the wire has no word for it, the message decides. Each row: statuses, pattern, reason, who says so.
 */
const byMessage: readonly { statuses: readonly number[]; pattern: RegExp; reason: ErrorReason }[] = [
  // DeepSeek, vLLM, OpenRouter, Perplexity: "maximum context length is …"; llama.cpp: "exceeds the available context size".
  {
    statuses: [400, 413, 422, 500],
    pattern: /maximum context length|context (length|size|window)|prompt is too long/i,
    reason: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  },
  // OpenAI, under the code `rate_limit_exceeded`: one request above the limit of a minute.
  { statuses: [413, 429], pattern: /^request too large/i, reason: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE },
  // OpenAI, under the code `invalid_prompt`.
  {
    statuses: [400, 500],
    pattern: /flagged as potentially violating/i,
    reason: ErrorReason.CONTENT_FILTERED,
  },
  // xAI: a bad key is a 400.
  { statuses: [400], pattern: /(incorrect|invalid) api key/i, reason: ErrorReason.UPSTREAM_UNAUTHENTICATED },
  // Fireworks, together and resellers of models: 503s and 500s that mean load.
  { statuses: [500], pattern: /overloaded|over capacity/i, reason: ErrorReason.UPSTREAM_OVERLOADED },
];

const byStatus: Readonly<Record<number, ErrorReason>> = {
  401: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  402: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  403: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  404: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  408: ErrorReason.UPSTREAM_ERROR,
  409: ErrorReason.UPSTREAM_ERROR,
  413: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE,
  425: ErrorReason.UPSTREAM_ERROR,
  429: ErrorReason.UPSTREAM_RATE_LIMITED,
  503: ErrorReason.UPSTREAM_OVERLOADED,
  529: ErrorReason.UPSTREAM_OVERLOADED,
};

/** Statuses whose slug says less than they do: a 429 or 401 may carry `invalid_request_error` or `server_error`. */
const STATUS_FIRST = new Set([401, 402, 403, 408, 409, 425, 503, 529]);

/** The 4xx that say "not now" instead of "not so". */
const RETRYABLE_4XX = new Set([408, 409, 425, 429]);

function classify(status: number, said: Said): ErrorReason {
  for (const row of byMessage) {
    if (row.statuses.includes(status) && row.pattern.test(said.message)) return row.reason;
  }
  // A refusal is not asked again, whatever its words say of the server.
  const refused = status >= 400 && status < 500 && !RETRYABLE_4XX.has(status);
  const named = said.slugs
    .map((slug) => bySlug[slug])
    .find((reason) => reason !== undefined && !(refused && reasonRow(reason).mayRetry));
  const general = byStatus[status];
  if (
    general !== undefined &&
    (named === undefined || (STATUS_FIRST.has(status) && named === ErrorReason.UPSTREAM_ERROR))
  ) {
    return general;
  }
  if (named !== undefined) return named;
  return status >= 400 && status < 500 ? ErrorReason.UPSTREAM_INVALID_REQUEST : ErrorReason.UPSTREAM_ERROR;
}

/**
 * Reads the envelopes that compatible servers use: `{error: {…}}` (most), `[{error: {…}}]`, `{error: "…", code}` (xAI,
 * Fireworks), `{object: "error", message, type, code}` (Mistral, vLLM), `{detail}` (Mistral's 401, FastAPI servers).
 */
function read(body: unknown): Said {
  const outer = asRecord(Array.isArray(body) ? body[0] : body) ?? {};
  const error = asRecord(outer.error);
  const inner: JsonRecord = error ?? outer;
  const detail = outer.detail;
  const message =
    joined(asString(outer.error), asString(inner.message)) ??
    asString(detail) ??
    (detail === undefined ? undefined : JSON.stringify(detail)) ??
    "";
  const slugs = [inner.code, inner.type, asRecord(inner.innererror)?.code].flatMap((slug) =>
    typeof slug === "string" ? [slug.toLowerCase()] : [],
  );
  const status = [inner.code, inner.status, inner.status_code].find(
    (value): value is number => typeof value === "number" && value >= 400 && value < 600,
  );
  return { slugs, message, status };
}

/** Fireworks says something in each of two fields. */
function joined(first: string | undefined, second: string | undefined): string | undefined {
  return first === undefined || second === undefined ? (first ?? second) : `${first}: ${second}`;
}

/** Whether what should be an answer is an error: `error` (most), or the flat form of Mistral and vLLM. */
export function isError(chunk: JsonRecord): boolean {
  const error = chunk.error;
  return (error !== undefined && error !== null) || chunk.object === "error";
}

/** Explains an answer whose status is no success. */
export function explain(head: ErrorHead, body: string, wallNow: number): GatewayError {
  const parsed = parseJson(body);
  const said: Said = parsed === undefined ? { slugs: [], message: quoteHtml(body), status: undefined } : read(parsed);
  return toError(
    head.status,
    said,
    `The upstream answered ${head.status}`,
    readRetryHint(head.headers, said.message, wallNow),
  );
}

/** Explains an error inside an answer that began as a success. */
export function explainInAnswer(chunk: JsonRecord): GatewayError {
  const said = read(chunk);
  return toError(said.status ?? 500, said, "The upstream failed while it answered", readRetryHint({}, said.message, 0));
}

function toError(status: number, said: Said, what: string, retryAfterMs: number | undefined): GatewayError {
  return upstreamFailure(classify(status, said), { status, what, words: said.message, retryAfterMs });
}

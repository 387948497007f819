import { ErrorReason } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import type { ErrorHead } from "../dialect.ts";
import { asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { quoteHtml } from "../quote.ts";
import { readRetryHint } from "../retry-hint.ts";
import { upstreamFailure } from "../upstream-failure.ts";

/** Reasons by `error_type`, which few errors have. Source: recorded bodies, 2026-11. */
const byType: Readonly<Record<string, ErrorReason>> = {
  TOO_MANY_TOKENS: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
};

/** Most errors say what they are in their message alone. Source: Cohere's page of errors and recorded bodies, 2026-11. */
const byMessage: readonly { statuses: readonly number[]; pattern: RegExp; reason: ErrorReason }[] = [
  // "too many tokens: max tokens must be less than …" is about the answer's limit: a wrong request, no long prompt.
  {
    statuses: [400, 422],
    pattern: /^too many tokens(?!: max tokens)/i,
    reason: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  },
  // A trial key's calls of a month. Those of a minute come back.
  { statuses: [429], pattern: /\/ ?month|per month/i, reason: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED },
];

/** 498: the request or the answer holds a word that Cohere does not allow. 499: cancelled at their side. */
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
  498: ErrorReason.CONTENT_FILTERED,
  499: ErrorReason.UPSTREAM_ERROR,
  501: ErrorReason.UPSTREAM_INVALID_REQUEST,
  503: ErrorReason.UPSTREAM_OVERLOADED,
  529: ErrorReason.UPSTREAM_OVERLOADED,
};

function classify(status: number, type: string, message: string): ErrorReason {
  for (const row of byMessage) if (row.statuses.includes(status) && row.pattern.test(message)) return row.reason;
  const general = status >= 400 && status < 500 ? ErrorReason.UPSTREAM_INVALID_REQUEST : ErrorReason.UPSTREAM_ERROR;
  return byType[type] ?? byStatus[status] ?? general;
}

/** Explains an answer whose status is no success: `{id, message}`, some with an `error_type`. */
export function explain(head: ErrorHead, body: string, wallNow: number): GatewayError {
  const parsed = parseJson(body);
  const said = asRecord(parsed);
  const message = asString(said?.message) ?? asString(said?.error) ?? (parsed === undefined ? quoteHtml(body) : "");
  return upstreamFailure(classify(head.status, asString(said?.error_type) ?? "", message), {
    status: head.status,
    what: `The upstream answered ${head.status}`,
    words: message,
    retryAfterMs: readRetryHint(head.headers, message, wallNow),
  });
}

/** Explains an error inside an answer that began as a success. */
export function explainInAnswer(said: JsonRecord): GatewayError {
  const message = asString(said.error) ?? asString(said.message) ?? "";
  return upstreamFailure(classify(500, asString(said.error_type) ?? "", message), {
    status: 500,
    what: "The upstream failed while it answered",
    words: message,
    retryAfterMs: readRetryHint({}, message, 0),
  });
}

/** `TIMEOUT`: the model took longer than its provider allows, so the answer is cut. */
export function explainTimeout(): GatewayError {
  return upstreamFailure(ErrorReason.UPSTREAM_TIMEOUT, {
    status: 200,
    what: "The upstream stopped its own answer because it took too long",
    words: "",
    retryAfterMs: undefined,
  });
}

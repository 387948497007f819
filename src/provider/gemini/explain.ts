import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { ErrorHead } from "../dialect.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { quote, quoteHtml } from "../quote.ts";
import { readRetryHint } from "../retry-hint.ts";
import { malformedAnswer, upstreamFailure } from "../upstream-failure.ts";

/** What an error body says: a `google.rpc.Status`. */
interface Said {
  /** Name of the gRPC code. */
  readonly status: string;
  /** `ErrorInfo.reason`. */
  readonly reason: string;
  readonly message: string;
  /** HTTP status inside the body, for errors in a 200. */
  readonly code: number | undefined;
  /** `RetryInfo.retryDelay`, such as `34.4s`. */
  readonly retryDelay: string | undefined;
  /** A limit of none, or of a day: waiting does not help. */
  readonly exhausted: boolean;
}

/** By `ErrorInfo.reason`, which says most. Source: google.api.ErrorReason and recorded bodies, 2026-11. */
const byInfo: Readonly<Record<string, ErrorReason>> = {
  API_KEY_INVALID: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  CREDENTIALS_MISSING: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  ACCESS_TOKEN_EXPIRED: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  ACCESS_TOKEN_TYPE_UNSUPPORTED: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  ACCOUNT_STATE_INVALID: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  BILLING_DISABLED: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
};

/** Where the wire has no word for it, the message decides. */
const byMessage: readonly { statuses: readonly number[]; pattern: RegExp; reason: ErrorReason }[] = [
  // A bad key is a 400; a leaked or a missing one a 403.
  {
    statuses: [400, 403],
    pattern: /api key (not|expired|was)|unregistered callers/i,
    reason: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  },
  {
    statuses: [400],
    pattern: /input token count .*exceeds|maximum number of tokens/i,
    reason: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  },
  { statuses: [400], pattern: /payload size exceeds/i, reason: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE },
  {
    statuses: [429],
    pattern: /limit: 0\b|credits? (are|is) depleted|spending cap/i,
    reason: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  },
];

/** By the gRPC code's name. */
const byStatus: Readonly<Record<string, ErrorReason>> = {
  INVALID_ARGUMENT: ErrorReason.UPSTREAM_INVALID_REQUEST,
  OUT_OF_RANGE: ErrorReason.UPSTREAM_INVALID_REQUEST,
  // Of the account's place or billing: "User location is not supported for the API use."
  FAILED_PRECONDITION: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  UNAUTHENTICATED: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  PERMISSION_DENIED: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  NOT_FOUND: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  RESOURCE_EXHAUSTED: ErrorReason.UPSTREAM_RATE_LIMITED,
  UNAVAILABLE: ErrorReason.UPSTREAM_OVERLOADED,
  INTERNAL: ErrorReason.UPSTREAM_ERROR,
  UNKNOWN: ErrorReason.UPSTREAM_ERROR,
  ABORTED: ErrorReason.UPSTREAM_ERROR,
  CANCELLED: ErrorReason.UPSTREAM_ERROR,
  DEADLINE_EXCEEDED: ErrorReason.UPSTREAM_ERROR,
};

/** By the HTTP status, for bodies that a proxy wrote. */
const byHttpStatus: Readonly<Record<number, ErrorReason>> = {
  401: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  403: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  404: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  408: ErrorReason.UPSTREAM_ERROR,
  409: ErrorReason.UPSTREAM_ERROR,
  413: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE,
  425: ErrorReason.UPSTREAM_ERROR,
  429: ErrorReason.UPSTREAM_RATE_LIMITED,
  499: ErrorReason.UPSTREAM_ERROR,
  503: ErrorReason.UPSTREAM_OVERLOADED,
  529: ErrorReason.UPSTREAM_OVERLOADED,
};

function classify(status: number, said: Said): ErrorReason {
  const named = byInfo[said.reason];
  if (named !== undefined) return named;
  if (status === 429 && said.exhausted) return ErrorReason.UPSTREAM_QUOTA_EXHAUSTED;
  for (const row of byMessage) {
    if (row.statuses.includes(status) && row.pattern.test(said.message)) return row.reason;
  }
  return (
    byStatus[said.status] ??
    byHttpStatus[status] ??
    (status >= 400 && status < 500 ? ErrorReason.UPSTREAM_INVALID_REQUEST : ErrorReason.UPSTREAM_ERROR)
  );
}

/** Reads `{error: {…}}`, also as the only item of a list: so streams that are no events answer. */
function read(body: unknown): Said {
  const outer = asRecord(Array.isArray(body) ? body[0] : body) ?? {};
  const error = asRecord(outer.error) ?? {};
  const details = asArray(error.details).map((detail) => asRecord(detail) ?? {});
  const find = (type: string): JsonRecord | undefined =>
    details.find((detail) => asString(detail["@type"])?.endsWith(`google.rpc.${type}`) === true);
  const info = find("ErrorInfo");
  const violations = asArray(find("QuotaFailure")?.violations).map((violation) => asRecord(violation));
  return {
    status: asString(error.status) ?? "",
    reason: asString(info?.reason) ?? "",
    message: asString(error.message) ?? asString(outer.error) ?? "",
    code: typeof error.code === "number" ? error.code : undefined,
    retryDelay: asString(find("RetryInfo")?.retryDelay),
    exhausted:
      asRecord(info?.metadata)?.quota_limit_value === "0" ||
      violations.some((violation) => asString(violation?.quotaId)?.includes("PerDay") === true),
  };
}

/** Explains an answer whose status is no success. */
export function explain(head: ErrorHead, body: string, wallNow: number): GatewayError {
  const parsed = parseJson(body);
  const said = read(parsed);
  const words = parsed === undefined ? quoteHtml(body) : said.message;
  const hinted = said.retryDelay === undefined ? words : `retry in ${said.retryDelay}`;
  const hint = readRetryHint(head.headers, hinted, wallNow);
  return toError(head.status, said, words, `The upstream answered ${head.status}`, hint);
}

/** Explains an error inside an answer that began as a success. */
export function explainInAnswer(chunk: unknown): GatewayError {
  const said = read(chunk);
  const hint = readRetryHint({}, said.retryDelay === undefined ? said.message : `retry in ${said.retryDelay}`, 0);
  return toError(said.code ?? 500, said, said.message, "The upstream failed while it answered", hint);
}

function toError(
  status: number,
  said: Said,
  words: string,
  what: string,
  retryAfterMs: number | undefined,
): GatewayError {
  return upstreamFailure(classify(status, said), { status, what, words, retryAfterMs });
}

/** The provider's filter refused the prompt: a success without candidates, on the wire. */
export function explainBlock(blockReason: string, feedback: JsonRecord): GatewayError {
  const words = quote(asString(feedback.blockReasonMessage) ?? "");
  return new GatewayError(
    ErrorReason.CONTENT_FILTERED,
    `The upstream's filter refused the prompt (${quote(blockReason)})${words === "" ? "" : `: ${words}`}. Change the prompt.`,
    { quoted: words },
  );
}

/** The model wrote what its provider would not take for a tool call. */
export function explainGeneration(finish: string, message: string): GatewayError {
  const words = quote(message);
  return new GatewayError(
    ErrorReason.UPSTREAM_INVALID_GENERATION,
    `The model wrote a tool call that its provider refused (${quote(finish)})${words === "" ? "" : `: ${words}`}. Try again.`,
    { quoted: words },
  );
}

/** What is neither an answer nor an error. */
export function malformed(data: string): GatewayError {
  return malformedAnswer("no generated content", data);
}

/** A word that says something: the first value of each of the wire's enums stands for none. */
export function said(value: unknown): string | undefined {
  const word = asString(value);
  return word === undefined || word === "" || word.endsWith("_UNSPECIFIED") ? undefined : word;
}

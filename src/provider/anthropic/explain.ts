import { ErrorReason } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import type { ErrorHead } from "../dialect.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { quoteHtml } from "../quote.ts";
import { readRetryHint } from "../retry-hint.ts";
import { upstreamFailure } from "../upstream-failure.ts";

/** What an error body says, whatever its envelope. */
interface Said {
  /** The word that machines read: `error.type`, or Google's `error.status`. */
  readonly slug: string;
  readonly message: string;
  /** ms; some bodies say it beside or instead of a header. */
  readonly retryAfterMs: number | undefined;
}

/** Source: Claude API reference, "Errors", and recorded bodies; Google's words by google.rpc.Code; 2026-11. */
const bySlug: Readonly<Record<string, ErrorReason>> = {
  invalid_request_error: ErrorReason.UPSTREAM_INVALID_REQUEST,
  authentication_error: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  billing_error: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  permission_error: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  not_found_error: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  request_too_large: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE,
  rate_limit_error: ErrorReason.UPSTREAM_RATE_LIMITED,
  timeout_error: ErrorReason.UPSTREAM_ERROR,
  api_error: ErrorReason.UPSTREAM_ERROR,
  overloaded_error: ErrorReason.UPSTREAM_OVERLOADED,
  INVALID_ARGUMENT: ErrorReason.UPSTREAM_INVALID_REQUEST,
  FAILED_PRECONDITION: ErrorReason.UPSTREAM_INVALID_REQUEST,
  UNAUTHENTICATED: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  PERMISSION_DENIED: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  NOT_FOUND: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  RESOURCE_EXHAUSTED: ErrorReason.UPSTREAM_RATE_LIMITED,
  INTERNAL: ErrorReason.UPSTREAM_ERROR,
  DEADLINE_EXCEEDED: ErrorReason.UPSTREAM_ERROR,
  UNAVAILABLE: ErrorReason.UPSTREAM_OVERLOADED,
};

/** Where one word means many things, the message decides: `invalid_request_error` and `api_error` above all. */
const byMessage: readonly { slugs: readonly string[]; pattern: RegExp; reason: ErrorReason }[] = [
  {
    slugs: ["invalid_request_error", "INVALID_ARGUMENT"],
    pattern: /prompt is too long|exceed context limit|context (window|length)/i,
    reason: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  },
  {
    slugs: ["invalid_request_error"],
    pattern: /credit balance is too low|specified API usage limits/i,
    reason: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  },
  {
    slugs: ["invalid_request_error", "api_error"],
    pattern: /content filtering policy/i,
    reason: ErrorReason.CONTENT_FILTERED,
  },
  {
    slugs: ["invalid_request_error", "authentication_error", "permission_error"],
    pattern: /organization has been disabled/i,
    reason: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  },
  // A 500 "Overloaded" is the overload that a 529 is, too (recorded in public issues, 2026-11).
  { slugs: ["api_error"], pattern: /overloaded/i, reason: ErrorReason.UPSTREAM_OVERLOADED },
];

/** Where no word is known: pages and bodies of the proxies in front of the API. */
const byStatus: Readonly<Record<number, ErrorReason>> = {
  401: ErrorReason.UPSTREAM_UNAUTHENTICATED,
  402: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  403: ErrorReason.UPSTREAM_PERMISSION_DENIED,
  404: ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  408: ErrorReason.UPSTREAM_ERROR,
  409: ErrorReason.UPSTREAM_ERROR,
  413: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE,
  429: ErrorReason.UPSTREAM_RATE_LIMITED,
  503: ErrorReason.UPSTREAM_OVERLOADED,
  529: ErrorReason.UPSTREAM_OVERLOADED,
};

function classify(status: number, { slug, message }: Said): ErrorReason {
  for (const row of byMessage) {
    if (row.slugs.includes(slug) && row.pattern.test(message)) return row.reason;
  }
  // 529s and 503s are overload, whatever word they carry.
  if (slug === "api_error" && byStatus[status] !== undefined) return byStatus[status];
  const known = bySlug[slug] ?? byStatus[status];
  if (known !== undefined) return known;
  return status >= 400 && status < 500 ? ErrorReason.UPSTREAM_INVALID_REQUEST : ErrorReason.UPSTREAM_ERROR;
}

/**
 * Reads `{type: "error", error: {type, message}}`, with or without its outer type; Google's `{error: {code, status,
 * message, details}}`, also as the one item of a list; and Cloudflare's `{title, detail, retry_after}`.
 */
function read(body: unknown): Said {
  const outer = asRecord(Array.isArray(body) ? body[0] : body) ?? {};
  const error = asRecord(outer.error) ?? outer;
  const slug = [error.type, error.status].find((word): word is string => typeof word === "string") ?? "";
  const message = [error.message, outer.error, outer.detail, outer.title, outer.message].find(
    (words): words is string => typeof words === "string" && words !== "",
  );
  const seconds = asCount(outer.retry_after);
  return {
    slug,
    message: message ?? "",
    retryAfterMs: seconds === undefined || seconds === 0 ? readRetryInfo(error) : seconds * 1000,
  };
}

/** google.rpc.RetryInfo in an error's details, such as `"30s"`. */
function readRetryInfo(error: JsonRecord): number | undefined {
  for (const item of asArray(error.details)) {
    const delay = /^(\d+(?:\.\d+)?)s$/.exec(asString(asRecord(item)?.retryDelay) ?? "")?.[1];
    if (delay !== undefined && Number(delay) > 0) return Math.ceil(Number(delay) * 1000);
  }
  return undefined;
}

/** Explains an answer whose status is no success. */
export function explain(head: ErrorHead, body: string, wallNow: number): GatewayError {
  const parsed = parseJson(body);
  const said = parsed === undefined ? { slug: "", message: quoteHtml(body), retryAfterMs: undefined } : read(parsed);
  return upstreamFailure(classify(head.status, said), {
    status: head.status,
    what: `The upstream answered ${head.status}`,
    words: said.message,
    retryAfterMs: readRetryHint(head.headers, said.message, wallNow) ?? said.retryAfterMs,
  });
}

/** Statuses of errors inside an answer that began as a success, which have none of their own. */
const statusOf: Readonly<Record<string, number>> = { overloaded_error: 529, rate_limit_error: 429, timeout_error: 504 };

/** Explains an error inside an answer that began as a success. */
export function explainInAnswer(event: JsonRecord): GatewayError {
  const said = read(event);
  const status = statusOf[said.slug] ?? 500;
  return upstreamFailure(classify(status, said), {
    status,
    what: "The upstream failed while it answered",
    words: said.message,
    retryAfterMs: readRetryHint({}, said.message, 0) ?? said.retryAfterMs,
  });
}

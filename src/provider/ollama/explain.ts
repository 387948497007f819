import { ErrorReason } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import type { ErrorHead } from "../dialect.ts";
import { asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { quoteHtml } from "../quote.ts";
import { readRetryHint } from "../retry-hint.ts";
import { upstreamFailure } from "../upstream-failure.ts";

/**
 * An error is `{"error": "…"}`: its message is all that it says, in a stream without even a status. Patterns are of
 * recorded and reported messages, 2026-11.
 */
const byMessage: readonly { pattern: RegExp; reason: ErrorReason }[] = [
  // "model 'x' not found", with "try pulling it first" in older versions.
  { pattern: /^model ["'][^"']*["'] not found|^invalid model name/i, reason: ErrorReason.UPSTREAM_MODEL_NOT_FOUND },
  // "registry.ollama.ai/library/x does not support tools", thinking, or chat.
  { pattern: /does not support \w+/i, reason: ErrorReason.FEATURE_UNSUPPORTED },
  {
    pattern: /exceeds? (the )?(available |maximum )?context (length|size|window)|prompt is too long/i,
    reason: ErrorReason.CONTEXT_LENGTH_EXCEEDED,
  },
  // ollama.com: "you (x) have reached your weekly usage limit, upgrade for higher limits", as a 429.
  { pattern: /usage limit/i, reason: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED },
  {
    pattern: /overloaded|server busy|maximum pending requests exceeded/i,
    reason: ErrorReason.UPSTREAM_OVERLOADED,
  },
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

/** Statuses that say enough: a key or an account that is refused is no matter of words. */
const STATUS_ONLY = new Set([401, 402, 403]);

function classify(status: number, message: string): ErrorReason {
  const named = STATUS_ONLY.has(status) ? undefined : byMessage.find(({ pattern }) => pattern.test(message))?.reason;
  const general = status >= 400 && status < 500 ? ErrorReason.UPSTREAM_INVALID_REQUEST : ErrorReason.UPSTREAM_ERROR;
  return named ?? byStatus[status] ?? general;
}

/** Explains an answer whose status is no success. */
export function explain(head: ErrorHead, body: string, wallNow: number): GatewayError {
  const parsed = parseJson(body);
  const message = messageOf(asRecord(parsed)) ?? (parsed === undefined ? quoteHtml(body) : "");
  return upstreamFailure(classify(head.status, message), {
    status: head.status,
    what: `The upstream answered ${head.status}`,
    words: message,
    retryAfterMs: readRetryHint(head.headers, message, wallNow),
  });
}

/** Explains a line of a stream, or a 200, that is an error. Newer servers put the status into the line. */
export function explainInAnswer(chunk: JsonRecord): GatewayError {
  const message = messageOf(chunk) ?? "";
  const status = [chunk.status_code, chunk.status].find((value) => typeof value === "number" && value >= 400) ?? 500;
  return upstreamFailure(classify(Number(status), message), {
    status: Number(status),
    what: "The upstream failed while it answered",
    words: message,
    retryAfterMs: readRetryHint({}, message, 0),
  });
}

/** Proxies before a server write objects where Ollama has a text. */
function messageOf(said: JsonRecord | undefined): string | undefined {
  return asString(said?.error) ?? asString(asRecord(said?.error)?.message) ?? asString(said?.message);
}

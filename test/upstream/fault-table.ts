/** What a caller sees of every fault that the simulator can play on a call's only target. */

/** `requests` is how often the upstream was asked; `status` what its answers said, 0 for none. */
export type Expected =
  | { readonly text: string }
  | {
      readonly reason: string;
      readonly requests: number;
      readonly status: number;
      readonly retryAfterMs?: number;
      /** What was delivered of a stream before it broke. */
      readonly shown?: string | RegExp;
    };

export interface Row {
  /** Model name, without `fault.`. */
  readonly fault: string;
  readonly unary: Expected;
  readonly stream: Expected;
}

export const PLAIN = "The water runs down from the hill past the gate";
const MANY_BYTES = "Zażółć gęślą jaźń – 水车 🌊👩‍🚒 é \u0000 end";
const BROKEN = "before \u{fffd}\u{fffd}\u{fffd}(\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd} after";
const THREE_TOKENS = "The water runs";

const fine: Expected = { text: PLAIN };

function fails(reason: string, status: number, requests: number, more: object = {}): Expected {
  return { reason, status, requests, ...more };
}

function both(fault: string, expected: Expected): Row {
  return { fault, unary: expected, stream: expected };
}

/** The simulator plays some faults on streams only. */
function streamOnly(fault: string, stream: Expected): Row {
  return { fault, unary: fails("UPSTREAM_INVALID_REQUEST", 400, 1), stream };
}

/** A broken answer is asked for again, until something of it was shown. */
function broken(fault: string, reason: string, shown: string): Row {
  const unary = fails(reason, 200, 3);
  return { fault, unary, stream: shown === "" ? unary : fails(reason, 200, 1, { shown }) };
}

const tooLarge = fails("UPSTREAM_RESPONSE_TOO_LARGE", 200, 1);
const silent = (status: number) => fails("UPSTREAM_TIMEOUT", status, 1);

export const rows: readonly Row[] = [
  both("reset-before-headers", fails("UPSTREAM_UNREACHABLE", 0, 3)),
  both("reset-after-headers", fails("UPSTREAM_TRUNCATED", 200, 3)),
  broken("fin-in-body", "UPSTREAM_TRUNCATED", "The water runs down from"),
  both("no-response", silent(0)),
  both("slow-headers", silent(0)),
  both("slow-headers:after=20ms", fine),
  both("slow-first-token", silent(200)),
  both("slow-first-token:after=20ms", fine),
  {
    fault: "stall-mid-stream",
    unary: silent(200),
    stream: fails("UPSTREAM_TIMEOUT", 200, 1, { shown: THREE_TOKENS }),
  },
  both("stall-mid-stream:events=0", silent(200)),
  broken("cut-mid-stream", "UPSTREAM_TRUNCATED", THREE_TOKENS),
  broken("cut-mid-stream:events=0", "UPSTREAM_TRUNCATED", ""),
  broken("cut-mid-stream:reset", "UPSTREAM_TRUNCATED", THREE_TOKENS),
  broken("cut-mid-stream:events=0:reset", "UPSTREAM_TRUNCATED", ""),
  broken("truncated-event", "UPSTREAM_MALFORMED", THREE_TOKENS),
  broken("truncated-event:events=0", "UPSTREAM_MALFORMED", ""),

  broken("no-finish-reason", "UPSTREAM_TRUNCATED", PLAIN),
  broken("no-finish-reason:done", "UPSTREAM_TRUNCATED", PLAIN),
  streamOnly("missing-done", fine),
  streamOnly("missing-done:hold", fine),
  streamOnly("data-after-done", fine),
  streamOnly("data-after-done:hold", fine),
  streamOnly("two-finish-reasons", fine),
  broken("invalid-json-event", "UPSTREAM_MALFORMED", THREE_TOKENS),
  broken("non-object-event", "UPSTREAM_MALFORMED", THREE_TOKENS),
  streamOnly("unknown-event-type", fine),
  both("comments-and-pings", fine),
  streamOnly("cr-framing", fine),
  streamOnly("cr-framing:split", fine),
  streamOnly("lf-framing", fine),
  streamOnly("lf-framing:split", fine),
  streamOnly("crlf-framing", fine),
  streamOnly("crlf-framing:split", fine),
  both("overloaded-in-stream", fails("UPSTREAM_OVERLOADED", 200, 3)),
  broken("overloaded-in-stream:events=3", "UPSTREAM_OVERLOADED", THREE_TOKENS),

  both("split-utf8", { text: MANY_BYTES }),
  both("invalid-utf8", { text: BROKEN }),
  both("huge-event:bytes=2MiB", tooLarge),
  {
    fault: "infinite-stream",
    unary: tooLarge,
    stream: fails("UPSTREAM_RESPONSE_TOO_LARGE", 200, 1, { shown: /^The water runs/ }),
  },
  both("gzip", fine),
  both("double-encoding", fails("UPSTREAM_MALFORMED", 200, 3)),
  {
    fault: "gzip-bomb:bytes=64MiB",
    unary: tooLarge,
    stream: fails("UPSTREAM_RESPONSE_TOO_LARGE", 200, 1, { shown: /^ the water runs/ }),
  },

  both("error-status", fails("UPSTREAM_OVERLOADED", 503, 3)),
  both("server-error", fails("UPSTREAM_ERROR", 500, 3)),
  both("overloaded", fails("UPSTREAM_OVERLOADED", 529, 3)),
  both("rate-limited", fails("UPSTREAM_RATE_LIMITED", 429, 3)),
  both("rate-limited:retry-after=3600", fails("UPSTREAM_RATE_LIMITED", 429, 1, { retryAfterMs: 3_600_000 })),
  both("rate-limited:retry-after=1000000000", fails("UPSTREAM_RATE_LIMITED", 429, 1, { retryAfterMs: 86_400_000 })),
  both("rate-limited:retry-after=-1", fails("UPSTREAM_RATE_LIMITED", 429, 3)),
  both("rate-limited:retry-after=soon", fails("UPSTREAM_RATE_LIMITED", 429, 3)),
  both("rate-limited:date=-60s", fails("UPSTREAM_RATE_LIMITED", 429, 3)),
  both("rate-limited:hint=61s", fails("UPSTREAM_RATE_LIMITED", 429, 1, { retryAfterMs: 61_000 })),
  both("rate-limited:retry-after=61:twice=62", fails("UPSTREAM_RATE_LIMITED", 429, 1, { retryAfterMs: 62_000 })),
  both("insufficient-quota", fails("UPSTREAM_QUOTA_EXHAUSTED", 429, 1)),
  both("html-503", fails("UPSTREAM_OVERLOADED", 503, 3)),
  both("html-200", fails("UPSTREAM_MALFORMED", 200, 3)),
  both("redirect", fails("UPSTREAM_REDIRECTED", 302, 1)),
  both("context-length", fails("CONTEXT_LENGTH_EXCEEDED", 400, 1)),
  both("content-filter", fails("CONTENT_FILTERED", 400, 1)),
  both("unauthorized", fails("UPSTREAM_UNAUTHENTICATED", 401, 1)),
  both("forbidden", fails("UPSTREAM_PERMISSION_DENIED", 403, 1)),
  both("flapping:period=60s", fails("UPSTREAM_OVERLOADED", 503, 3)),
];

/** gRPC codes by reason, as the contract promises them. */
export const codes: Readonly<Record<string, string>> = {
  CONTEXT_LENGTH_EXCEEDED: "InvalidArgument",
  CONTENT_FILTERED: "InvalidArgument",
  UPSTREAM_INVALID_REQUEST: "InvalidArgument",
  UPSTREAM_UNAUTHENTICATED: "FailedPrecondition",
  UPSTREAM_PERMISSION_DENIED: "FailedPrecondition",
  UPSTREAM_RATE_LIMITED: "ResourceExhausted",
  UPSTREAM_QUOTA_EXHAUSTED: "ResourceExhausted",
  UPSTREAM_OVERLOADED: "Unavailable",
  UPSTREAM_ERROR: "Unavailable",
  UPSTREAM_UNREACHABLE: "Unavailable",
  UPSTREAM_TIMEOUT: "Unavailable",
  UPSTREAM_TRUNCATED: "Unavailable",
  UPSTREAM_MALFORMED: "Unavailable",
  UPSTREAM_REDIRECTED: "Unavailable",
  UPSTREAM_RESPONSE_TOO_LARGE: "Unavailable",
};

import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { anthropicFor } from "../../src/provider/anthropic/index.ts";
import { describeFailures, type ExplainedFailures } from "./failures.ts";

const dialect = anthropicFor(undefined);

/** Every recorded failure, and what callers are told of it. */
const explained: ExplainedFailures = {
  "anthropic/error-400--claude-3-opus-20240229--65d4ea8": { reason: "UPSTREAM_INVALID_REQUEST" },
  "anthropic/error-401--claude-3-opus-20240229--319f710": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "anthropic/error-404--there-is-no-such-model--33d42cf": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "anthropic/error-404--this-model-does-not-exist-12345--6e9dd8c": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "anthropic/error-413-no-outer-type--3e127fa": { reason: "UPSTREAM_REQUEST_TOO_LARGE" },
  "anthropic/error-429-input-tokens-retry-after--41825cb": { reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 16_000 },
  "anthropic/error-500-api-error--e7d6007": { reason: "UPSTREAM_ERROR" },
  "anthropic/error-502-cloudflare-html--7810713": { reason: "UPSTREAM_ERROR" },
  "anthropic/error-529-headers--753ec33": { reason: "UPSTREAM_OVERLOADED" },
  "anthropic/midstream_overloaded--ac42d96": { reason: "UPSTREAM_OVERLOADED" },
};

describeFailures("anthropic.messages", dialect, explained, "502 Bad Gateway");

/** Bodies that are not recorded: from public issues and the providers' documentation, shortened. */
const bodies: readonly [status: number, body: unknown, reason: keyof typeof ErrorReason, retryAfterMs?: number][] = [
  [
    400,
    anthropicError("invalid_request_error", "prompt is too long: 208310 tokens > 200000 maximum"),
    "CONTEXT_LENGTH_EXCEEDED",
  ],
  [
    400,
    anthropicError(
      "invalid_request_error",
      "input length and `max_tokens` exceed context limit: 188240 + 21333 > 200000",
    ),
    "CONTEXT_LENGTH_EXCEEDED",
  ],
  [
    400,
    anthropicError("invalid_request_error", "Your credit balance is too low to access the Anthropic API."),
    "UPSTREAM_QUOTA_EXHAUSTED",
  ],
  [
    400,
    anthropicError("invalid_request_error", "You have reached your specified API usage limits."),
    "UPSTREAM_QUOTA_EXHAUSTED",
  ],
  [400, anthropicError("invalid_request_error", "Output blocked by content filtering policy"), "CONTENT_FILTERED"],
  [400, anthropicError("invalid_request_error", "This organization has been disabled."), "UPSTREAM_PERMISSION_DENIED"],
  [402, anthropicError("billing_error", "Payment is due."), "UPSTREAM_QUOTA_EXHAUSTED"],
  [403, { error: { type: "forbidden", message: "Request not allowed" } }, "UPSTREAM_PERMISSION_DENIED"],
  [500, anthropicError("api_error", "Overloaded"), "UPSTREAM_OVERLOADED"],
  [504, anthropicError("timeout_error", "The request timed out."), "UPSTREAM_ERROR"],
  [529, anthropicError("api_error", "Something"), "UPSTREAM_OVERLOADED"],
  [
    522,
    { title: "Error 522: Connection timed out", status: 522, error_code: 522, retryable: true, retry_after: 120 },
    "UPSTREAM_ERROR",
    120_000,
  ],
  [
    429,
    [
      {
        error: {
          code: 429,
          message: "Quota exceeded for online_prediction_input_tokens_per_minute_per_base_model.",
          status: "RESOURCE_EXHAUSTED",
          details: [{ "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "7.5s" }],
        },
      },
    ],
    "UPSTREAM_RATE_LIMITED",
    7500,
  ],
  [
    404,
    { error: { code: 404, message: "Publisher Model `…` was not found.", status: "NOT_FOUND" } },
    "UPSTREAM_MODEL_NOT_FOUND",
  ],
  [
    401,
    { error: { code: 401, message: "Request had invalid credentials.", status: "UNAUTHENTICATED" } },
    "UPSTREAM_UNAUTHENTICATED",
  ],
];

function anthropicError(type: string, message: string): unknown {
  return { type: "error", error: { type, message } };
}

describe("other failures", () => {
  test.each(bodies)("%i %j has its reason and its retry hint", (status, body, reason, retryAfterMs) => {
    const error = dialect.explain({ status, headers: {} }, JSON.stringify(body), 0);
    expect({ reason: error.reason, retryAfterMs: error.retryAfterMs }).toEqual({
      reason: ErrorReason[reason],
      retryAfterMs,
    });
  });
});

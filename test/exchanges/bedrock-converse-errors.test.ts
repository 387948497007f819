import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { bedrockConverse as dialect } from "../../src/provider/bedrock-converse/index.ts";
import { decode } from "./decode.ts";
import { available, readExchanges } from "./exchanges.ts";

type ReasonName = keyof typeof ErrorReason;

const failures = readExchanges("bedrock.converse").filter((exchange) => exchange.expect.error !== null);

/** Every recorded failure, and what callers are told of it. */
const explained: Readonly<Record<string, ReasonName>> = {
  "bedrock/error-400--does-not-exist--1bb9fc7": "UPSTREAM_MODEL_NOT_FOUND",
  "bedrock/error-400--us-anthropic-claude-sonnet-4-5-20250929-v1-0--1273fd4": "UPSTREAM_INVALID_REQUEST",
  "bedrock/error-403--anthropic-claude-3-sonnet-20240229-v1-0--80c35f2": "UPSTREAM_UNAUTHENTICATED",
  "bedrock/error-404--anthropic-claude-3-5-sonnet-20240620-v1-0--d16f742": "UPSTREAM_MODEL_NOT_FOUND",
  "bedrock/error-429-throttling--ec98f7f": "UPSTREAM_RATE_LIMITED",
  "bedrock/error-503-service-unavailable--54ae5d2": "UPSTREAM_OVERLOADED",
  "bedrock/midstream_throttling_exception--5982086": "UPSTREAM_RATE_LIMITED",
};

describe.skipIf(!available)("recorded bedrock.converse failures", () => {
  test("are all explained", () => {
    const told = failures.map((exchange) => {
      const { error } = decode(dialect, exchange, [exchange.body]);
      return [
        exchange.name,
        Object.keys(ErrorReason).find((name) => ErrorReason[name as ReasonName] === error?.reason),
      ];
    });
    expect(Object.fromEntries(told)).toEqual(explained);
  });

  test.each(failures)("$name is told in the provider's words, unless they may hold secrets", (exchange) => {
    const { error } = decode(dialect, exchange, [exchange.body]);
    const quotes = error?.message.includes(exchange.expect.error?.message ?? "") === true;
    expect(quotes).toBe(error?.reason !== ErrorReason.UPSTREAM_UNAUTHENTICATED);
  });
});

/** Class, status and message, as Amazon's references and reports of users have them (2026-11). */
const answers: readonly (readonly [string, number, string, ReasonName])[] = [
  ["ValidationException", 400, "Input is too long for requested model.", "CONTEXT_LENGTH_EXCEEDED"],
  [
    "ValidationException",
    400,
    "Malformed input request, please reformat your input and try again.",
    "UPSTREAM_INVALID_REQUEST",
  ],
  [
    "ValidationException",
    400,
    "Invocation of model ID anthropic.claude-sonnet-4-6 with on-demand throughput isn’t supported. Retry your request with the ID or ARN of an inference profile that contains this model.",
    "UPSTREAM_MODEL_NOT_FOUND",
  ],
  ["ValidationException", 400, "Output blocked by content filtering policy", "CONTENT_FILTERED"],
  [
    "AccessDeniedException",
    403,
    "You don't have access to the model with the specified model ID.",
    "UPSTREAM_PERMISSION_DENIED",
  ],
  [
    "AccessDeniedException",
    403,
    "Authentication failed: Please make sure your API Key is valid.",
    "UPSTREAM_UNAUTHENTICATED",
  ],
  ["InvalidSignatureException", 403, "The request signature we calculated does not match", "UPSTREAM_UNAUTHENTICATED"],
  [
    "UnrecognizedClientException",
    403,
    "The security token included in the request is invalid.",
    "UPSTREAM_UNAUTHENTICATED",
  ],
  ["ModelTimeoutException", 408, "The model took too long.", "UPSTREAM_TIMEOUT"],
  ["ModelErrorException", 424, "The model failed.", "UPSTREAM_ERROR"],
  ["ThrottlingException", 429, "Too many tokens per day, please wait before trying again.", "UPSTREAM_QUOTA_EXHAUSTED"],
  ["ModelNotReadyException", 429, "Model is not ready for inference. Wait and try again.", "UPSTREAM_OVERLOADED"],
  ["ServiceQuotaExceededException", 400, "Your account exceeded a quota.", "UPSTREAM_QUOTA_EXHAUSTED"],
  ["InternalServerException", 500, "An internal server error occurred.", "UPSTREAM_ERROR"],
  [
    "ServiceUnavailableException",
    503,
    "Too many connections, please wait before trying again.",
    "UPSTREAM_RATE_LIMITED",
  ],
  ["", 403, "Forbidden", "UPSTREAM_PERMISSION_DENIED"],
  ["", 413, "Request entity too large", "UPSTREAM_REQUEST_TOO_LARGE"],
  ["", 418, "I'm a teapot", "UPSTREAM_INVALID_REQUEST"],
  ["", 502, "Bad gateway", "UPSTREAM_ERROR"],
];

const SUFFIX = ":http://internal.amazon.com/coral/com.amazon.bedrock/";

describe.each(answers)("%s, %d: %s", (name, status, message, reason) => {
  test("is the same by the header and by the body", () => {
    const inHeader = { status, headers: name === "" ? {} : { "x-amzn-errortype": name + SUFFIX } };
    const inBody = name === "" ? { message } : { __type: `com.amazon.coral.service#${name}`, Message: message };
    const errors = [
      dialect.explain(inHeader, JSON.stringify({ message }), 0),
      dialect.explain({ status, headers: {} }, JSON.stringify(inBody), 0),
    ];
    expect(errors.map((error) => error.reason)).toEqual([ErrorReason[reason], ErrorReason[reason]]);
  });
});

test("a hint of when to try again is read from the head", () => {
  const head = { status: 429, headers: { "x-amzn-errortype": "ThrottlingException", "retry-after": "7" } };
  expect(dialect.explain(head, '{"message":"Rate exceeded"}', 0)).toMatchObject({
    reason: ErrorReason.UPSTREAM_RATE_LIMITED,
    retryAfterMs: 7000,
    metadata: { upstream_status: "429" },
  });
});

test("a page that a proxy made is quoted by its title", () => {
  const error = dialect.explain({ status: 503, headers: {} }, "<html><title>Down</title></html>", 0);
  expect([error.reason, error.message]).toEqual([
    ErrorReason.UPSTREAM_OVERLOADED,
    "The upstream answered 503: Down (try again later)",
  ]);
});

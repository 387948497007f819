import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { geminiFor } from "../../src/provider/gemini/index.ts";
import { describeFailures, type Explained, type ExplainedFailures } from "./failures.ts";

const dialect = geminiFor(undefined);

/** Every recorded failure, and what callers are told of it. */
const explained: ExplainedFailures = {
  "gemini/error-400--gemini-2-5-flash--ec990f7": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "gemini/error-403--gemini-2-0-flash--b13654d": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "gemini/error-404--custom-gemini-2-0-flash--d3fe44d": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "gemini/error-404--invalid-model-that-does-not-exist-12345--997e6b0": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "gemini/error-404--there-is-no-such-model--82e01f7": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "gemini/error-429--unknown--64002e6": { reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 34_400 },
  "gemini/error-500-internal-pretty--5215bef": { reason: "UPSTREAM_ERROR" },
  "gemini/error-503-overloaded-pretty--30e1b4a": { reason: "UPSTREAM_OVERLOADED" },
  "vertex/error-400--gemini-2-5-flash--e098c8a": { reason: "CONTEXT_LENGTH_EXCEEDED" },
  "vertex/error-400--gemini-2-5-pro--ce84c49": { reason: "UPSTREAM_INVALID_REQUEST" },
  "vertex/error-403--unknown--62b0578": { reason: "UPSTREAM_PERMISSION_DENIED" },
  "vertex/error-403--unknown--eb486b3": { reason: "UPSTREAM_PERMISSION_DENIED" },
  "vertex/error-404--gemini-does-not-exist--8ab675c": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "vertex/error-404--unknown--eedd85c": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  // The limit in this region is none at all.
  "vertex/error-429--unknown--6c74ec4": { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
  "vertex/midstream-error--unknown--bc46143": { reason: "UPSTREAM_ERROR" },
};

describeFailures("gemini.generateContent", dialect, explained);

interface Body {
  readonly error: {
    readonly code: number;
    readonly message?: string;
    readonly status?: string;
    readonly details?: unknown;
  };
}

function quota(quotaId: string) {
  return { "@type": "type.googleapis.com/google.rpc.QuotaFailure", violations: [{ quotaId }] };
}

describe("failures that were not recorded", () => {
  const rows: readonly [name: string, body: Body, expected: Explained][] = [
    [
      "a limit of a day",
      {
        error: {
          code: 429,
          status: "RESOURCE_EXHAUSTED",
          details: [quota("GenerateRequestsPerDayPerProjectPerModel")],
        },
      },
      { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
    ],
    [
      "a model that the free tier does not have",
      { error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Quota exceeded for metric: x, limit: 0" } },
      { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
    ],
    [
      "a hint in words alone",
      { error: { code: 429, status: "RESOURCE_EXHAUSTED", message: "Please retry in 12.5s." } },
      { reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 12_500 },
    ],
    [
      "a key that leaked",
      { error: { code: 403, status: "PERMISSION_DENIED", message: "Your API key was reported as leaked." } },
      { reason: "UPSTREAM_UNAUTHENTICATED" },
    ],
    [
      "a place that is not served",
      {
        error: { code: 400, status: "FAILED_PRECONDITION", message: "User location is not supported for the API use." },
      },
      { reason: "UPSTREAM_PERMISSION_DENIED" },
    ],
    [
      "a token that has run out",
      { error: { code: 401, status: "UNAUTHENTICATED", message: "Request had invalid authentication credentials." } },
      { reason: "UPSTREAM_UNAUTHENTICATED" },
    ],
    [
      "a time-out of the provider's own",
      { error: { code: 504, status: "DEADLINE_EXCEEDED" } },
      { reason: "UPSTREAM_ERROR" },
    ],
    [
      "too large a request",
      {
        error: {
          code: 400,
          status: "INVALID_ARGUMENT",
          message: "Request payload size exceeds the limit: 20971520 bytes.",
        },
      },
      { reason: "UPSTREAM_REQUEST_TOO_LARGE" },
    ],
  ];

  test.each(rows)("%s", (_name, body, expected) => {
    const head = { status: body.error.code, headers: {} };
    const wanted = { reason: ErrorReason[expected.reason], retryAfterMs: expected.retryAfterMs };
    for (const text of [JSON.stringify(body), JSON.stringify([body])]) {
      const { reason, retryAfterMs } = dialect.explain(head, text, 0);
      expect({ reason, retryAfterMs }).toEqual(wanted);
    }
  });

  test("a page of a proxy", () => {
    const error = dialect.explain({ status: 502, headers: {} }, "<html><title>502 Bad Gateway</title></html>", 0);
    expect([error.reason, error.message]).toEqual([
      ErrorReason.UPSTREAM_ERROR,
      "The upstream answered 502: 502 Bad Gateway",
    ]);
  });

  test("a retry hint in a header comes before the body's", () => {
    const body = { error: { code: 503, status: "UNAVAILABLE", message: "Please retry in 9s." } };
    const { retryAfterMs } = dialect.explain({ status: 503, headers: { "retry-after": "2" } }, JSON.stringify(body), 0);
    expect(retryAfterMs).toBe(2000);
  });
});

/** Decodes chunks of a stream; the error it ended in. */
function fail(...chunks: readonly unknown[]): GatewayError | undefined {
  const decoder = dialect.createDecoder({ model: "m", whole: false, mintCallId: String });
  try {
    for (const chunk of chunks) decoder.push({ data: JSON.stringify(chunk) });
    decoder.finish();
    return undefined;
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
}

const text = { content: { parts: [{ text: "Hi" }] } };

describe("a stream that ends badly", () => {
  test("without a finish reason is truncated", () => {
    expect(fail({ candidates: [text] })?.reason).toBe(ErrorReason.UPSTREAM_TRUNCATED);
    expect(fail({ candidates: [{ ...text, finishReason: "FINISH_REASON_UNSPECIFIED" }] })?.reason).toBe(
      ErrorReason.UPSTREAM_TRUNCATED,
    );
    expect(fail()?.reason).toBe(ErrorReason.UPSTREAM_TRUNCATED);
  });

  test("with a call that the provider would not take is no answer", () => {
    const malformed = { finishReason: "MALFORMED_FUNCTION_CALL", finishMessage: "Malformed function call: print(" };
    const error = fail({ candidates: [text] }, { candidates: [malformed] });
    expect([error?.reason, error?.message]).toEqual([
      ErrorReason.UPSTREAM_INVALID_GENERATION,
      "The model wrote a tool call that its provider refused (MALFORMED_FUNCTION_CALL): Malformed function call: print(. Try again.",
    ]);
    expect(fail({ candidates: [{ finishReason: "UNEXPECTED_TOOL_CALL" }] })?.reason).toBe(
      ErrorReason.UPSTREAM_INVALID_GENERATION,
    );
  });

  test("with an error as an event is that error", () => {
    const error = { error: { code: 503, status: "UNAVAILABLE", message: "The model is overloaded." } };
    expect(fail({ candidates: [text] }, error)?.reason).toBe(ErrorReason.UPSTREAM_OVERLOADED);
  });

  test("with what is no JSON is malformed", () => {
    const decoder = dialect.createDecoder({ model: "m", whole: false, mintCallId: String });
    expect(() => decoder.push({ data: "<html>" })).toThrow(
      expect.objectContaining({ reason: ErrorReason.UPSTREAM_MALFORMED }),
    );
  });
});

import { expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import { describeFailures, type ExplainedFailures } from "./failures.ts";

const dialect = openAiResponsesFor(undefined);

/** Every recorded failure, and what callers are told of it. */
const explained: ExplainedFailures = {
  "deepseek/error-400--deepseek-v4-flash--c699113": { reason: "UPSTREAM_INVALID_REQUEST" },
  "openai/error-400--gpt-4o-mini--629d862": { reason: "UPSTREAM_INVALID_REQUEST" },
  "openai/error-400--gpt-5-nano--90d9fbb": { reason: "CONTEXT_LENGTH_EXCEEDED" },
  "openai/error-400--invalid-model--affe394": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "openai/error-400--invalid-model-that-does-not-exist-12345--d8b2edf": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "openai/error-401--gpt-5-nano--a1f7e3b": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "openai/error-429--unknown--be31d63": { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
  "openai/error-429-tpm-no-ratelimit-headers--5c5fb37": { reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 6596 },
  "openai/midstream-error--gpt-5-nano-2025-08-07--d493cbd": { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
  "openai/midstream_overloaded_error_event--daf7db3": { reason: "UPSTREAM_OVERLOADED" },
  "xai/error-400--grok-4-3--cd99a2c": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "xai/error-429-rpm--e79465f": { reason: "UPSTREAM_RATE_LIMITED" },
};

describeFailures("openai.responses", dialect, explained);

/** Shapes of an error inside a stream: nested and flat as documented, and those of compatible servers. */
const inStreams: readonly [name: string, event: string | undefined, data: object, reason: keyof typeof ErrorReason][] =
  [
    [
      "an error nested in its event",
      "error",
      { type: "error", error: { type: "tokens", code: "rate_limit_exceeded", message: "Slow down." } },
      "UPSTREAM_RATE_LIMITED",
    ],
    [
      "an error that is its event",
      "error",
      { type: "error", code: "server_error", message: "Sorry.", param: null, sequence_number: 3 },
      "UPSTREAM_ERROR",
    ],
    [
      "an error whose type only the framing says",
      "error",
      { code: "context_length_exceeded", message: "Too long." },
      "CONTEXT_LENGTH_EXCEEDED",
    ],
    [
      "an error without any type",
      undefined,
      { error: { code: 429, message: "Provider returned error" } },
      "UPSTREAM_RATE_LIMITED",
    ],
    [
      "an answer that failed",
      "response.failed",
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "server_error", message: "The model failed." } },
      },
      "UPSTREAM_ERROR",
    ],
    [
      "an answer that failed for asking too fast",
      undefined,
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "rate_limit_exceeded", message: "Try again in 2s." } },
      },
      "UPSTREAM_RATE_LIMITED",
    ],
    [
      "a prompt that was flagged",
      undefined,
      {
        type: "response.failed",
        response: {
          status: "failed",
          error: {
            code: "invalid_prompt",
            message: "Invalid prompt: your prompt was flagged as potentially violating our usage policy.",
          },
        },
      },
      "CONTENT_FILTERED",
    ],
    [
      "a picture that cannot be read",
      undefined,
      {
        type: "response.failed",
        response: { status: "failed", error: { code: "image_parse_error", message: "The image cannot be parsed." } },
      },
      "UPSTREAM_INVALID_REQUEST",
    ],
    [
      "an answer that somebody cancelled",
      undefined,
      { type: "response.cancelled", response: { status: "cancelled" } },
      "UPSTREAM_ERROR",
    ],
    ["an event that is no object", undefined, [1], "UPSTREAM_MALFORMED"],
  ];

test.each(inStreams)("in a stream, %s has its reason", (_, event, data, reason) => {
  const decoder = dialect.createDecoder({ model: "m", whole: false, mintCallId: String });
  expect(() => decoder.push({ event, data: JSON.stringify(data) })).toThrow(
    expect.objectContaining({ reason: ErrorReason[reason] }),
  );
});

const wholes: readonly [name: string, body: string, reason: keyof typeof ErrorReason][] = [
  ["failed", '{"status":"failed","error":{"code":"server_error","message":"Sorry."},"output":[]}', "UPSTREAM_ERROR"],
  ["is not done", '{"status":"in_progress","output":[]}', "UPSTREAM_TRUNCATED"],
  ["is something else", '{"choices":[]}', "UPSTREAM_MALFORMED"],
  ["is cut", '{"status":"comp', "UPSTREAM_MALFORMED"],
];

test.each(wholes)("a body whose answer %s is no answer", (_, body, reason) => {
  const decoder = dialect.createDecoder({ model: "m", whole: true, mintCallId: String });
  const read = () => [...decoder.push({ data: body }), ...decoder.finish()];
  expect(read).toThrow(GatewayError);
  expect(read).toThrow(expect.objectContaining({ reason: ErrorReason[reason] }));
});

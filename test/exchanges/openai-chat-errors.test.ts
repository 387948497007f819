import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { openAiChatFor } from "../../src/provider/openai-chat/index.ts";
import { decode } from "./decode.ts";
import { available, readExchanges } from "./exchanges.ts";

const failures = readExchanges("openai.chat").filter((exchange) => exchange.expect.error !== null);
const dialect = openAiChatFor(undefined);

interface Explained {
  readonly reason: keyof typeof ErrorReason;
  readonly retryAfterMs?: number;
}

/** Every recorded failure, and what callers are told of it. */
const explained: Readonly<Record<string, Explained>> = {
  "azure-openai/error-400-content-filter--0b979fe": { reason: "CONTENT_FILTERED" },
  "azure-openai/error-401--grok-4-1-fast-non-reasoning--b478fed": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "azure-openai/error-404--gpt-4-1-mini--9a2eff2": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "azure-openai/error-429--grok-4-1-fast-non-reasoning--356d6cc": {
    reason: "UPSTREAM_RATE_LIMITED",
    retryAfterMs: 1000,
  },
  "azure-openai/error-429-no-retry-after--7dc7b98": { reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 2000 },
  "azure-openai/error-in-200--openllmetry-testing--def6423": { reason: "CONTENT_FILTERED" },
  "deepseek/error-400--deepseek-chat--f043218": { reason: "CONTEXT_LENGTH_EXCEEDED" },
  "deepseek/error-401--deepseek-chat--4bf394b": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "deepseek/error-402-insufficient-balance--3e641c7": { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
  "deepseek/error-503-too-busy--88d891a": { reason: "UPSTREAM_OVERLOADED" },
  "fireworks/error-429-flat--487151b": { reason: "UPSTREAM_RATE_LIMITED" },
  "groq/error-400--gpt-oss-120b--3744136": { reason: "UPSTREAM_INVALID_GENERATION" },
  "groq/error-401--llama-3-3-70b-versatile--9a90ac5": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "groq/error-404--non-existent--f1fd0bd": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "groq/error-429-tpm-hint-seconds--28585b3": { reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 5289 },
  "groq/error-503-over-capacity--1e2c42c": { reason: "UPSTREAM_OVERLOADED" },
  "groq/midstream-error--gpt-oss-120b--95ddc10": { reason: "UPSTREAM_INVALID_GENERATION" },
  "llamacpp/error-400--qwen3-vl-2b-instruct-q8-0--ab74d79": { reason: "UPSTREAM_INVALID_REQUEST" },
  "llamacpp/error-400--qwen3-vl-2b-instruct-q8-0--bba4760": { reason: "UPSTREAM_INVALID_REQUEST" },
  "llamacpp/error-401--qwen3-1-7b-q4-k-m--d86eb99": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "llamacpp/error-500--qwen3-1-7b-q4-k-m--d4b9784": { reason: "UPSTREAM_ERROR" },
  "llamacpp/error-500--qwen3-vl-2b-instruct-q8-0--e2c413c": { reason: "UPSTREAM_ERROR" },
  "mistral/error-400--definitely-not-a-model--4eba8f4": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "mistral/error-401--mistral-small-latest--d07506f": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "mistral/error-429-rate-limited-1300--01033c2": { reason: "UPSTREAM_RATE_LIMITED" },
  "mistral/error-500-service-unavailable--a7e71a6": { reason: "UPSTREAM_ERROR" },
  "openai/error-400--gpt-4o-mini--305e5f7": { reason: "UPSTREAM_INVALID_REQUEST" },
  "openai/error-400--gpt-5-nano--99bfe9a": { reason: "UPSTREAM_INVALID_REQUEST" },
  "openai/error-400--unknown--a318839": { reason: "UPSTREAM_INVALID_REQUEST" },
  "openai/error-401--gpt-4o--2e7be75": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "openai/error-403-region--154a7a0": { reason: "UPSTREAM_PERMISSION_DENIED" },
  "openai/error-404--gpt-3-5-turbo-0613--d0be021": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "openai/error-404--gpt-3-5-turbo-instruct--a36135c": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "openai/error-429-insufficient-quota--312780c": { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
  "openai/error-429-request-too-large--4ed05d0": { reason: "UPSTREAM_REQUEST_TOO_LARGE" },
  "openai/error-503-model-overloaded--f38b236": { reason: "UPSTREAM_OVERLOADED" },
  "openai/midstream_server_error--84d45a9": { reason: "UPSTREAM_ERROR" },
  "openrouter/error-400--claude-haiku-4-5--3d8211c": { reason: "CONTEXT_LENGTH_EXCEEDED" },
  "openrouter/error-401--claude-haiku-4-5--820f200": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "openrouter/error-402-credits--0f0bced": { reason: "UPSTREAM_QUOTA_EXHAUSTED" },
  "openrouter/error-404-no-endpoints--aab35f5": { reason: "UPSTREAM_MODEL_NOT_FOUND" },
  "openrouter/error-429--llama-3-2-3b-instruct-free--70e10aa": { reason: "UPSTREAM_RATE_LIMITED" },
  "openrouter/midstream-error--minimax-m2-free--ceedc63": { reason: "UPSTREAM_INVALID_REQUEST" },
  "perplexity/error-400--sonar--07362fb": { reason: "CONTEXT_LENGTH_EXCEEDED" },
  "perplexity/error-401--sonar--9a15d14": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "together/error-401--llama-3-3-70b-instruct-turbo--6b4c0cb": { reason: "UPSTREAM_UNAUTHENTICATED" },
  "together/error-429-credit-limit--8d40bd1": { reason: "UPSTREAM_RATE_LIMITED" },
  "vllm/error-400-context-length--8a82918": { reason: "CONTEXT_LENGTH_EXCEEDED" },
};

describe.skipIf(!available)("recorded openai.chat failures", () => {
  test("are all in the table", () => {
    expect(failures.map(({ name }) => name).sort()).toEqual(Object.keys(explained).sort());
  });

  test.each(failures)("$name has its reason and its retry hint", (exchange) => {
    const { error } = decode(dialect, exchange, [exchange.body]);
    const expected = explained[exchange.name];
    expect({ reason: error?.reason, retryAfterMs: error?.retryAfterMs }).toEqual({
      reason: expected === undefined ? undefined : ErrorReason[expected.reason],
      retryAfterMs: expected?.retryAfterMs,
    });
  });

  test.each(failures)("$name is quoted, but no word about a key", (exchange) => {
    const { error } = decode(dialect, exchange, [exchange.body]);
    const words = exchange.expect.error?.message ?? "";
    const refusedKey = error?.reason === ErrorReason.UPSTREAM_UNAUTHENTICATED;
    expect(error?.message.includes(words.slice(0, 60))).toBe(!refusedKey);
  });
});

import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { ollama } from "../../src/provider/ollama/index.ts";
import { decode } from "./decode.ts";
import { available, readExchanges } from "./exchanges.ts";

const failures = readExchanges("ollama.chat").filter((exchange) => exchange.expect.error !== null);

/** Every recorded failure, and what callers are told of it. */
const explained: Readonly<Record<string, keyof typeof ErrorReason>> = {
  "ollama/error-404--nonexistent-model-latest--5f2b230": "UPSTREAM_MODEL_NOT_FOUND",
  "ollama/error-503-cloud-overloaded--23b2cb5": "UPSTREAM_OVERLOADED",
  "ollama/midstream_ndjson_error--5a31edc": "UPSTREAM_ERROR",
};

describe.skipIf(!available)("recorded ollama.chat failures", () => {
  test("are all in the table", () => {
    expect(failures.map(({ name }) => name).sort()).toEqual(Object.keys(explained).sort());
  });

  test.each(failures)("$name has its reason and is quoted", (exchange) => {
    const { error } = decode(ollama, exchange, [exchange.body]);
    const expected = explained[exchange.name];
    expect(error?.reason).toBe(expected === undefined ? undefined : ErrorReason[expected]);
    expect(error?.message).toContain(exchange.expect.error?.message.slice(0, 60));
  });
});

/** Messages that were reported of servers and of ollama.com, 2025 and 2026. */
const reported: readonly (readonly [status: number, message: string, reason: keyof typeof ErrorReason])[] = [
  [400, "invalid model name", "UPSTREAM_MODEL_NOT_FOUND"],
  [400, "registry.ollama.ai/library/gemma:2b does not support tools", "FEATURE_UNSUPPORTED"],
  [400, '"llama3.2" does not support thinking', "FEATURE_UNSUPPORTED"],
  [400, "the input length exceeds the context length", "CONTEXT_LENGTH_EXCEEDED"],
  [400, "top_logprobs must be between 0 and 20", "UPSTREAM_INVALID_REQUEST"],
  [402, "payment required", "UPSTREAM_QUOTA_EXHAUSTED"],
  [403, "forbidden", "UPSTREAM_PERMISSION_DENIED"],
  [404, 'model "llama9" not found, try pulling it first', "UPSTREAM_MODEL_NOT_FOUND"],
  [429, "too many concurrent requests", "UPSTREAM_RATE_LIMITED"],
  [429, "you (x) have reached your weekly usage limit, upgrade for higher limits", "UPSTREAM_QUOTA_EXHAUSTED"],
  [500, "the input length exceeds the context length", "CONTEXT_LENGTH_EXCEEDED"],
  [500, "model requires more system memory (5.5 GiB) than is available (3.7 GiB)", "UPSTREAM_ERROR"],
  [502, "upstream error", "UPSTREAM_ERROR"],
  [503, "server busy, please try again. maximum pending requests exceeded", "UPSTREAM_OVERLOADED"],
];

test.each(reported)("a %i that says %j has its reason", (status, message, reason) => {
  const error = ollama.explain({ status, headers: {} }, JSON.stringify({ error: message }), 0);
  const quotes = [error.message, error.discreetMessage].map((words) => words.includes(message));
  expect([error.reason, ...quotes]).toEqual([ErrorReason[reason], true, false]);
});

test("a key that is refused is not quoted", () => {
  const body = JSON.stringify({ error: "unauthorized: key abc does not support chat" });
  const error = ollama.explain({ status: 401, headers: {} }, body, 0);
  expect([error.reason, error.message.includes("abc")]).toEqual([ErrorReason.UPSTREAM_UNAUTHENTICATED, false]);
});

test("the retry hint is the header's", () => {
  const error = ollama.explain({ status: 503, headers: { "retry-after": "2" } }, '{"error": "server busy"}', 0);
  expect([error.retryAfterMs, error.metadata]).toEqual([2000, { upstream_status: "503" }]);
});

test("an address that is none of Ollama's is told by its words", () => {
  const error = ollama.explain({ status: 404, headers: {} }, "404 page not found", 0);
  expect([error.reason, error.message]).toEqual([
    ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
    "The upstream answered 404: 404 page not found",
  ]);
});

test.each([
  [{ error: "slow down", status: 429 }, "UPSTREAM_RATE_LIMITED"],
  [{ error: "x", status_code: 503 }, "UPSTREAM_OVERLOADED"],
  [{ error: { message: "model 'x' not found" } }, "UPSTREAM_MODEL_NOT_FOUND"],
] as const)("a line %j has its reason", (line, reason) => {
  const decoder = ollama.createDecoder({ model: "m", whole: false, mintCallId: String });
  expect(() => decoder.push({ data: JSON.stringify(line) })).toThrow(
    expect.objectContaining({ reason: ErrorReason[reason] }) as Error,
  );
});

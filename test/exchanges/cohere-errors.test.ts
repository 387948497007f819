import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { cohere } from "../../src/provider/cohere/index.ts";
import { decode } from "./decode.ts";
import { available, readExchanges } from "./exchanges.ts";

const failures = readExchanges("cohere.v2.chat").filter((exchange) => exchange.expect.error !== null);

/** Every recorded failure, and what callers are told of it. */
const explained: Readonly<Record<string, keyof typeof ErrorReason>> = {
  "cohere/error-400--command-a-03-2025--342523b": "CONTEXT_LENGTH_EXCEEDED",
  "cohere/error-401--command-a-03-2025--2d33c00": "UPSTREAM_UNAUTHENTICATED",
  "cohere/error-404--command-does-not-exist--5940d88": "UPSTREAM_MODEL_NOT_FOUND",
  "cohere/error-429-trial-month--00d28c7": "UPSTREAM_QUOTA_EXHAUSTED",
};

describe.skipIf(!available)("recorded cohere.v2.chat failures", () => {
  test("are all in the table", () => {
    expect(failures.map(({ name }) => name).sort()).toEqual(Object.keys(explained).sort());
  });

  test.each(failures)("$name has its reason", (exchange) => {
    const { error } = decode(cohere, exchange, [exchange.body]);
    const expected = explained[exchange.name];
    expect(error?.reason).toBe(expected === undefined ? undefined : ErrorReason[expected]);
    expect(error?.retryAfterMs).toBe(undefined);
  });

  test.each(failures)("$name is quoted, but no word about a key", (exchange) => {
    const { error } = decode(cohere, exchange, [exchange.body]);
    const words = exchange.expect.error?.message ?? "";
    const refusedKey = error?.reason === ErrorReason.UPSTREAM_UNAUTHENTICATED;
    expect(error?.message.includes(words.slice(0, 60))).toBe(!refusedKey);
  });
});

/** Messages of Cohere's page of errors, and statuses of its API reference (2026-11). */
const documented: readonly (readonly [status: number, message: string, reason: keyof typeof ErrorReason])[] = [
  [400, "invalid request: list of documents must not be empty", "UPSTREAM_INVALID_REQUEST"],
  [400, "too many tokens: total number of tokens in the prompt cannot exceed 4081", "CONTEXT_LENGTH_EXCEEDED"],
  [400, "too many tokens: max tokens must be less than or equal to 4096", "UPSTREAM_INVALID_REQUEST"],
  [402, "Please add or update your payment method", "UPSTREAM_QUOTA_EXHAUSTED"],
  [403, "forbidden", "UPSTREAM_PERMISSION_DENIED"],
  [422, "unprocessable", "UPSTREAM_INVALID_REQUEST"],
  [429, "You are using a Trial key, which is limited to 40 API calls / minute.", "UPSTREAM_RATE_LIMITED"],
  [429, "trial token rate limit exceeded, limit is 100000 tokens per minute", "UPSTREAM_RATE_LIMITED"],
  [498, "deny-listed token", "CONTENT_FILTERED"],
  [499, "request cancelled", "UPSTREAM_ERROR"],
  [500, "internal server error", "UPSTREAM_ERROR"],
  [501, "not implemented", "UPSTREAM_INVALID_REQUEST"],
  [503, "service unavailable", "UPSTREAM_OVERLOADED"],
  [504, "gateway timeout", "UPSTREAM_ERROR"],
];

test.each(documented)("a %i that says %j has its reason", (status, message, reason) => {
  const error = cohere.explain({ status, headers: {} }, JSON.stringify({ id: "x", message }), 0);
  const quotes = [error.message, error.discreetMessage].map((words) => words.includes(message));
  expect([error.reason, ...quotes]).toEqual([ErrorReason[reason], true, false]);
});

test("the retry hint is the header's", () => {
  const error = cohere.explain({ status: 429, headers: { "retry-after": "3" } }, '{"message": "slow down"}', 0);
  expect([error.retryAfterMs, error.metadata]).toEqual([3000, { upstream_status: "429" }]);
});

test("a page of a proxy is quoted by its title", () => {
  const error = cohere.explain({ status: 502, headers: {} }, "<html><title>Bad Gateway</title></html>", 0);
  expect([error.reason, error.message]).toEqual([ErrorReason.UPSTREAM_ERROR, "The upstream answered 502: Bad Gateway"]);
});

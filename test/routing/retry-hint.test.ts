import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readRetryHint } from "../../src/provider/retry-hint.ts";

/** Wed, 14 Nov 2023 22:13:20 GMT. */
const NOW = 1_700_000_000_000;
const DAY_MS = 86_400_000;

describe("reads from headers", () => {
  test.each([
    ["seconds", { "retry-after": "7" }, 7000],
    ["fractions of seconds", { "retry-after": "0.25" }, 250],
    ["a fraction of a millisecond as a whole one", { "retry-after": "0.0001" }, 1],
    ["white space around", { "retry-after": " 7 " }, 7000],
    ["milliseconds", { "retry-after-ms": "174" }, 174],
    ["milliseconds before seconds", { "retry-after-ms": "1500", "retry-after": "9" }, 1500],
    ["seconds beside 0 milliseconds", { "retry-after-ms": "0", "retry-after": "9" }, 9000],
    ["seconds beside milliseconds that are none", { "retry-after-ms": "soon", "retry-after": "9" }, 9000],
    ["a date to come", { "retry-after": "Tue, 14 Nov 2023 22:13:50 GMT" }, 30_000],
    ["a date of RFC 850", { "retry-after": "Tuesday, 14-Nov-23 22:13:50 GMT" }, 30_000],
    ["a date that has passed", { "retry-after": "Tue, 14 Nov 2023 22:13:19 GMT" }, undefined],
    ["a date that is now", { "retry-after": "Tue, 14 Nov 2023 22:13:20 GMT" }, undefined],
    ["a day that does not exist", { "retry-after": "Tue, 99 Nov 2023 22:13:50 GMT" }, undefined],
    ["a date of another form", { "retry-after": "2023-11-14T22:13:50Z" }, undefined],
    ["nothing from 0", { "retry-after": "0" }, undefined],
    ["nothing from a negative number", { "retry-after": "-5" }, undefined],
    ["a day from a billion seconds", { "retry-after": "1000000000" }, DAY_MS],
    ["a day from more digits than a number holds", { "retry-after": "9".repeat(400) }, DAY_MS],
    ["nothing from 1e9", { "retry-after": "1e9" }, undefined],
    ["nothing from 0x10", { "retry-after": "0x10" }, undefined],
    ["nothing from words", { "retry-after": "soon" }, undefined],
    ["nothing from nothing", { "retry-after": "" }, undefined],
    ["the longer of two", { "retry-after": ["2", "5"] }, 5000],
    ["the readable one of two", { "retry-after": ["soon", "5"] }, 5000],
    ["the longer of seconds and a date", { "retry-after": ["2", "Tue, 14 Nov 2023 22:13:50 GMT"] }, 30_000],
    ["a moment", { "x-ratelimit-reset": String(NOW + 2500) }, 2500],
    ["a moment that has passed", { "x-ratelimit-reset": String(NOW - 1) }, undefined],
    ["no moment in seconds", { "x-ratelimit-reset": "1700000060" }, undefined],
    ["a wait before a moment", { "retry-after": "1", "x-ratelimit-reset": String(NOW + 2500) }, 1000],
  ])("%s", (_, headers, ms) => {
    expect(readRetryHint(headers, "", NOW)).toBe(ms);
  });
});

describe("reads from a message", () => {
  test.each([
    ["Rate limit reached. Please try again in 6.596s. Visit the page.", 6596],
    ["Please try again in 174ms.", 174],
    ["Please try again in 1m2.5s.", 62_500],
    ["Please try again in 2h3m4s.", 7_384_000],
    ["Please try again in 6m0s", 360_000],
    ["Please try again in 4m", 240_000],
    ["Please try again in 1h30m", 5_400_000],
    ["Please retry after 2 seconds.", 2000],
    ["Please retry after 1 second.", 1000],
    ["Please retry in 250 milliseconds.", 250],
    ["Try again in 20s", 20_000],
    ["Please try again in 0s.", undefined],
    ["Please try again in 99999999999s.", DAY_MS],
    ["Please try again later.", undefined],
    ["Try again in -5s", undefined],
    ["The limit is 5s.", undefined],
    ["", undefined],
  ])("%j", (message, ms) => {
    expect(readRetryHint({}, message, NOW)).toBe(ms);
  });

  test("only where no header says it", () => {
    expect(readRetryHint({ "retry-after": "3" }, "Please try again in 20s.", NOW)).toBe(3000);
  });
});

test("is undefined or between a millisecond and a day, whatever was sent", () => {
  const odd = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.integer().map(String),
    fc.constantFrom("Mon", "Tuesday, x", "NaN", "Infinity", "-0", "1.", ".5", "+1"),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    fc.bigInt().map(String),
  );
  const header = fc.oneof(odd, fc.array(odd, { maxLength: 3 }), fc.constant(undefined));
  const headers = fc.record({ "retry-after": header, "retry-after-ms": header, "x-ratelimit-reset": header });
  const message = fc.oneof(
    fc.string(),
    odd.map((amount) => `Please try again in ${amount}s`),
    odd.map((amount) => `retry after ${amount}m${amount}ms`),
  );
  fc.assert(
    fc.property(headers, message, fc.integer({ min: 0, max: 2 ** 42 }), (given, said, wallNow) => {
      const ms = readRetryHint(given, said, wallNow);
      if (ms === undefined) return;
      expect(Number.isInteger(ms)).toBe(true);
      expect(ms).toBeGreaterThanOrEqual(1);
      expect(ms).toBeLessThanOrEqual(DAY_MS);
    }),
    { numRuns: 5000 },
  );
});

test("takes no time for a message that goes on and on", () => {
  const startedAt = performance.now();
  expect(readRetryHint({}, "try again in 1m".repeat(100_000), NOW)).toBe(60_000);
  expect(readRetryHint({}, `try again in ${"9".repeat(100_000)}`, NOW)).toBe(undefined);
  expect(performance.now() - startedAt).toBeLessThan(1000);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readDeferral } from "../../src/routing/rate-limit-headers.ts";
import { available, readExchanges } from "../exchanges/exchanges.ts";

/** 2023-11-14T22:13:20Z. */
const NOW = 1_700_000_000_000;

/** As OpenAI writes it, with nothing remaining. */
function openai(what: string, reset: string, limit?: string): Record<string, string> {
  return {
    [`x-ratelimit-remaining-${what}`]: "0",
    [`x-ratelimit-reset-${what}`]: reset,
    ...(limit === undefined ? {} : { [`x-ratelimit-limit-${what}`]: limit }),
  };
}

function anthropic(what: string, reset: string, limit?: string): Record<string, string> {
  const name = `anthropic-ratelimit-${what}`;
  return {
    [`${name}-remaining`]: "0",
    [`${name}-reset`]: reset,
    ...(limit === undefined ? {} : { [`${name}-limit`]: limit }),
  };
}

describe("with nothing remaining, waits", () => {
  test.each([
    ["for a duration as Go writes it", openai("requests", "6m0s"), 360_000],
    ["for fractions of seconds", openai("requests", "8.64s"), 8640],
    ["for milliseconds", openai("tokens", "12ms"), 12],
    ["for a fraction of a millisecond, as a whole one", openai("tokens", "0.4ms"), 1],
    ["for days and hours", openai("requests", "1d2h"), 93_600_000],
    ["for plain seconds", openai("requests", "7"), 7000],
    ["for the tokens of a project", openai("project-tokens", "2s"), 2000],
    ["for one place of a bucket that fills steadily", openai("requests", "86400s", "14400"), 6000],
    ["for a tenth of a bucket of tokens", openai("tokens", "60s", "6000"), 6000],
    ["for all of a bucket of one", openai("requests", "3s", "1"), 3000],
    ["for the reset where the limit cannot be read", openai("requests", "3s", "many"), 3000],
    ["for the reset where the limit is 0", openai("requests", "3s", "0"), 3000],
    ["for Cerebras' minute", openai("tokens-minute", "12.5"), 12_500],
    ["until a date of Anthropic", anthropic("requests", "2023-11-14T22:13:30Z"), 10_000],
    ["until a date elsewhere in the world", anthropic("requests", "2023-11-15T00:13:30.5+02:00"), 10_500],
    ["for a tenth of a bucket of Anthropic", anthropic("input-tokens", "2023-11-14T22:14:20Z", "200000"), 6000],
    ["until a moment", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW + 2500) }, 2500],
    ["until a moment in seconds", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000009" }, 9000],
    ["for seconds of Together", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2" }, 2000],
    ["for Mistral's size", { "ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "46" }, 46_000],
    ["for the draft's seconds", { "ratelimit-remaining": "0", "ratelimit-reset": "50" }, 50_000],
    ["for the longest of several", { ...openai("requests", "2s"), ...openai("tokens", "5s") }, 5000],
    ["for the longest, whichever comes first", { ...openai("requests", "5s"), ...openai("tokens", "2s") }, 5000],
    ["by the last of two headers", { ...openai("requests", "2s"), "x-ratelimit-remaining-requests": ["3", "0"] }, 2000],
  ])("%s", (_, headers, ms) => {
    expect(readDeferral(429, headers, NOW)?.ms).toBe(ms);
  });

  test("and says by which header", () => {
    expect(readDeferral(200, openai("tokens", "5s"), NOW)).toEqual({ ms: 5000, why: "x-ratelimit-remaining-tokens" });
  });
});

describe("does not wait", () => {
  test.each([
    ["for no headers", {}],
    ["with something remaining", { ...openai("requests", "6m"), "x-ratelimit-remaining-requests": "1" }],
    ["where Azure knows no number", { ...openai("tokens", "9"), "x-ratelimit-remaining-tokens": "-1" }],
    ["without a reset", { "x-ratelimit-remaining-requests": "0" }],
    ["for the reset of another counter", { ...openai("requests", "0s"), "x-ratelimit-reset-tokens": "9s" }],
    ["for a reset of 0", openai("requests", "0")],
    ["for a date that has passed", anthropic("requests", "2023-11-14T22:13:19Z")],
    ["for a moment that has passed", { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(NOW - 1) }],
    ["for a moment beside a remainder", { "x-ratelimit-remaining": "1", "x-ratelimit-reset": String(NOW + 2500) }],
    ["for words", openai("requests", "soon")],
    ["for a negative time", openai("requests", "-5s")],
    ["for an exponent", openai("requests", "1e9")],
    ["for a unit without a number", openai("requests", "s")],
    ["for a placeholder", openai("requests", "X-RATELIMIT-RESET-REQUESTS-XXX")],
    ["for a date that is none", anthropic("requests", "2023-99-14T22:13:30Z")],
    ["for a date in words", anthropic("requests", "Tue, 14 Nov 2023 22:13:50 GMT")],
    ["for a retry-after of 0", { "retry-after": "0" }],
    ["for a retry-after in words", { "retry-after": "soon" }],
  ])("%s", (_, headers) => {
    expect(readDeferral(429, headers, NOW)).toBeUndefined();
  });
});

describe("does as it is asked before it counts", () => {
  test.each([
    ["seconds", { ...openai("requests", "6m"), "retry-after": "2" }, 2000],
    ["milliseconds", { ...openai("requests", "6m"), "retry-after-ms": "250" }, 250],
    ["a date", { "retry-after": "Tue, 14 Nov 2023 22:13:50 GMT" }, 30_000],
  ])("%s", (_, headers, ms) => {
    expect(readDeferral(429, headers, NOW)).toEqual({ ms, why: "retry-after" });
  });

  test("but not of a success", () => {
    expect(readDeferral(200, { "retry-after": "2", "retry-after-ms": "2000" }, NOW)).toBeUndefined();
  });

  test("but counts where that cannot be read", () => {
    expect(readDeferral(429, { ...openai("requests", "6s"), "retry-after": "soon" }, NOW)?.ms).toBe(6000);
  });
});

test("is undefined or a whole number above 0, whatever was sent", () => {
  const odd = fc.oneof(
    fc.string(),
    fc.double().map(String),
    fc.integer().map(String),
    fc.constantFrom("0", "NaN", "Infinity", "-0", "1.", "1m1m1m", "9".repeat(400), `${"9".repeat(15)}d`.repeat(5)),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  );
  const families = [openai("requests", ""), openai("tokens", "", ""), anthropic("tokens", "", "")];
  const names = families.flatMap((each) => Object.keys(each)).concat("x-ratelimit-remaining", "x-ratelimit-reset");
  const nothing = fc.record(Object.fromEntries(names.map((name) => [name, fc.oneof(odd, fc.constant("0"))])));
  fc.assert(
    fc.property(nothing, fc.integer({ min: 0, max: 2 ** 42 }), (headers, wallNow) => {
      const ms = readDeferral(429, headers, wallNow)?.ms;
      if (ms === undefined) return;
      expect(ms).toBeGreaterThanOrEqual(1);
      expect(ms).toBe(Math.ceil(ms));
    }),
    { numRuns: 3000 },
  );
});

test("takes no time for a header that goes on and on", () => {
  const startedAt = performance.now();
  for (const reset of ["1m".repeat(50_000), "1".repeat(100_000), "1.1".repeat(30_000)]) {
    expect(readDeferral(200, openai("requests", reset), NOW)).toBeUndefined();
  }
  expect(performance.now() - startedAt).toBeLessThan(1000);
});

describe.skipIf(!available)("of all recorded answers", () => {
  /** Many keep no date; then half a minute before the first of their moments is as good. */
  function wallNowOf(headers: Readonly<Record<string, string>>): number {
    const moments = Object.entries(headers)
      .filter(([name]) => name.endsWith("-reset"))
      .map(([, value]) => (/^\d{13}$/.test(value) ? Number(value) : Date.parse(value)))
      .filter((at) => at > 1e12);
    return Date.parse(headers.date ?? "") || (moments.length === 0 ? NOW : Math.min(...moments) - 30_000);
  }

  const deferred = readExchanges()
    .map(({ name, status, headers }) => ({ name, status, deferral: readDeferral(status, headers, wallNowOf(headers)) }))
    .filter(({ deferral }) => deferral !== undefined);

  test("no success is followed by a wait: none had nothing remaining", () => {
    expect(deferred.filter(({ status }) => status < 400)).toEqual([]);
  });

  test("each refusal that says how long is understood", () => {
    expect(deferred.map(({ name, deferral }) => [name, deferral?.ms, deferral?.why])).toEqual([
      ["anthropic/error-429-input-tokens-retry-after--41825cb", 16_000, "retry-after"],
      ["azure-openai/error-429--grok-4-1-fast-non-reasoning--356d6cc", 1000, "retry-after"],
      ["openrouter/error-429--llama-3-2-3b-instruct-free--70e10aa", 30_000, "x-ratelimit-remaining"],
    ]);
  });
});

/** Estimated tokens, beside those that providers reported for recorded answers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTokenCounter, estimatePromptTokens, estimateTokens } from "../../src/pricing/estimate.ts";
import { PieceCutter } from "../../src/pricing/text-pieces.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";

function pieces(...texts: readonly string[]): [string, number][] {
  const found: [string, number][] = [];
  const cutter = new PieceCutter((kind, size) => found.push([kind, size]));
  for (const text of texts) cutter.push(text);
  cutter.finish();
  return found;
}

test("text falls into words, numbers, marks, spaces and line ends", () => {
  expect(pieces('Say  "hello", camelCase HTTPServer ÄRGER Привет:\n\n  12345 漢字🙂')).toEqual([
    ["word", 3],
    ["spaces", 1],
    ["marksAfterSpace", 2],
    ["word", 5],
    ["marks", 2],
    ["wordAfterSpace", 6],
    ["word", 4],
    ["wordAfterSpace", 11],
    ["accented", 6],
    ["cyrillic", 7],
    ["marksAtLineEnd", 3],
    ["spaces", 2],
    ["digits", 3],
    ["digits", 2],
    ["han", 2],
    ["han", 1],
    ["astral", 1],
    ["astral", 1],
  ]);
});

test("text falls into the same pieces however it is split", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary" })), (parts) => {
      expect(pieces(...parts)).toEqual(pieces(parts.join("")));
      expect(pieces(...parts).reduce((sum, [, size]) => sum + size, 0)).toBe(parts.join("").length);
    }),
  );
});

describe("an estimate", () => {
  test("is 0 of nothing, and at least 1 of anything", () => {
    expect([estimateTokens("", "gpt-4o"), estimatePromptTokens([], "gpt-4o"), estimatePromptTokens([""], "x")]).toEqual(
      [0, 0, 0],
    );
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (text) => {
        expect(Math.min(estimateTokens(text, "gpt-4o"), estimatePromptTokens([text], "gpt-4o"))).toBeGreaterThan(0);
      }),
    );
  });

  test.each(["a", "=", " ", "\n", "9", "漢", "🙂", "aB", "é", "x9"])(
    "of a million characters of %j is no less",
    (text) => {
      const whole = text.repeat(1_000_000 / text.length);
      expect(estimateTokens(whole, "gpt-4o")).toBeGreaterThan(15_000);
      expect(estimateTokens(whole, "gpt-4o")).toBeLessThan(1_300_000);
    },
  );

  test("counts what a tool call costs besides its text", () => {
    const counter = createTokenCounter("us.anthropic.claude-sonnet-4-5");
    counter.addToolCall();
    expect(counter.total()).toBe(37);
    counter.add("get_weather");
    expect(counter.total()).toBeGreaterThan(38);
  });

  test("of a long text or prompt is made from samples of all of it", () => {
    const words = "The quick brown fox jumps over the lazy dog. ".repeat(2000) + "漢字かな交じり文。".repeat(10_000);
    const counter = createTokenCounter("gpt-4o");
    counter.add(words);
    const whole = counter.total();
    expect(Math.abs(estimateTokens(words, "gpt-4o") - whole) / whole).toBeLessThan(0.03);
    const split = [words.slice(0, 100), words.slice(100, 50_000), words.slice(50_000)];
    for (const prompt of [[words], split]) {
      expect(Math.abs(estimatePromptTokens(prompt, "gpt-4o") - whole) / whole).toBeLessThan(0.15);
    }
  });
});

/** Tokens of the text that can be seen, or undefined where the answer has others that cannot be told apart. */
function visibleTokens({ expect: said, api, provider, categories }: Exchange): number | undefined {
  if (said.output_tokens === null || said.error !== null || said.tool_calls.length > 0) return undefined;
  if (said.text === null || said.refusal !== null || said.reasoning_text !== null) return undefined;
  if (categories.some((category) => /hosted|n_choices|safety/.test(category))) return undefined;
  const beside = api === "gemini.generateContent" || provider === "xai";
  return said.output_tokens - (beside ? 0 : (said.reasoning_tokens ?? 0));
}

describe.skipIf(!available)("recorded answers", () => {
  const errors = readExchanges().flatMap((exchange) => {
    const tokens = visibleTokens(exchange) ?? 0;
    const estimated = estimateTokens(exchange.expect.text ?? "", exchange.model ?? "");
    // Where there are half as many again, the answer holds what was not recorded as text, such as searches.
    return tokens < 50 || tokens > estimated * 1.5 ? [] : [{ name: exchange.name, error: estimated / tokens - 1 }];
  });

  test("are estimated within 5 % mostly, within 10 % nearly always, and as often too high as too low", () => {
    const share = (bound: number) => errors.filter(({ error }) => Math.abs(error) <= bound).length / errors.length;
    const mean = errors.reduce((sum, { error }) => sum + error, 0) / errors.length;
    expect(errors.length).toBeGreaterThan(50);
    expect(share(0.05)).toBeGreaterThan(0.6);
    expect(share(0.1)).toBeGreaterThan(0.85);
    expect(Math.abs(mean)).toBeLessThan(0.02);
  });
});

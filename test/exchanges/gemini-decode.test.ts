import { describe, expect, test } from "vitest";
import { ErrorReason, FinishReason } from "../../src/domain/contract.ts";
import { geminiFor } from "../../src/provider/gemini/index.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { decode, fold, frames, parse, summarize } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const exchanges = readExchanges("gemini.generateContent");
const dialect = geminiFor(undefined);

/** Answers whose recorded expectation is not what callers get, and why; each has a test of its own below. */
const elsewhere: Readonly<Record<string, string>> = {
  "vertex/safety--unknown--9753bb3": "A refused prompt is an error in the contract, and no answer that ended.",
  "vertex/stream-tool-parallel--gemini-3-pro-preview--274be6f":
    "One call in pieces; the expectation lists every piece as a call, for it knows no partial arguments.",
};

const finishReasons: Readonly<Record<string, FinishReason>> = {
  STOP: FinishReason.STOP,
  UNEXPECTED_TOOL_CALL: FinishReason.STOP,
  MAX_TOKENS: FinishReason.LENGTH,
  SAFETY: FinishReason.CONTENT_FILTER,
  RECITATION: FinishReason.CONTENT_FILTER,
};

/** The contract's finish reason for what the wire said. */
function expectedFinish({ body, expect: wire }: Exchange): FinishReason {
  const reason = finishReasons[wire.finish_reason ?? ""] ?? FinishReason.OTHER;
  // Calls that the provider's own tools answered are nobody else's to answer.
  const open = wire.tool_calls.length > 0 && !body.includes('"functionResponse"');
  return reason === FinishReason.STOP && open ? FinishReason.TOOL_CALLS : reason;
}

/** The last count of its kind on the wire. */
function lastCount({ body }: Exchange, name: string): number | undefined {
  const counts = [...body.toString("utf8").matchAll(new RegExp(`"${name}":\\s*(\\d+)`, "g"))];
  return counts.length === 0 ? undefined : Number(counts.at(-1)?.[1]);
}

function add(first: number | null, second: number | null | undefined): number | undefined {
  return first === null ? (second ?? undefined) : first + (second ?? 0);
}

/** Trying every split of long bodies takes minutes: where it is asked for (CI does); elsewhere they are sampled. */
const everySplit = process.env.EVERY_SPLIT === "true";

function isSame(a: Frame, b: Frame | undefined): boolean {
  return a.data === b?.data && a.event === b.event;
}

function find(name: string): Exchange {
  const found = exchanges.find((exchange) => exchange.name === name);
  if (found === undefined) throw new Error(`no exchange ${name}`);
  return found;
}

describe.skipIf(!available)("recorded gemini.generateContent exchanges", () => {
  test("are all there", () => {
    expect(exchanges.length).toBe(80);
  });

  const told = exchanges.filter(({ name }) => !Object.hasOwn(elsewhere, name));

  test.each(told)("$name decodes to what it says", async (exchange) => {
    const wire = exchange.expect;
    const decoded = decode(dialect, exchange, [exchange.body]);
    expect(decoded.error === undefined, decoded.error?.message).toBe(wire.error === null);
    const response = await fold(decoded);
    let mintedSoFar = 0;
    expect(summarize(response)).toEqual({
      text: wire.text ?? "",
      reasoning: wire.reasoning_text ?? "",
      toolCalls: wire.tool_calls.map(({ id, name, arguments: args }) => ({
        id: id || `minted_${mintedSoFar++}`,
        name,
        arguments: typeof args === "string" ? parse(args) : args,
      })),
    });
    if (wire.error !== null) return;
    expect({
      finishReason: response.finishReason,
      providerFinishReason: response.providerFinishReason,
      inputTokens: response.usage?.inputTokens,
      outputTokens: response.usage?.outputTokens,
      cacheReadTokens: response.usage?.cacheReadTokens,
      cacheWriteTokens: response.usage?.cacheWriteTokens,
      reasoningTokens: response.usage?.reasoningTokens,
    }).toEqual({
      finishReason: expectedFinish(exchange),
      providerFinishReason: wire.finish_reason,
      inputTokens: add(wire.input_tokens, lastCount(exchange, "toolUsePromptTokenCount")),
      outputTokens: add(wire.output_tokens, wire.reasoning_tokens),
      cacheReadTokens: wire.cached_tokens ?? undefined,
      cacheWriteTokens: undefined,
      reasoningTokens: wire.reasoning_tokens ?? undefined,
    });
  });

  const streams = exchanges.filter(({ body_format }) => body_format === "sse");

  // The decoder sees frames, not bytes, and is a function of them: the same frames are the same events.
  test.each(streams)("$name gives the same events for every split into two", { timeout: 120_000 }, (exchange) => {
    const whole = frames([exchange.body], dialect.framing);
    const step = everySplit || exchange.body.length < 4096 ? 1 : 61;
    for (let at = 1; at < exchange.body.length; at += step) {
      const split = frames([exchange.body.subarray(0, at), exchange.body.subarray(at)], dialect.framing);
      const same = split.length === whole.length && split.every((frame, n) => isSame(frame, whole[n]));
      if (!same) expect(split, `split at byte ${at}`).toEqual(whole);
    }
  });

  test.each(streams)("$name gives the same events byte by byte", (exchange) => {
    const bytes = Array.from(exchange.body, (_, at) => exchange.body.subarray(at, at + 1));
    expect(decode(dialect, exchange, bytes)).toEqual(decode(dialect, exchange, [exchange.body]));
  });

  test("a stream whose prompt was refused is an error", () => {
    const exchange = find("vertex/safety--unknown--9753bb3");
    const { events, error } = decode(dialect, exchange, [exchange.body]);
    expect({ events, reason: error?.reason }).toEqual({ events: [], reason: ErrorReason.CONTENT_FILTERED });
  });

  test("a call whose arguments come in pieces is one call", async () => {
    const exchange = find("vertex/stream-tool-parallel--gemini-3-pro-preview--274be6f");
    const response = await fold(decode(dialect, exchange, [exchange.body]));
    expect({ ...summarize(response), finishReason: response.finishReason, usage: response.usage }).toEqual({
      text: "",
      reasoning: "",
      toolCalls: [{ id: "minted_0", name: "greet", arguments: { greeting: "Hello", name: "jone smith" } }],
      finishReason: FinishReason.TOOL_CALLS,
      usage: {
        $typeName: "sluice.v1.Usage",
        estimated: false,
        inputTokens: 20,
        outputTokens: 75,
        reasoningTokens: 58,
      },
    });
  });

  test("what was said before an error without `data:` is kept, and the error is one", async () => {
    const exchange = find("vertex/midstream-error--unknown--bc46143");
    const decoded = decode(dialect, exchange, [exchange.body]);
    expect(summarize(await fold(decoded)).text).toBe("First Second ");
    expect(decoded.error?.reason).toBe(ErrorReason.UPSTREAM_ERROR);
  });

  test("pictures and sound of a prompt and of an answer are counted", async () => {
    const read = async (name: string) => (await fold(decode(dialect, find(name), [find(name).body]))).usage;
    expect((await read("gemini/image-input--gemini-3-flash-preview--befe965"))?.inputImageTokens).toBe(1089);
    expect((await read("gemini/stream-text--gemini-2-5-flash-image-preview--be1c67f"))?.outputImageTokens).toBe(1290);
  });

  test("pictures in an answer are parts of it, in their place", async () => {
    const exchange = find("vertex/text--gemini-2-5-flash-image-preview--1e6a484");
    const { parts } = await fold(decode(dialect, exchange, [exchange.body]));
    expect(parts.map(({ content }) => content.case)).toEqual(["text", "image"]);
    const [, picture] = parts;
    if (picture?.content.case !== "image" || picture.content.value.source.case !== "data") throw new Error("no image");
    expect(picture.content.value.mimeType).toBe("image/png");
    expect(Buffer.from(picture.content.value.source.value).subarray(1, 4).toString()).toBe("PNG");
  });

  test("sources are cited where they support the text", async () => {
    const exchange = find("vertex/reasoning--gemini-2-5-flash--3980513");
    const { parts, providerMetadata } = await fold(decode(dialect, exchange, [exchange.body]));
    const [part] = parts;
    const text = part?.content.case === "text" ? part.content.value : "";
    const cited = part?.citations.map(({ title, startIndex, endIndex }) => [title, text.slice(startIndex, endIndex)]);
    expect(cited).toEqual([
      ["ruby-lang.org", "6, released on July 14, 2026."],
      ["wikipedia.org", "6, released on July 14, 2026."],
    ]);
    expect(Object.keys(providerMetadata ?? {})).toEqual(["groundingMetadata", "trafficType"]);
  });

  test("log probabilities come with the text", async () => {
    const exchange = find("vertex/reasoning--gemini-2-5-flash--e9d2f2f");
    const { logprobs } = await fold(decode(dialect, exchange, [exchange.body]));
    expect(logprobs.map(({ token, logprob, top }) => ({ token, logprob, top: top.map((one) => one.token) }))).toEqual([
      { token: "Hello", logprob: -6.7947026e-6, top: ["Hello", '"'] },
    ]);
  });

  test("safety results and code that the provider ran are kept", async () => {
    const filtered = find("gemini/safety--gemini-1-5-flash--784507e");
    const safety = (await fold(decode(dialect, filtered, [filtered.body]))).providerMetadata;
    expect(safety?.safetyRatings).toHaveLength(4);
    const ran = find("gemini/reasoning--gemini-3-5-flash--443296a");
    const { providerMetadata } = await fold(decode(dialect, ran, [ran.body]));
    expect(providerMetadata?.parts).toEqual([
      { executableCode: expect.anything(), thoughtSignature: expect.anything() },
      { codeExecutionResult: expect.anything() },
    ]);
  });
});

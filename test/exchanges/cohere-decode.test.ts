import { describe, expect, test } from "vitest";
import { ErrorReason, FinishReason, type Part } from "../../src/domain/contract.ts";
import { TOOL_PLAN } from "../../src/provider/cohere/decode.ts";
import { cohere } from "../../src/provider/cohere/index.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { type Decoded, decode, fold, frames, parse, summarize } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const exchanges = readExchanges("cohere.v2.chat");

const finishReasons: Readonly<Record<string, FinishReason>> = {
  COMPLETE: FinishReason.STOP,
  STOP_SEQUENCE: FinishReason.STOP,
  MAX_TOKENS: FinishReason.LENGTH,
  TOOL_CALL: FinishReason.TOOL_CALLS,
};

/** Trying every split of long bodies takes minutes: where it is asked for (CI does); elsewhere they are sampled. */
const everySplit = process.env.EVERY_SPLIT === "true";

function isSame(a: Frame, b: Frame | undefined): boolean {
  return a.data === b?.data && a.event === b.event;
}

/** A count as the body's last usage has it; the expectations leave these out. */
function counted({ body }: Exchange, name: string): number | undefined {
  const found = [...body.toString("utf8").matchAll(new RegExp(`"${name}":\\s*(\\d+)`, "g"))].at(-1)?.[1];
  return found === undefined ? undefined : Number(found);
}

const isPlan = ({ providerState }: Part): boolean => providerState?.data === TOOL_PLAN;

describe.skipIf(!available)("recorded cohere.v2.chat exchanges", () => {
  test("are all there", () => {
    expect(exchanges.length).toBe(26);
  });

  test.each(exchanges)("$name decodes to what it says", async (exchange) => {
    const wire = exchange.expect as typeof exchange.expect & { readonly tool_plan?: string };
    const decoded = decode(cohere, exchange, [exchange.body]);
    expect(decoded.error === undefined, decoded.error?.message).toBe(wire.error === null);
    const response = await fold(decoded);
    const plans = response.parts.filter(isPlan);
    expect({
      ...summarize({ ...response, parts: response.parts.filter((part) => !isPlan(part)) }),
      plan: summarize({ ...response, parts: plans }).reasoning,
    }).toEqual({
      text: wire.text ?? "",
      reasoning: wire.reasoning_text ?? "",
      plan: wire.tool_plan ?? "",
      toolCalls: wire.tool_calls.map(({ id, name, arguments: args }) => ({
        id,
        name,
        arguments: typeof args === "string" ? parse(args) : args,
      })),
    });
    if (wire.error !== null) return;
    const images = counted(exchange, "image_tokens");
    expect({ ...response.usage, finishReason: response.finishReason, word: response.providerFinishReason }).toEqual({
      $typeName: "sluice.v1.Usage",
      estimated: false,
      finishReason: finishReasons[wire.finish_reason ?? ""],
      word: wire.finish_reason,
      // Tokens of pictures come beside.
      inputTokens: (wire.input_tokens ?? 0) + (images ?? 0),
      inputImageTokens: images,
      outputTokens: wire.output_tokens,
      cacheReadTokens: wire.cached_tokens ?? undefined,
      reasoningTokens: counted(exchange, "reasoning_tokens"),
    });
  });

  test("the pictures' tokens are in the input, as they are in what is billed", async () => {
    const pictured = exchanges.filter(({ name }) => name.startsWith("cohere/image-input"));
    const usages = await Promise.all(pictured.map(async (one) => (await fold(decode(cohere, one, [one.body]))).usage));
    expect(usages.map((usage) => [usage?.inputTokens, usage?.inputImageTokens])).toEqual([[293, 259]]);
  });

  test("citations come with the words of the answer that they are about", async () => {
    const cited = exchanges.filter(({ name }) => name.startsWith("cohere/cached--command-a-plus"));
    const found = await Promise.all(
      cited.map(async (one) => {
        const { parts } = await fold(decode(cohere, one, [one.body]));
        return parts.flatMap(({ content, citations }) =>
          citations.map(({ uri, title, quote, startIndex, endIndex }) => {
            const text = content.case === "text" ? content.value : "";
            return [uri, title, quote.slice(0, 29), text.slice(startIndex, endIndex)];
          }),
        );
      }),
    );
    const source = ["doc:0", "facts.txt", "The Ruby programming language"];
    expect(found).toEqual([
      [
        [...source, "Yukihiro Matsumoto"],
        [...source, "1993."],
      ],
      [
        [...source, "Yukihiro Matsumoto"],
        [...source, "1993."],
        [...source, '"The Ruby programming language was created by Yukihiro Matsumoto in 1993."'],
      ],
    ]);
  });

  const streams = exchanges.filter(({ body_format }) => body_format === "sse");

  // The decoder sees frames, not bytes, and is a function of them: the same frames are the same events.
  test.each(streams)("$name gives the same events for every split into two", { timeout: 120_000 }, (exchange) => {
    const whole = frames([exchange.body]);
    const step = everySplit || exchange.body.length < 4096 ? 1 : 61;
    for (let at = 1; at < exchange.body.length; at += step) {
      const split = frames([exchange.body.subarray(0, at), exchange.body.subarray(at)]);
      const same = split.length === whole.length && split.every((frame, n) => isSame(frame, whole[n]));
      if (!same) expect(split, `split at byte ${at}`).toEqual(whole);
    }
  });

  test.each(streams)("$name gives the same events byte by byte", (exchange) => {
    const bytes = Array.from(exchange.body, (_, at) => exchange.body.subarray(at, at + 1));
    expect(decode(cohere, exchange, bytes)).toEqual(decode(cohere, exchange, [exchange.body]));
  });

  test.each(streams)("$name is truncated without its end", (exchange) => {
    const cut = exchange.body.subarray(0, exchange.body.indexOf("event: message-end"));
    const { error } = decode(cohere, exchange, [cut]);
    expect(error?.reason).toBe(ErrorReason.UPSTREAM_TRUNCATED);
  });
});

/** Decodes events of a stream, or a whole body. */
function decodeJson(json: readonly unknown[], whole = false): Decoded {
  const body = whole ? JSON.stringify(json[0]) : json.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("");
  const exchange = { status: 200, headers: {}, model: "command-x", body_format: whole ? "json" : "sse" } as Exchange;
  return decode(cohere, exchange, [Buffer.from(body)]);
}

const begin = { type: "message-start", id: "r-1" };
const text = (words: string, more = {}) => ({
  type: "content-delta",
  index: 0,
  delta: { message: { content: { text: words } } },
  ...more,
});
const textStart = (index = 0) => ({
  type: "content-start",
  index,
  delta: { message: { content: { type: "text", text: "" } } },
});
const end = (delta: object) => ({ type: "message-end", delta });
const complete = end({ finish_reason: "COMPLETE", usage: { tokens: { input_tokens: 1, output_tokens: 2 } } });
const citation = (cited: object) => ({ type: "citation-start", index: 0, delta: { message: { citations: cited } } });

describe("Cohere's events", () => {
  test("that are unknown or for debugging are passed over, and nothing after the end counts", async () => {
    const decoded = decodeJson([
      { type: "debug", prompt: "x" },
      begin,
      textStart(),
      text("Hi"),
      complete,
      text("more"),
    ]);
    expect(decoded.error).toBe(undefined);
    expect(summarize(await fold(decoded)).text).toBe("Hi");
    expect(decoded.events.filter((event) => event.case === "end")).toHaveLength(1);
  });

  test("name the model that was asked for, because the wire names none", async () => {
    const { model, providerResponseId } = await fold(decodeJson([begin, textStart(), text("Hi"), complete]));
    expect([model, providerResponseId]).toEqual(["command-x", "r-1"]);
  });

  test.each([
    ["ERROR", { finish_reason: "ERROR", error: "the model is gone" }, ErrorReason.UPSTREAM_ERROR],
    ["an error beside it", { finish_reason: "COMPLETE", error: "the model is gone" }, ErrorReason.UPSTREAM_ERROR],
    ["TIMEOUT", { finish_reason: "TIMEOUT" }, ErrorReason.UPSTREAM_TIMEOUT],
    ["no reason", {}, ErrorReason.UPSTREAM_TRUNCATED],
  ])("that end in %s are no whole answer", (_, delta, reason) => {
    expect(decodeJson([begin, textStart(), text("Hi"), end(delta)]).error?.reason).toBe(reason);
    const whole = { id: "r-1", message: { role: "assistant", content: [{ type: "text", text: "Hi" }] }, ...delta };
    expect(decodeJson([whole], true).error?.reason).toBe(reason);
  });

  test("that are errors fail the answer in their place", () => {
    const { events, error } = decodeJson([begin, textStart(), text("Hi"), { id: "r-1", message: "internal error" }]);
    expect(events.map((event) => event.case)).toEqual(["start", "blockStart", "blockDelta"]);
    expect([error?.reason, error?.message]).toEqual([
      ErrorReason.UPSTREAM_ERROR,
      "The upstream failed while it answered: internal error",
    ]);
  });

  test.each([
    ["no JSON", "{", false],
    ["no object", "[]", false],
    ["an event without a type", "{}", false],
    ["a body without a message", '{"id": "r-1"}', true],
  ])("that are %s are malformed", (_, data, whole) => {
    const decoder = cohere.createDecoder({ model: "m", whole, mintCallId: String });
    expect(() => decoder.push({ data })).toThrow(
      expect.objectContaining({ reason: ErrorReason.UPSTREAM_MALFORMED }) as Error,
    );
  });

  test("have places counted in UTF-16, whichever way Cohere counts", async () => {
    const source = { type: "tool", id: "search:0", tool_output: { content: "Ruby…" } };
    const bothWays = [2, 3].map((start) => citation({ start, end: start + 4, text: "Ruby", sources: [source] }));
    const { parts } = await fold(decodeJson([begin, textStart(), text("🌊 Ruby"), ...bothWays, complete]));
    const expected = { uri: "search:0", title: "", quote: "Ruby…", startIndex: 3, endIndex: 7 };
    expect(parts[0]?.citations).toEqual([
      { $typeName: "sluice.v1.Citation", ...expected },
      { $typeName: "sluice.v1.Citation", ...expected },
    ]);
  });

  test("keep a citation of what is closed as it came", async () => {
    const cited = { start: 0, end: 2, text: "Hi", sources: [], content_index: 0 };
    const later = { type: "content-delta", index: 1, delta: { message: { content: { text: "there" } } } };
    const events = [begin, textStart(), text("Hi"), textStart(1), later, citation(cited), complete];
    const { parts, providerMetadata } = await fold(decodeJson(events));
    expect(parts.map(({ content, citations }) => [content.value, citations])).toEqual([
      ["Hi", []],
      ["there", []],
    ]);
    expect(providerMetadata).toEqual({ citations: [cited] });
  });

  test("give log probabilities, whole and streamed alike", async () => {
    const item = { text: "Hi there", token_ids: [1, 2], logprobs: [-0.5, -0.25] };
    const streamed = await fold(decodeJson([begin, textStart(), text("Hi there", { logprobs: item }), complete]));
    const whole = {
      id: "r-1",
      message: { content: [{ type: "text", text: "Hi there" }] },
      logprobs: [item],
      finish_reason: "COMPLETE",
    };
    const expected = [
      ["Hi there", -0.5],
      ["", -0.25],
    ];
    expect(streamed.logprobs.map(({ token, logprob }) => [token, logprob])).toEqual(expected);
    expect((await fold(decodeJson([whole], true))).logprobs).toEqual(streamed.logprobs);
  });

  test("give log probabilities to what they are of, thinking too", async () => {
    const piece = (content: object, token: string) => ({
      type: "content-delta",
      index: 0,
      delta: { message: { content } },
      logprobs: { text: token, token_ids: [1], logprobs: [-1] },
    });
    const events = [
      begin,
      piece({ thinking: "Hm" }, "Hm"),
      piece({ thinking: "" }, "<e>"),
      piece({ text: "Hi" }, "Hi"),
    ];
    const { parts, logprobs } = await fold(decodeJson([...events, complete]));
    expect(parts.map(({ content }) => content.case)).toEqual(["reasoning", "text"]);
    expect(logprobs.map(({ token }) => token)).toEqual(["Hm", "<e>", "Hi"]);
  });

  test("whole and streamed are the same parts", async () => {
    const cited = { start: 0, end: 2, text: "Hi", sources: [{ type: "document", id: "d" }], content_index: 1 };
    const call = { id: "c-1", type: "function", function: { name: "look", arguments: "{}" } };
    const content = [
      { type: "thinking", thinking: "Hm" },
      { type: "text", text: "Hi" },
    ];
    const message = { content, citations: [cited], tool_plan: "Plan", tool_calls: [call] };
    const usage = { billed_units: { input_tokens: 1 }, tokens: { input_tokens: 3, output_tokens: 2 } };
    const last = { finish_reason: "TOOL_CALL", usage };
    const whole = await fold(decodeJson([{ id: "r-1", message, ...last }], true));
    const streamed = await fold(
      decodeJson([
        begin,
        { type: "content-start", index: 0, delta: { message: { content: { type: "thinking", thinking: "" } } } },
        { type: "content-delta", index: 0, delta: { message: { content: { thinking: "Hm" } } } },
        { type: "content-end", index: 0 },
        textStart(1),
        { ...text("H"), index: 1 },
        { ...text("i"), index: 1 },
        citation(cited),
        { type: "citation-end", index: 0 },
        { type: "content-end", index: 1 },
        { type: "tool-plan-delta", delta: { message: { tool_plan: "Pl" } } },
        { type: "tool-plan-delta", delta: { message: { tool_plan: "an" } } },
        {
          type: "tool-call-start",
          index: 0,
          delta: { message: { tool_calls: { ...call, function: { name: "look", arguments: "" } } } },
        },
        {
          type: "tool-call-delta",
          index: 0,
          delta: { message: { tool_calls: { function: { arguments: "{}" } } } },
        },
        { type: "tool-call-end", index: 0 },
        end(last),
      ]),
    );
    expect(streamed).toEqual(whole);
    expect(whole.parts.map(({ content: said, providerState }) => [said.case, providerState?.data])).toEqual([
      ["reasoning", undefined],
      ["text", undefined],
      ["reasoning", "tool_plan"],
      ["toolCall", undefined],
    ]);
    expect(whole.providerMetadata).toEqual({ billed_units: { input_tokens: 1 } });
  });
});

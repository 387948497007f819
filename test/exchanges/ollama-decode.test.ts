import { describe, expect, test } from "vitest";
import { ErrorReason, FinishReason } from "../../src/domain/contract.ts";
import { ollama } from "../../src/provider/ollama/index.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { type Decoded, decode, fold, frames, parse, summarize } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const exchanges = readExchanges("ollama.chat");

/** The contract's finish reason for what the wire said: a body may say nothing but that it is done. */
function expectedFinish({ expect: wire }: Exchange): FinishReason {
  if (wire.finish_reason === "length") return FinishReason.LENGTH;
  return wire.tool_calls.length > 0 ? FinishReason.TOOL_CALLS : FinishReason.STOP;
}

/** Trying every split of long bodies takes minutes: where it is asked for (CI does); elsewhere they are sampled. */
const everySplit = process.env.EVERY_SPLIT === "true";

function isSame(a: Frame, b: Frame | undefined): boolean {
  return a.data === b?.data && a.event === b.event;
}

describe.skipIf(!available)("recorded ollama.chat exchanges", () => {
  test("are all there", () => {
    expect(exchanges.length).toBe(19);
  });

  test.each(exchanges)("$name decodes to what it says", async (exchange) => {
    const wire = exchange.expect;
    const decoded = decode(ollama, exchange, [exchange.body]);
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
    expect({ ...response.usage, finishReason: response.finishReason, word: response.providerFinishReason }).toEqual({
      $typeName: "sluice.v1.Usage",
      estimated: false,
      finishReason: expectedFinish(exchange),
      word: wire.finish_reason ?? "",
      inputTokens: wire.input_tokens,
      outputTokens: wire.output_tokens,
    });
  });

  const streams = exchanges.filter(({ body_format }) => body_format === "ndjson");

  // The decoder sees frames, not bytes, and is a function of them: the same frames are the same events.
  test.each(streams)("$name gives the same events for every split into two", { timeout: 120_000 }, (exchange) => {
    const whole = frames([exchange.body], "json-lines");
    const step = everySplit || exchange.body.length < 4096 ? 1 : 61;
    for (let at = 1; at < exchange.body.length; at += step) {
      const split = frames([exchange.body.subarray(0, at), exchange.body.subarray(at)], "json-lines");
      const same = split.length === whole.length && split.every((frame, n) => isSame(frame, whole[n]));
      if (!same) expect(split, `split at byte ${at}`).toEqual(whole);
    }
  });

  test.each(streams)("$name gives the same events byte by byte", (exchange) => {
    const bytes = Array.from(exchange.body, (_, at) => exchange.body.subarray(at, at + 1));
    expect(decode(ollama, exchange, bytes)).toEqual(decode(ollama, exchange, [exchange.body]));
  });

  test.each(streams.filter((exchange) => exchange.expect.error === null))(
    "$name is truncated wherever its last line is cut",
    (exchange) => {
      const lastLine = exchange.body.lastIndexOf('{"model"');
      const closingBrace = exchange.body.lastIndexOf("}");
      for (let at = lastLine; at <= closingBrace; at++) {
        const { error } = decode(ollama, exchange, [exchange.body.subarray(0, at)]);
        if (error?.reason !== ErrorReason.UPSTREAM_TRUNCATED) expect(error, `cut at byte ${at}`).toBe("truncated");
      }
    },
  );
});

/** Decodes lines of a stream, as text or as what is to be JSON. */
function decodeLines(...lines: readonly unknown[]): Decoded {
  const body = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  const exchange = { status: 200, headers: {}, model: "asked", body_format: "ndjson" } as unknown as Exchange;
  return decode(ollama, exchange, [Buffer.from(body)]);
}

const says = (message: object, more = {}) => ({
  model: "qwen3:4b",
  message: { role: "assistant", content: "", ...message },
  done: false,
  ...more,
});
const done = { model: "qwen3:4b", message: { role: "assistant", content: "" }, done: true, done_reason: "stop" };

describe("Ollama's lines", () => {
  test("after the last one do not count", async () => {
    const decoded = decodeLines(says({ content: "Hi" }), done, says({ content: "more" }), "{");
    expect(decoded.error).toBe(undefined);
    expect(summarize(await fold(decoded)).text).toBe("Hi");
  });

  test.each([
    ["no JSON", ["oops"]],
    ["no JSON in the middle", ['{"model": ', done]],
    ["no object", ["[]"]],
    ["without a message", [{ model: "x", done: false }]],
    ["a call without a name", [says({ tool_calls: [{ function: { arguments: {} } }] })]],
  ])("that are %s are malformed", (_, lines) => {
    expect(decodeLines(...lines).error?.reason).toBe(ErrorReason.UPSTREAM_MALFORMED);
  });

  test("that are an error fail the answer in their place", () => {
    const { events, error } = decodeLines(says({ content: "Hi" }), { error: "an error was encountered" });
    expect(events.map((event) => event.case)).toEqual(["start", "blockStart", "blockDelta"]);
    expect([error?.reason, error?.message]).toEqual([
      ErrorReason.UPSTREAM_ERROR,
      "The upstream failed while it answered: an error was encountered",
    ]);
  });

  test.each([
    ["load", FinishReason.OTHER],
    ["unload", FinishReason.OTHER],
    ["length", FinishReason.LENGTH],
    ["stop", FinishReason.STOP],
  ])("that end in %s say why", async (word, reason) => {
    const { finishReason, providerFinishReason } = await fold(decodeLines({ ...done, done_reason: word }));
    expect([finishReason, providerFinishReason]).toEqual([reason, word]);
  });

  test("give each call an id, their own or a minted one", async () => {
    const call = (name: string, more = {}) => ({ function: { name, arguments: { a: 1 } }, ...more });
    const calls = [call("look"), call("look"), call("see", { id: "call_x" }), call("hear", { id: "" })];
    const response = await fold(
      decodeLines(says({ tool_calls: calls.slice(0, 1) }), says({ tool_calls: calls.slice(1) }), done),
    );
    expect(summarize(response).toolCalls).toEqual([
      { id: "minted_0", name: "look", arguments: { a: 1 } },
      { id: "minted_1", name: "look", arguments: { a: 1 } },
      { id: "call_x", name: "see", arguments: { a: 1 } },
      { id: "minted_2", name: "hear", arguments: { a: 1 } },
    ]);
    expect(response.finishReason).toBe(FinishReason.TOOL_CALLS);
  });

  test("keep log probabilities, cached tokens and times", async () => {
    const top = { token: "Ho", logprob: -2, bytes: [72, 111] };
    const logprobs = [{ token: "Hi", logprob: -0.5, bytes: [72, 105], top_logprobs: [top] }];
    const counts = { prompt_eval_count: 9, prompt_eval_cached_count: 8, eval_count: 1 };
    const times = { total_duration: 10, load_duration: 4 };
    const response = await fold(decodeLines(says({ content: "Hi" }, { logprobs }), { ...done, ...counts, ...times }));
    expect(response.logprobs).toEqual([
      {
        $typeName: "sluice.v1.TokenLogprob",
        token: "Hi",
        logprob: -0.5,
        bytes: Buffer.from("Hi"),
        top: [{ $typeName: "sluice.v1.TokenAlternative", ...top, bytes: Buffer.from("Ho") }],
      },
    ]);
    expect([response.usage, response.providerMetadata, response.model]).toEqual([
      { $typeName: "sluice.v1.Usage", estimated: false, inputTokens: 9, cacheReadTokens: 8, outputTokens: 1 },
      times,
      "qwen3:4b",
    ]);
  });

  test("that are missing leave the answer truncated, with what came", () => {
    const { events, error } = decodeLines(says({ content: "Hi" }));
    expect(events).toHaveLength(3);
    expect(error?.reason).toBe(ErrorReason.UPSTREAM_TRUNCATED);
  });
});

import { describe, expect, test } from "vitest";
import { FinishReason } from "../../src/domain/contract.ts";
import { AnthropicDecoder } from "../../src/provider/anthropic/decode.ts";
import { anthropicFor } from "../../src/provider/anthropic/index.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { decode, fold, frames, parse, summarize } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const exchanges = readExchanges("anthropic.messages");
const dialect = anthropicFor(undefined);

const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  max_tokens: FinishReason.LENGTH,
  tool_use: FinishReason.TOOL_CALLS,
  refusal: FinishReason.REFUSAL,
  pause_turn: FinishReason.OTHER,
};

/**
 * Whose totals leave out what summarising the conversation used; it is billed, and said in `iterations` only: 60,385
 * tokens of prompt and 522 of answer.
 */
const COMPACTED = "anthropic/stream-text--claude-opus-4-6--f6f399f";

/** The contract's input includes what the cache gave and took. */
function expectedTokens({ name, expect: wire }: Exchange) {
  const compacted = name === COMPACTED ? { input: 60_385, output: 522 } : { input: 0, output: 0 };
  const cached = (wire.cached_tokens ?? 0) + (wire.cache_write_tokens ?? 0);
  return {
    inputTokens: (wire.input_tokens ?? 0) + cached + compacted.input,
    outputTokens: (wire.output_tokens ?? 0) + compacted.output,
    cacheReadTokens: wire.cached_tokens ?? undefined,
    cacheWriteTokens: wire.cache_write_tokens ?? undefined,
    reasoningTokens: wire.reasoning_tokens ?? undefined,
  };
}

/** Trying every split of long bodies takes minutes: where it is asked for (CI does); elsewhere they are sampled. */
const everySplit = process.env.EVERY_SPLIT === "true";

/** The bytes of each event, its blank line included. */
function eventsOf(body: Buffer): Buffer[] {
  const events: Buffer[] = [];
  for (let start = 0; start < body.length; ) {
    const blank = body.indexOf("\n\n", start);
    const end = blank === -1 ? body.length : blank + 2;
    events.push(body.subarray(start, end));
    start = end;
  }
  return events;
}

function isSame(a: Frame, b: Frame | undefined): boolean {
  return a.data === b?.data && a.event === b.event;
}

describe.skipIf(!available)("recorded anthropic.messages exchanges", () => {
  test("are all there", () => {
    expect(exchanges.length).toBe(75);
  });

  test.each(exchanges)("$name decodes to what it says", async (exchange) => {
    const wire = exchange.expect;
    const decoded = decode(dialect, exchange, [exchange.body]);
    expect(decoded.error === undefined, decoded.error?.message).toBe(wire.error === null);
    const response = await fold(decoded);
    expect(summarize(response)).toEqual({
      text: wire.text ?? "",
      reasoning: wire.reasoning_text ?? "",
      toolCalls: wire.tool_calls.map(({ id, name, arguments: args }) => ({
        id,
        name,
        arguments: typeof args === "string" ? parse(args) : args,
      })),
    });
    if (wire.error !== null) return;
    const { usage } = response;
    expect({
      finishReason: response.finishReason,
      providerFinishReason: response.providerFinishReason,
      inputTokens: usage?.inputTokens,
      outputTokens: usage?.outputTokens,
      cacheReadTokens: usage?.cacheReadTokens,
      cacheWriteTokens: usage?.cacheWriteTokens,
      reasoningTokens: usage?.reasoningTokens,
    }).toEqual({
      finishReason: finishReasons[wire.finish_reason ?? ""],
      providerFinishReason: wire.finish_reason,
      ...expectedTokens(exchange),
    });
  });

  const streams = exchanges.filter(({ body_format }) => body_format === "sse");

  // The decoder sees frames, not bytes, and is a function of them: the same frames are the same events. Between events
  // a parser holds nothing back, so each is split by itself: results of searches make some bodies very long.
  test.each(streams)("$name gives the same events for every split into two", { timeout: 120_000 }, (exchange) => {
    for (const event of eventsOf(exchange.body)) {
      const whole = frames([event]);
      const step = everySplit || event.length < 4096 ? 1 : 61;
      for (let at = 1; at < event.length; at += step) {
        const split = frames([event.subarray(0, at), event.subarray(at)]);
        const same = split.length === whole.length && split.every((frame, n) => isSame(frame, whole[n]));
        if (!same) expect(split, `split at byte ${at} of ${event.toString("utf8", 0, 40)}`).toEqual(whole);
      }
    }
  });

  test.each(streams)("$name gives the same events byte by byte", (exchange) => {
    const bytes = Array.from(exchange.body, (_, at) => exchange.body.subarray(at, at + 1));
    expect(decode(dialect, exchange, bytes)).toEqual(decode(dialect, exchange, [exchange.body]));
  });

  test.each(streams)("$name says its tokens in the middle, but never the first piece's as the answer's", (exchange) => {
    const all = frames([exchange.body]);
    const first = all.findIndex(({ event }) => event === "content_block_start" || event === "message_delta");
    const decoder = new AnthropicDecoder({ model: exchange.model, whole: false, mintCallId: String });
    for (const frame of all.slice(0, first)) decoder.push(frame);
    // What `message_start` says is less than the end where tools run at the provider; OpenRouter's says 0: not counted.
    const { usage } = JSON.parse(all[0]?.data ?? "").message;
    const prompt = usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
    expect({ input: decoder.usage?.inputTokens, output: decoder.usage?.outputTokens }).toEqual({
      input: prompt || undefined,
      output: undefined,
    });
    expect(decoder.finishing).toBe(false);
  });

  test.each(streams)("$name is no whole answer without its last events", (exchange) => {
    const all = frames([exchange.body]);
    const decoder = new AnthropicDecoder({ model: exchange.model, whole: false, mintCallId: String });
    for (const frame of all) {
      if (frame.event === "message_delta" || frame.event === "error") break;
      decoder.push(frame);
    }
    expect(() => decoder.finish()).toThrow("ended without saying that it is whole");
  });
});

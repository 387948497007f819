import { describe, expect, test } from "vitest";
import { FinishReason } from "../../src/domain/contract.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { decode, fold, frames, parse, summarize } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const exchanges = readExchanges("openai.responses");
const dialect = openAiResponsesFor(undefined);

const finishReasons: Readonly<Record<string, FinishReason>> = {
  completed: FinishReason.STOP,
  "incomplete:max_output_tokens": FinishReason.LENGTH,
};

/** The contract's finish reason for what the wire said. */
function expectedFinish({ expect: wire }: Exchange): FinishReason {
  const reason = finishReasons[wire.finish_reason ?? ""] ?? FinishReason.OTHER;
  if (reason !== FinishReason.STOP) return reason;
  if (wire.tool_calls.length > 0) return FinishReason.TOOL_CALLS;
  return wire.refusal === null ? FinishReason.STOP : FinishReason.REFUSAL;
}

/** Texts that are not what the recorded expectation says, and why. */
const otherTexts: Readonly<Record<string, string>> = {
  // Its deltas say one text and its last events another. What was streamed cannot be taken back.
  "openai/stream-text--gpt-5-2-2025-12-11--08eb480": "The command ran successfully.",
};

/** Trying every split of long bodies takes minutes: where it is asked for (CI does); elsewhere they are sampled. */
const everySplit = process.env.EVERY_SPLIT === "true";

function isSame(a: Frame, b: Frame | undefined): boolean {
  return a.data === b?.data && a.event === b.event;
}

describe.skipIf(!available)("recorded openai.responses exchanges", () => {
  test("are all there", () => {
    expect(exchanges.length).toBe(97);
  });

  test.each(exchanges)("$name decodes to what it says", async (exchange) => {
    const wire = exchange.expect;
    const decoded = decode(dialect, exchange, [exchange.body]);
    expect(decoded.error === undefined, decoded.error?.message).toBe(wire.error === null);
    const response = await fold(decoded);
    expect(summarize(response)).toEqual({
      text: otherTexts[exchange.name] ?? (wire.text ?? "") + (wire.refusal ?? ""),
      reasoning: wire.reasoning_text ?? "",
      toolCalls: wire.tool_calls.map(({ id, name, arguments: args }) => ({
        id,
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
      providerFinishReason: wire.finish_reason?.replace("incomplete:", ""),
      inputTokens: wire.input_tokens ?? undefined,
      outputTokens: wire.output_tokens ?? undefined,
      cacheReadTokens: wire.cached_tokens ?? undefined,
      cacheWriteTokens: wire.cache_write_tokens ?? undefined,
      reasoningTokens: wire.reasoning_tokens ?? undefined,
    });
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
    expect(decode(dialect, exchange, bytes)).toEqual(decode(dialect, exchange, [exchange.body]));
  });

  test.each(streams)("$name is no answer without its last event", (exchange) => {
    const text = exchange.body.toString("utf8");
    const at = text.search(/(event: [^\n]*\n)?data: [^\n]*"type": ?"(response\.(completed|incomplete|failed)|error)"/);
    const { error } = decode(dialect, exchange, [Buffer.from(text.slice(0, at))]);
    expect(error?.message).toBe("The upstream's answer ended without saying that it is whole. Try again.");
  });
});

import { describe, expect, test } from "vitest";
import { FinishReason } from "../../src/domain/contract.ts";
import { openAiChatFor } from "../../src/provider/openai-chat/index.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { decode, fold, frames, parse, summarize } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const exchanges = readExchanges("openai.chat");
const dialect = openAiChatFor(undefined);

const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  eos: FinishReason.STOP,
  length: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALLS,
  function_call: FinishReason.TOOL_CALLS,
  content_filter: FinishReason.CONTENT_FILTER,
};

/** The contract's finish reason for what the wire said. */
function expectedFinish({ expect: wire }: Exchange): FinishReason {
  const reason = finishReasons[wire.finish_reason ?? ""] ?? FinishReason.OTHER;
  if (reason !== FinishReason.STOP) return reason;
  if (wire.tool_calls.length > 0) return FinishReason.TOOL_CALLS;
  return wire.refusal === null ? FinishReason.STOP : FinishReason.REFUSAL;
}

/** Output in the contract's sense: with the reasoning that some servers count beside it, as their total shows. */
function expectedOutput({ body, expect: wire }: Exchange): number | undefined {
  const totals = [...body.toString("utf8").matchAll(/"total_tokens":\s*(\d+)/g)].map((match) => Number(match[1]));
  const total = totals.at(-1);
  const reasoning = wire.reasoning_tokens ?? 0;
  if (wire.output_tokens === null) return undefined;
  const beside = total === (wire.input_tokens ?? 0) + wire.output_tokens + reasoning;
  return beside ? wire.output_tokens + reasoning : wire.output_tokens;
}

/** Trying every split of long bodies takes minutes: where it is asked for (CI does); elsewhere they are sampled. */
const everySplit = process.env.EVERY_SPLIT === "true";

function isSame(a: Frame, b: Frame | undefined): boolean {
  return a.data === b?.data && a.event === b.event;
}

describe.skipIf(!available)("recorded openai.chat exchanges", () => {
  test("are all there", () => {
    expect(exchanges.length).toBe(277);
  });

  test("tokens of pictures are counted", async () => {
    const pictured = exchanges.filter(({ name }) => name.startsWith("azure-openai/image-input--grok-4-1-fast"));
    const usages = await Promise.all(
      pictured.map(async (exchange) => (await fold(decode(dialect, exchange, [exchange.body]))).usage),
    );
    expect(usages.map((usage) => usage?.inputImageTokens)).toEqual([256, 256]);
  });

  test.each(exchanges)("$name decodes to what it says", async (exchange) => {
    const wire = exchange.expect;
    const decoded = decode(dialect, exchange, [exchange.body]);
    expect(decoded.error === undefined, decoded.error?.message).toBe(wire.error === null);
    const response = await fold(decoded);
    let mintedSoFar = 0;
    expect(summarize(response)).toEqual({
      text: (wire.text ?? "") + (wire.refusal ?? ""),
      reasoning: wire.reasoning_text ?? "",
      toolCalls: wire.tool_calls.map(({ id, name, arguments: args }) => ({
        id: id || `minted_${mintedSoFar++}`,
        name,
        // No arguments at all: the recorded expectations say null, the contract says nothing.
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
      inputTokens: wire.input_tokens ?? undefined,
      outputTokens: expectedOutput(exchange),
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
});

import { describe, expect, test } from "vitest";
import { type CompleteResponse, ErrorReason, FinishReason } from "../../src/domain/contract.ts";
import { bedrockConverse as dialect } from "../../src/provider/bedrock-converse/index.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { type Decoded, decode, fold, frames, parse, summarize } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

const exchanges = readExchanges("bedrock.converse");
const recorded = (name: string): Exchange => {
  const found = exchanges.find((exchange) => exchange.name === `bedrock/${name}`);
  if (found === undefined) throw new Error(`no exchange ${name}`);
  return found;
};

const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  tool_use: FinishReason.TOOL_CALLS,
  max_tokens: FinishReason.LENGTH,
  guardrail_intervened: FinishReason.CONTENT_FILTER,
};

/** Tools that ran at the provider: nothing for the caller to call, so no calls in the contract's sense. */
const SERVER_TOOLS = new Set(["nova_code_interpreter", "nova_grounding"]);

/** Input in the contract's sense: with the cached tokens that the wire counts beside it. */
function expectedInput({ expect: wire }: Exchange): number | undefined {
  if (wire.input_tokens === null) return undefined;
  return wire.input_tokens + (wire.cached_tokens ?? 0) + (wire.cache_write_tokens ?? 0);
}

/** Trying every split of long bodies takes minutes: where it is asked for (CI does); elsewhere they are sampled. */
const everySplit = process.env.EVERY_SPLIT === "true";

function isSame(a: Frame, b: Frame | undefined): boolean {
  return a.data === b?.data && a.event === b.event;
}

async function responseTo(name: string): Promise<CompleteResponse> {
  const exchange = recorded(name);
  return await fold(decode(dialect, exchange, [exchange.body]));
}

/** The events of an answer that comes as these messages. */
function stream(...messages: readonly (readonly [event: string, data: unknown])[]): Decoded {
  const decoder = dialect.createDecoder({ model: "m", whole: false, mintCallId: (n) => `minted_${n}` });
  const events = messages.flatMap(([event, data]) => [...decoder.push({ event, data: JSON.stringify(data) })]);
  return { events: [...events, ...decoder.finish()], error: undefined };
}

describe.skipIf(!available)("recorded bedrock.converse exchanges", () => {
  test("are all there", () => {
    expect(exchanges.length).toBe(48);
  });

  test.each(exchanges)("$name decodes to what it says", async (exchange) => {
    const wire = exchange.expect;
    const decoded = decode(dialect, exchange, [exchange.body]);
    expect(decoded.error === undefined, decoded.error?.message).toBe(wire.error === null);
    const response = await fold(decoded);
    const calls = wire.tool_calls.filter(({ name }) => !SERVER_TOOLS.has(name));
    expect(summarize(response)).toEqual({
      text: wire.text ?? "",
      reasoning: wire.reasoning_text ?? "",
      toolCalls: calls.map(({ id, name, arguments: args }) => ({
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
      finishReason: finishReasons[wire.finish_reason ?? ""],
      providerFinishReason: wire.finish_reason,
      inputTokens: expectedInput(exchange),
      outputTokens: wire.output_tokens ?? undefined,
      cacheReadTokens: wire.cached_tokens ?? undefined,
      cacheWriteTokens: wire.cache_write_tokens ?? undefined,
      reasoningTokens: wire.reasoning_tokens ?? undefined,
    });
  });

  const streams = exchanges.filter(({ body_format }) => body_format === "eventstream");

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

  test.each(streams.filter(({ expect: { error } }) => error === null))(
    "$name is truncated where it is cut",
    (exchange) => {
      const whole = decode(dialect, exchange, [exchange.body]);
      const step = everySplit ? 1 : 97;
      for (let at = 0; at < exchange.body.length; at += step) {
        const { events, error } = decode(dialect, exchange, [exchange.body.subarray(0, at)]);
        // Without its last message an answer may lack its usage, but it is whole: the model said so.
        if (error === undefined) expect(events.at(-1)?.case, `cut at byte ${at}`).toBe("end");
        else
          expect([error.reason, events.some((event) => event.case === "end")], `cut at byte ${at}`).toEqual([
            ErrorReason.UPSTREAM_TRUNCATED,
            false,
          ]);
      }
      expect(whole.events.at(-1)?.case).toBe("end");
    },
  );

  test("what a guardrail found is kept", async () => {
    const { providerMetadata } = await responseTo("safety--amazon-titan-text-express-v1--e4e0ba6");
    expect(providerMetadata).toMatchObject({ trace: { guardrail: { actionReason: "No action.\nGuardrail masked." } } });
  });

  test("pages that a model cites are told with its text, and its searches are no calls", async () => {
    const { parts, providerMetadata } = await responseTo("tool-single--us-amazon-nova-2-lite-v1-0--a018768");
    expect(
      parts.map(({ content, citations }) => [content.case, citations.map(({ uri, title }) => [uri, title])]),
    ).toEqual([
      ["reasoning", []],
      [
        "text",
        [
          ["https://www.ruby-lang.org/en/downloads/releases/", "ruby-lang.org"],
          ["https://www.ruby-lang.org/en/downloads/", "ruby-lang.org"],
          ["https://mac.install.guide/ruby/", "install.guide"],
        ],
      ],
    ]);
    expect(providerMetadata?.serverTools).toHaveLength(2);
  });

  test("a tool that ran at the provider is the same in a stream and whole", async () => {
    const whole = await responseTo("tool-parallel--us-amazon-nova-2-lite-v1-0--8d3efce");
    const streamed = await responseTo("stream-tool-parallel--us-amazon-nova-2-lite-v1-0--9bd1f69");
    const shapes = [whole, streamed].map(({ parts }) => parts.map(({ content }) => content.case));
    expect(shapes).toEqual([
      ["reasoning", "toolCall"],
      ["reasoning", "toolCall"],
    ]);
    const [first] = streamed.parts;
    expect(JSON.parse(first?.providerState?.data ?? "")).toEqual({
      blocks: [
        {
          toolUse: {
            name: "nova_code_interpreter",
            toolUseId: "tooluse_VQNZJRUFMoqZzszVsRd4og",
            type: "server_tool_use",
            input: { snippet: "1234 * 5678" },
          },
        },
        {
          toolResult: {
            status: "success",
            toolUseId: "tooluse_VQNZJRUFMoqZzszVsRd4og",
            type: "nova_code_interpreter_result",
            content: [{ json: { stdOut: "7006652", stdErr: "", exitCode: 0, isError: false } }],
          },
        },
      ],
    });
  });
});

describe("an answer in pieces", () => {
  test("keeps the signature of each block of reasoning, and what is encrypted", async () => {
    const reasoning = (at: number, piece: unknown) =>
      ["contentBlockDelta", { contentBlockIndex: at, delta: { reasoningContent: piece } }] as const;
    const stop = (at: number) => ["contentBlockStop", { contentBlockIndex: at }] as const;
    const decoded = stream(
      ["messageStart", { role: "assistant" }],
      reasoning(0, { text: "One" }),
      reasoning(0, { signature: "sig" }),
      reasoning(0, { signature: "-1" }),
      stop(0),
      reasoning(1, { text: "Two" }),
      reasoning(1, { signature: "sig-2" }),
      stop(1),
      reasoning(2, { redactedContent: "YWI=" }),
      reasoning(2, { redactedContent: "Y2Q=" }),
      stop(2),
      ["messageStop", { stopReason: "end_turn" }],
    );
    const { parts } = await fold(decoded);
    expect(parts.map(({ content, providerState }) => [content.value, providerState?.data])).toEqual([
      [{ $typeName: "sluice.v1.Reasoning", text: "One" }, '{"signature":"sig-1"}'],
      [{ $typeName: "sluice.v1.Reasoning", text: "Two" }, '{"signature":"sig-2"}'],
      [{ $typeName: "sluice.v1.Reasoning", text: "" }, '{"redactedContent":"YWJjZA=="}'],
    ]);
  });

  test("in JSON through a forced tool is text, and a stop", async () => {
    const decoded = stream(
      ["messageStart", { role: "assistant" }],
      [
        "contentBlockStart",
        { contentBlockIndex: 0, start: { toolUse: { toolUseId: "t", name: "sluice_json_response" } } },
      ],
      ["contentBlockDelta", { contentBlockIndex: 0, delta: { toolUse: { input: '{"a":' } } }],
      ["contentBlockDelta", { contentBlockIndex: 0, delta: { toolUse: { input: "1}" } } }],
      ["contentBlockStop", { contentBlockIndex: 0 }],
      ["messageStop", { stopReason: "tool_use" }],
      ["metadata", { usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } }],
    );
    const response = await fold(decoded);
    expect([summarize(response), response.finishReason, response.providerFinishReason]).toEqual([
      { text: '{"a":1}', reasoning: "", toolCalls: [] },
      FinishReason.STOP,
      "tool_use",
    ]);
  });

  test("has ended with its usage, and is only finishing before", () => {
    const decoder = dialect.createDecoder({ model: "m", whole: false, mintCallId: (n) => `minted_${n}` });
    const messages: readonly (readonly [event: string, data: unknown])[] = [
      ["messageStart", { role: "assistant" }],
      ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hi" }, p: "abc" }],
      ["messageStop", { stopReason: "end_turn" }],
      ["newEvent", {}],
      ["metadata", { usage: { inputTokens: 1, outputTokens: 2, totalTokens: 3 } }],
    ];
    const states = messages.map(([event, data]) => {
      decoder.push({ event, data: JSON.stringify(data) });
      return [decoder.finishing, decoder.ended, decoder.usage?.outputTokens];
    });
    expect(states).toEqual([
      [false, false, undefined],
      [false, false, undefined],
      [true, false, undefined],
      [true, false, undefined],
      [true, true, 2],
    ]);
  });

  test("names the model that a router chose, and counts what the cache keeps for an hour", async () => {
    const trace = {
      promptRouter: { invokedModelId: "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0" },
    };
    const usage = {
      inputTokens: 3,
      outputTokens: 2,
      totalTokens: 105,
      cacheWriteInputTokens: 100,
      cacheDetails: [
        { ttl: "1h", inputTokens: 60 },
        { ttl: "5m", inputTokens: 40 },
      ],
    };
    const response = await fold(
      stream(
        ["contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hi" } }],
        ["messageStop", { stopReason: "model_context_window_exceeded" }],
        ["metadata", { usage, trace }],
      ),
    );
    expect({ model: response.model, usage: response.usage, finish: response.finishReason }).toEqual({
      model: "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
      usage: {
        $typeName: "sluice.v1.Usage",
        estimated: false,
        inputTokens: 103,
        cacheWriteTokens: 100,
        cacheWrite1hTokens: 60,
        outputTokens: 2,
      },
      finish: FinishReason.LENGTH,
    });
  });

  test.each([
    ["messageStop", "[1]"],
    ["contentBlockDelta", "no JSON"],
  ])("is malformed where a %s is %s", (event, data) => {
    const decoder = dialect.createDecoder({ model: "m", whole: false, mintCallId: (n) => `minted_${n}` });
    expect(() => decoder.push({ event, data })).toThrow(/none of Converse/);
  });
});

import { describe, expect, test } from "vitest";
import { collect } from "../../src/domain/collect.ts";
import { ErrorReason, FinishReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { AnthropicDecoder } from "../../src/provider/anthropic/decode.ts";

type Data = Readonly<Record<string, unknown>>;

function decoderOf(whole: boolean): AnthropicDecoder {
  return new AnthropicDecoder({ model: "claude", whole, mintCallId: (n) => `minted_${n}` });
}

async function answerOf(whole: boolean, events: readonly Data[]) {
  const decoder = decoderOf(whole);
  const first = events.flatMap((event) => decoder.push({ data: JSON.stringify(event) })).concat(decoder.finish());
  const { parts, finishReason, providerFinishReason, providerMetadata, usage } = await collect({
    first,
    rest: undefined,
  });
  return {
    parts: parts.map(({ content, providerState, citations }) => ({
      ...content,
      state: providerState === undefined ? undefined : JSON.parse(providerState.data),
      citations: citations.map(({ uri, title, quote }) => [uri, title, quote]),
    })),
    finishReason,
    providerFinishReason,
    providerMetadata,
    usage,
  };
}

const start = (usage: Data = { input_tokens: 5, output_tokens: 1 }): Data => ({
  type: "message_start",
  message: { id: "m1", model: "claude-1", content: [], stop_reason: null, usage },
});

const block = (index: number, content: Data, ...deltas: readonly Data[]): Data[] => [
  { type: "content_block_start", index, content_block: content },
  ...deltas.map((delta) => ({ type: "content_block_delta", index, delta })),
  { type: "content_block_stop", index },
];

const stop = (reason: string, more: Data = {}): Data[] => [
  { type: "message_delta", delta: { stop_reason: reason }, usage: { output_tokens: 9 }, ...more },
  { type: "message_stop" },
];

const json = (text: string): Data => ({ type: "input_json_delta", partial_json: text });

/** The same answer, whole and streamed. */
const both = (content: readonly Data[], streamed: readonly Data[], reason: string) => [
  { way: "whole", whole: true, events: [{ model: "m", content, stop_reason: reason, usage: { output_tokens: 9 } }] },
  { way: "streamed", whole: false, events: [start(), ...streamed, ...stop(reason)] },
];

describe("JSON through the tool that callers do not see", () => {
  const tool = { type: "tool_use", id: "t1", name: "sluice_json_response" };

  test.each(
    both([{ ...tool, input: { n: 1 } }], block(0, { ...tool, input: {} }, json('{"n"'), json(":1}")), "tool_use"),
  )("is the answer's text, $way", async ({ whole, events }) => {
    const { parts, finishReason, providerFinishReason } = await answerOf(whole, events);
    expect({ parts, finishReason, providerFinishReason }).toEqual({
      parts: [{ case: "text", value: '{"n":1}', state: undefined, citations: [] }],
      finishReason: FinishReason.STOP,
      providerFinishReason: "tool_use",
    });
  });

  test("that is empty is an empty object", async () => {
    const { parts } = await answerOf(false, [start(), ...block(0, { ...tool, input: {} }), ...stop("tool_use")]);
    expect(parts.map(({ value }) => value)).toEqual(["{}"]);
  });

  test("that was cut says so", async () => {
    const events = [start(), ...block(0, { ...tool, input: {} }, json('{"n')), ...stop("max_tokens")];
    expect((await answerOf(false, events)).finishReason).toBe(FinishReason.LENGTH);
  });

  test("beside a call of the caller's own tools is no end", async () => {
    const own = block(1, { type: "tool_use", id: "t2", name: "look", input: {} });
    const events = [start(), ...block(0, { ...tool, input: {} }), ...own, ...stop("tool_use")];
    const { parts, finishReason } = await answerOf(false, events);
    expect(parts.map((part) => part.case)).toEqual(["text", "toolCall"]);
    expect(finishReason).toBe(FinishReason.TOOL_CALLS);
  });
});

describe("blocks that the contract has no part for", () => {
  const hidden = { type: "redacted_thinking", data: "d1" };
  const search = { type: "server_tool_use", id: "s1", name: "web_search", input: { q: "x" } };
  const results = { type: "web_search_tool_result", tool_use_id: "s1", content: [{ encrypted_content: "e1" }] };
  const cited = {
    type: "web_search_result_location",
    url: "https://a",
    title: "A",
    cited_text: "x",
    encrypted_index: "i",
  };

  test.each(
    both(
      [hidden, search, results, { type: "text", text: "Yes.", citations: [cited] }],
      [
        ...block(0, hidden),
        ...block(1, { ...search, input: {} }, json('{"q":'), json('"x"}')),
        ...block(2, results),
        ...block(
          3,
          { type: "text", text: "", citations: [] },
          { type: "citations_delta", citation: cited },
          { type: "text_delta", text: "Yes." },
        ),
      ],
      "end_turn",
    ),
  )("come as reasoning without text, with all of them as its state, $way", async ({ whole, events }) => {
    const { parts } = await answerOf(whole, events);
    const silent = (state: Data) => ({
      case: "reasoning",
      value: { $typeName: "sluice.v1.Reasoning", text: "" },
      state,
      citations: [],
    });
    expect(parts).toEqual([
      silent(hidden),
      silent(search),
      silent(results),
      { case: "text", value: "Yes.", state: { citations: [cited] }, citations: [["https://a", "A", "x"]] },
    ]);
  });
});

test("numbers in the arguments of a tool keep their digits, whole or streamed", async () => {
  const args = '{"id":12345678901234567890,"n":[-1,1.5]}';
  const whole = decoderOf(true).push({
    data: `{"content":[{"type":"tool_use","id":"t","name":"look","input":${args}}],"stop_reason":"tool_use"}`,
  });
  expect(whole.flatMap(({ case: kind, value }) => (kind === "blockDelta" ? value.text : []))).toEqual([args]);
  const streamed = await answerOf(false, [
    start(),
    ...block(0, { type: "tool_use", id: "t", name: "look", input: {} }, json(args)),
    ...stop("tool_use"),
  ]);
  expect(streamed.parts.map(({ value }) => value)).toMatchObject([{ argumentsJson: args }]);
});

describe("the end", () => {
  test.each<[string, FinishReason]>([
    ["end_turn", FinishReason.STOP],
    ["stop_sequence", FinishReason.STOP],
    ["max_tokens", FinishReason.LENGTH],
    ["model_context_window_exceeded", FinishReason.LENGTH],
    ["tool_use", FinishReason.TOOL_CALLS],
    ["refusal", FinishReason.REFUSAL],
    ["pause_turn", FinishReason.OTHER],
    ["something_new", FinishReason.OTHER],
  ])("%s is told", async (word, finishReason) => {
    const answer = await answerOf(false, [start(), ...stop(word)]);
    expect([answer.finishReason, answer.providerFinishReason]).toEqual([finishReason, word]);
  });

  test("is that of tools where there are some, whatever the word", async () => {
    const call = block(0, { type: "tool_use", id: "t", name: "look", input: {} });
    expect((await answerOf(false, [start(), ...call, ...stop("end_turn")])).finishReason).toBe(FinishReason.TOOL_CALLS);
  });

  test("tells what else the provider said", async () => {
    const usage = { input_tokens: 5, output_tokens: 1, service_tier: "standard", speed: null };
    const details = { type: "refusal", category: "cyber", explanation: null };
    const end = { delta: { stop_reason: "refusal", stop_sequence: null, stop_details: details } };
    const { providerMetadata } = await answerOf(false, [start(usage), ...stop("refusal", end)]);
    expect(providerMetadata).toEqual({ service_tier: "standard", stop_details: details });
  });

  test("counts what was kept for an hour", async () => {
    const cache_creation = { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 30 };
    const usage = { input_tokens: 5, cache_creation_input_tokens: 50, cache_read_input_tokens: 7, cache_creation };
    const { usage: counted } = await answerOf(false, [start(usage), ...stop("end_turn")]);
    expect(counted).toEqual({
      $typeName: "sluice.v1.Usage",
      estimated: false,
      inputTokens: 62,
      cacheReadTokens: 7,
      cacheWriteTokens: 50,
      cacheWrite1hTokens: 30,
      outputTokens: 9,
    });
  });

  test("is as soon as the wire says it: what follows is ignored", () => {
    const decoder = decoderOf(false);
    const seen = [start(), ...stop("end_turn")].map((event) => {
      decoder.push({ data: JSON.stringify(event) });
      return [decoder.finishing, decoder.ended];
    });
    expect(seen).toEqual([
      [false, false],
      [true, false],
      [true, true],
    ]);
    expect(decoder.push({ data: "nonsense" })).toEqual([]);
    expect(decoder.finish()).toEqual([]);
  });
});

describe("what is no answer", () => {
  function failureOf(whole: boolean, ...data: readonly string[]): string {
    const decoder = decoderOf(whole);
    try {
      for (const text of data) decoder.push({ data: text });
      decoder.finish();
      return "an answer";
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return Object.entries(ErrorReason).find(([, value]) => value === error.reason)?.[0] ?? "?";
    }
  }

  const begun = JSON.stringify(start());
  test.each<[string, boolean, readonly string[], string]>([
    ["a stream without its end", false, [begun], "UPSTREAM_TRUNCATED"],
    ["nothing", false, [], "UPSTREAM_TRUNCATED"],
    ["a cut event", false, [begun, '{"type":"content_bl'], "UPSTREAM_MALFORMED"],
    ["a list", true, ["[]"], "UPSTREAM_MALFORMED"],
    ["another object", true, ['{"choices":[]}'], "UPSTREAM_MALFORMED"],
    ["a message without its reason to stop", true, ['{"content":[],"stop_reason":null}'], "UPSTREAM_TRUNCATED"],
    ["an error in a 200", true, ['{"type":"error","error":{"type":"rate_limit_error"}}'], "UPSTREAM_RATE_LIMITED"],
    [
      "an overload in a stream",
      false,
      [begun, '{"type":"error","error":{"type":"overloaded_error"}}'],
      "UPSTREAM_OVERLOADED",
    ],
    ["a failure in a stream", false, [begun, '{"type":"error","error":{"type":"api_error"}}'], "UPSTREAM_ERROR"],
  ])("%s fails", (_, whole, data, reason) => {
    expect(failureOf(whole, ...data)).toBe(reason);
  });
});

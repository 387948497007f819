/** What recorded answers do not show: interleaved and unusual streams, citations, log probabilities, metadata. */
import { describe, expect, test } from "vitest";
import { FinishReason } from "../../src/domain/contract.ts";
import type { ChatEvent } from "../../src/domain/event.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";

const dialect = openAiResponsesFor("openai-responses");
const DIALECT = "openai-responses";

function decoderFor(whole: boolean) {
  return dialect.createDecoder({ model: "asked", whole, mintCallId: (n) => `minted_${n}` });
}

/** Events of a stream, which ends with these items as its output. */
function stream(events: readonly object[], last: object = {}): ChatEvent[] {
  const decoder = decoderFor(false);
  const end = { type: "response.completed", response: { id: "resp_1", model: "m", status: "completed", ...last } };
  return [...events, end].flatMap((event) => [...decoder.push({ data: JSON.stringify(event) })]);
}

function whole(response: object): ChatEvent[] {
  return [
    ...decoderFor(true).push({ data: JSON.stringify({ id: "resp_1", model: "m", status: "completed", ...response }) }),
  ];
}

function nameOf(reason: FinishReason): string | undefined {
  return Object.entries(FinishReason).find(([, value]) => value === reason)?.[0];
}

/** Events in few words: what begins, what is said, and the state with which it ends. */
function told(events: readonly ChatEvent[]): unknown[] {
  return events.map(({ case: name, value }) => {
    switch (name) {
      case "start":
        return ["start", value.model, value.providerResponseId];
      case "blockStart":
        return ["begin", value.index, value.block.case === "toolCall" ? value.block.value.callId : value.block.case];
      case "blockDelta":
        return ["say", value.index, value.text];
      case "blockEnd":
        return value.providerState === undefined
          ? ["end", value.index]
          : ["end", value.index, value.providerState.id, value.providerState.data];
      case "end":
        return [nameOf(value.finishReason), value.providerFinishReason];
      default:
        return [name];
    }
  });
}

const message = (id: string, text: string, more: object = {}) => ({
  type: "message",
  id,
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text, annotations: [] }],
  ...more,
});

test("a stream whose last event has no output is what was streamed", () => {
  const item = message("msg_1", "Hello", { phase: "final_answer" });
  const events = stream(
    [
      { type: "response.created", response: { id: "resp_1", model: "m", status: "in_progress" } },
      { type: "response.output_item.added", output_index: 0, item: { ...item, content: [] } },
      { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Hel" },
      { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "lo" },
      { type: "response.output_item.done", output_index: 0, item },
    ],
    { output: [] },
  );
  expect(told(events)).toEqual([
    ["start", "m", "resp_1"],
    ["begin", 0, "text"],
    ["say", 0, "Hel"],
    ["say", 0, "lo"],
    ["end", 0, "msg_1", '{"item":{"phase":"final_answer"}}'],
    ["STOP", "completed"],
  ]);
});

test("a stream of nothing but its last event is the answer in it", () => {
  expect(told(stream([], { output: [message("msg_1", "Hello")] }))).toEqual([
    ["start", "m", "resp_1"],
    ["begin", 0, "text"],
    ["say", 0, "Hello"],
    ["end", 0, "msg_1", ""],
    ["STOP", "completed"],
  ]);
});

test("an item whose end did not come ends with the answer, and says the rest", () => {
  const events = stream([{ type: "response.output_text.delta", output_index: 0, delta: "Hel" }], {
    status: "incomplete",
    incomplete_details: { reason: "content_filter" },
    output: [message("msg_1", "Hello", { status: "incomplete" })],
  });
  expect(told(events)).toEqual([
    ["start", "asked", ""],
    ["begin", 0, "text"],
    ["say", 0, "Hel"],
    ["say", 0, "lo"],
    ["end", 0, "msg_1", '{"item":{"status":"incomplete"}}'],
    ["CONTENT_FILTER", "content_filter"],
  ]);
});

test("items that the last event leaves out or moves are not said twice", () => {
  const reasoning = { type: "reasoning", id: "rs_1", summary: [] };
  const events = stream(
    [
      { type: "response.output_item.done", output_index: 0, item: reasoning },
      { type: "response.output_item.done", output_index: 1, item: message("msg_1", "Hello") },
    ],
    { output: [message("msg_1", "Hello")] },
  );
  expect(told(events)).toEqual([
    ["start", "asked", ""],
    ["begin", 0, "reasoning"],
    ["end", 0, "rs_1", JSON.stringify(reasoning)],
    ["begin", 1, "text"],
    ["say", 1, "Hello"],
    ["end", 1, "msg_1", ""],
    ["STOP", "completed"],
  ]);
});

test("texts of one item of reasoning are one block, with a line between them", () => {
  const item = {
    type: "reasoning",
    id: "rs_1",
    summary: [
      { type: "summary_text", text: "First." },
      { type: "summary_text", text: "Second." },
    ],
    encrypted_content: "gAAA==",
  };
  const delta = (summary_index: number, text: string) => ({
    type: "response.reasoning_summary_text.delta",
    output_index: 0,
    summary_index,
    delta: text,
  });
  const expected = ["First.", "\n\nSecond."].join("");
  const streamed = stream([
    delta(0, "Fir"),
    delta(0, "st."),
    delta(1, "Second."),
    { type: "response.output_item.done", output_index: 0, item },
  ]);
  expect(told(streamed)).toEqual([
    ["start", "asked", ""],
    ["begin", 0, "reasoning"],
    ["say", 0, "Fir"],
    ["say", 0, "st."],
    ["say", 0, "\n\nSecond."],
    ["end", 0, "rs_1", JSON.stringify(item)],
    ["STOP", "completed"],
  ]);
  expect(told(whole({ output: [item] }))).toEqual([
    ["start", "m", "resp_1"],
    ["begin", 0, "reasoning"],
    ["say", 0, expected],
    ["end", 0, "rs_1", JSON.stringify(item)],
    ["STOP", "completed"],
  ]);
});

describe("calls", () => {
  const call = (n: number, more: object = {}) => ({
    type: "function_call",
    id: `fc_${n}`,
    call_id: `call_${n}`,
    name: "find",
    arguments: `{"n":${n}}`,
    status: "completed",
    ...more,
  });

  test("that come interleaved keep apart", () => {
    const delta = (output_index: number, text: string) => ({
      type: "response.function_call_arguments.delta",
      output_index,
      delta: text,
    });
    const events = stream([
      { type: "response.output_item.added", output_index: 0, item: call(0, { arguments: "" }) },
      { type: "response.output_item.added", output_index: 1, item: call(1, { arguments: "" }) },
      delta(0, '{"n"'),
      delta(1, '{"n":1}'),
      delta(0, ":0}"),
      { type: "response.output_item.done", output_index: 1, item: call(1) },
      { type: "response.output_item.done", output_index: 0, item: call(0, { namespace: "crm" }) },
    ]);
    expect(told(events)).toEqual([
      ["start", "asked", ""],
      ["begin", 0, "call_0"],
      ["begin", 1, "call_1"],
      ["say", 0, '{"n"'],
      ["say", 1, '{"n":1}'],
      ["say", 0, ":0}"],
      ["end", 1, "fc_1", ""],
      ["end", 0, "fc_0", '{"namespace":"crm"}'],
      ["TOOL_CALLS", "completed"],
    ]);
  });

  test("whose beginning says no name wait for their end", () => {
    const events = stream([
      { type: "response.output_item.added", output_index: 0, item: { type: "function_call", id: "fc_0" } },
      { type: "response.function_call_arguments.delta", output_index: 0, delta: '{"n":0}' },
      { type: "response.output_item.done", output_index: 0, item: call(0) },
    ]);
    expect(told(events)).toEqual([
      ["start", "asked", ""],
      ["begin", 0, "call_0"],
      ["say", 0, '{"n":0}'],
      ["end", 0, "fc_0", ""],
      ["TOOL_CALLS", "completed"],
    ]);
  });

  test("without any id get one", () => {
    expect(told(whole({ output: [call(0, { id: undefined, call_id: undefined })] }))).toEqual([
      ["start", "m", "resp_1"],
      ["begin", 0, "minted_0"],
      ["say", 0, '{"n":0}'],
      ["end", 0],
      ["TOOL_CALLS", "completed"],
    ]);
  });

  test("that were cut end in the limit that cut them", () => {
    const events = whole({
      status: "incomplete",
      incomplete_details: { reason: "max_output_tokens" },
      output: [call(0, { status: "incomplete" })],
    });
    expect(told(events).at(-2)).toEqual(["end", 0, "fc_0", '{"status":"incomplete"}']);
    expect(told(events).at(-1)).toEqual(["LENGTH", "max_output_tokens"]);
  });

  test("of the provider's own tools are kept whole", () => {
    const search = { type: "web_search_call", id: "ws_1", status: "completed", action: { type: "search", query: "q" } };
    expect(told(whole({ output: [search, message("msg_1", "Found.")] }))).toEqual([
      ["start", "m", "resp_1"],
      ["begin", 0, "reasoning"],
      ["end", 0, "ws_1", JSON.stringify(search)],
      ["begin", 1, "text"],
      ["say", 1, "Found."],
      ["end", 1, "msg_1", ""],
      ["STOP", "completed"],
    ]);
  });
});

describe("pictures", () => {
  const picture = { type: "image_generation_call", id: "ig_1", status: "completed", output_format: "webp" };
  const item = { ...picture, result: Buffer.from("webp").toString("base64") };

  test("come whole, and keep what the next turn needs beside their bytes", () => {
    const said = [
      ["begin", 0, "image"],
      ["end", 0, "ig_1", JSON.stringify(picture)],
      ["STOP", "completed"],
    ];
    const done = { type: "response.output_item.done", output_index: 0, item };
    expect(told(stream([done]))).toEqual([["start", "asked", ""], ...said]);
    const events = whole({ output: [item] });
    expect(told(events)).toEqual([["start", "m", "resp_1"], ...said]);
    expect(events[1]).toMatchObject({
      value: { block: { value: { source: { value: Buffer.from("webp") }, mimeType: "image/webp" } } },
    });
  });

  test("that were not made are kept as any tool's call", () => {
    const failed = { ...picture, status: "failed", result: null };
    expect(told(whole({ output: [failed] })).slice(1, 3)).toEqual([
      ["begin", 0, "reasoning"],
      ["end", 0, "ig_1", JSON.stringify(failed)],
    ]);
  });
});

test("a refusal is a text, and why the answer ended", () => {
  const item = message("msg_1", "", { content: [{ type: "refusal", refusal: "I cannot." }] });
  const delta = { type: "response.refusal.delta", output_index: 0, content_index: 0, delta: "I cannot." };
  const done = { type: "response.output_item.done", output_index: 0, item };
  const said = [
    ["begin", 0, "text"],
    ["say", 0, "I cannot."],
    ["end", 0, "msg_1", '{"part":{"type":"refusal"}}'],
    ["REFUSAL", "completed"],
  ];
  expect(told(stream([delta, done]))).toEqual([["start", "asked", ""], ...said]);
  expect(told(whole({ output: [item] }))).toEqual([["start", "m", "resp_1"], ...said]);
});

test("citations and log probabilities come once, streamed or not", () => {
  const token = {
    token: "Hi",
    logprob: -0.5,
    bytes: [72, 105],
    top_logprobs: [{ token: "Ho", logprob: -1, bytes: [] }],
  };
  const annotations = [
    { type: "url_citation", url: "https://a.example", title: "A", start_index: 0, end_index: 2 },
    { type: "file_citation", file_id: "file-1", filename: "a.pdf", index: 2 },
  ];
  const item = message("msg_1", "Hi", {
    content: [{ type: "output_text", text: "Hi", annotations, logprobs: [token] }],
  });
  const place = { output_index: 0, content_index: 0 };
  const streamed = stream([
    { type: "response.output_text.delta", ...place, delta: "Hi", logprobs: [token] },
    { type: "response.output_text.annotation.added", ...place, annotation_index: 0, annotation: annotations[0] },
    { type: "response.output_item.done", output_index: 0, item },
  ]);
  const citations = [
    { $typeName: "sluice.v1.Citation", uri: "https://a.example", title: "A", quote: "", startIndex: 0, endIndex: 2 },
    { $typeName: "sluice.v1.Citation", uri: "file-1", title: "a.pdf", quote: "" },
  ];
  const logprobs = [
    {
      $typeName: "sluice.v1.TokenLogprob",
      token: "Hi",
      logprob: -0.5,
      bytes: Buffer.from("Hi"),
      top: [{ $typeName: "sluice.v1.TokenAlternative", token: "Ho", logprob: -1, bytes: Buffer.of() }],
    },
  ];
  for (const events of [streamed, whole({ output: [item] })]) {
    const deltas = events.flatMap((event) => (event.case === "blockDelta" ? [event.value] : []));
    expect({
      text: deltas.map(({ text }) => text).join(""),
      citations: deltas.flatMap((delta) => delta.citations),
      logprobs: deltas.flatMap((delta) => delta.logprobs),
    }).toEqual({ text: "Hi", citations, logprobs });
    const end = events.find(({ case: name }) => name === "blockEnd");
    expect(end?.value).toMatchObject({
      providerState: { dialect: DIALECT, data: JSON.stringify({ part: { annotations } }) },
    });
  }
});

test("what the provider says besides is metadata", () => {
  const end = whole({
    output: [],
    service_tier: "default",
    content_filters: [{ blocked: false }],
    moderation: null,
    usage: {
      input_tokens: 10,
      input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2, image_tokens: 3 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 1 },
      cost_in_usd_ticks: 7,
    },
  }).at(-1);
  expect(end?.value).toMatchObject({
    usage: {
      inputTokens: 10,
      cacheReadTokens: 4,
      cacheWriteTokens: 2,
      inputImageTokens: 3,
      outputTokens: 5,
      reasoningTokens: 1,
    },
    providerMetadata: {
      service_tier: "default",
      content_filters: [{ blocked: false }],
      usage: { cost_in_usd_ticks: 7 },
    },
  });
});

test("usage is known as soon as it is said, and nothing follows the last event", () => {
  const decoder = decoderFor(false);
  expect([decoder.usage, decoder.finishing, decoder.ended]).toEqual([undefined, false, false]);
  const usage = { input_tokens: 1, output_tokens: 2 };
  decoder.push({ data: JSON.stringify({ type: "response.in_progress", response: { usage } }) });
  expect([decoder.usage?.outputTokens, decoder.finishing, decoder.ended]).toEqual([2, false, false]);
  decoder.push({ event: "response.completed", data: JSON.stringify({ response: { status: "completed" } }) });
  expect([decoder.finishing, decoder.ended]).toEqual([true, true]);
  expect([decoder.push({ data: "[DONE]" }), decoder.push({ data: "{" }), decoder.finish()]).toEqual([[], [], []]);
});

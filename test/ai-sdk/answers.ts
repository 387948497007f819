/** One answer in the words of each server, streamed and whole: a reasoning, a text, a tool call and all of its usage. */
import type { ServerResponse } from "node:http";
import { type PackageName, type Received, sendEvents, sendJson } from "./support.ts";

const usage = {
  prompt_tokens: 20,
  completion_tokens: 9,
  total_tokens: 29,
  prompt_tokens_details: { cached_tokens: 4 },
  completion_tokens_details: { reasoning_tokens: 3 },
};
const head = { id: "r-1", created: 1_700_000_000, model: "m-2", object: "chat.completion.chunk" };
const toolCall = (args: string) => ({ id: "t-1", type: "function", function: { name: "weather", arguments: args } });
const chunk = (delta: unknown, finish: string | null = null) => ({
  ...head,
  choices: [{ index: 0, delta, finish_reason: finish }],
});

const compatibleEvents = [
  chunk({ role: "assistant", reasoning_content: "Hm" }),
  chunk({ reasoning_content: "m." }),
  chunk({ content: "Cześć " }),
  chunk({ content: "🌊" }),
  chunk({ tool_calls: [{ index: 0, ...toolCall("") }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }),
  chunk({ tool_calls: [{ index: 0, function: { arguments: '"Rome"}' } }] }),
  { ...chunk({}, "tool_calls"), usage },
];
const compatibleWhole = {
  ...head,
  object: "chat.completion",
  usage,
  choices: [
    {
      index: 0,
      finish_reason: "tool_calls",
      message: {
        role: "assistant",
        reasoning_content: "Hmm.",
        content: "Cześć 🌊",
        tool_calls: [toolCall('{"city":"Rome"}')],
      },
    },
  ],
};

/** Mistral has no reasoning in these; its calls come whole. */
const mistralUsage = { prompt_tokens: 20, completion_tokens: 9, total_tokens: 29 };
const mistralEvents = [
  chunk({ role: "assistant", content: "" }),
  chunk({ content: "Cześć " }),
  chunk({ content: "🌊" }),
  { ...chunk({ tool_calls: [toolCall('{"city":"Rome"}')] }, "tool_calls"), usage: mistralUsage },
];
const mistralWhole = {
  ...head,
  object: "chat.completion",
  usage: mistralUsage,
  choices: [
    {
      index: 0,
      finish_reason: "tool_calls",
      message: { role: "assistant", content: "Cześć 🌊", tool_calls: [toolCall('{"city":"Rome"}')] },
    },
  ],
};

const SIGNATURE = "EqQB+/=signed";
const anthropicUsage = { input_tokens: 10, cache_read_input_tokens: 4, cache_creation_input_tokens: 6 };
const delta = (index: number, fields: unknown) => ({ type: "content_block_delta", index, delta: fields });
const begin = (index: number, block: unknown) => ({ type: "content_block_start", index, content_block: block });
const stop = (index: number) => ({ type: "content_block_stop", index });
const anthropicEvents = [
  {
    type: "message_start",
    message: {
      type: "message",
      id: "r-1",
      role: "assistant",
      model: "m-2",
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...anthropicUsage, output_tokens: 1 },
    },
  },
  { type: "ping" },
  begin(0, { type: "thinking", thinking: "", signature: "" }),
  delta(0, { type: "thinking_delta", thinking: "Hmm." }),
  delta(0, { type: "signature_delta", signature: SIGNATURE }),
  stop(0),
  begin(1, { type: "text", text: "" }),
  delta(1, { type: "text_delta", text: "Cześć " }),
  delta(1, { type: "text_delta", text: "🌊" }),
  stop(1),
  begin(2, { type: "tool_use", id: "t-1", name: "weather", input: {} }),
  delta(2, { type: "input_json_delta", partial_json: '{"city":' }),
  delta(2, { type: "input_json_delta", partial_json: '"Rome"}' }),
  stop(2),
  { type: "message_delta", delta: { stop_reason: "tool_use", stop_sequence: null }, usage: { output_tokens: 9 } },
  { type: "message_stop" },
];
const anthropicWhole = {
  type: "message",
  id: "r-1",
  role: "assistant",
  model: "m-2",
  content: [
    { type: "thinking", thinking: "Hmm.", signature: SIGNATURE },
    { type: "text", text: "Cześć 🌊" },
    { type: "tool_use", id: "t-1", name: "weather", input: { city: "Rome" } },
  ],
  stop_reason: "tool_use",
  stop_sequence: null,
  usage: { ...anthropicUsage, output_tokens: 9 },
};

export const answers: Readonly<Record<PackageName, { events: readonly unknown[]; whole: unknown }>> = {
  compatible: { events: compatibleEvents, whole: compatibleWhole },
  deepseek: { events: compatibleEvents, whole: compatibleWhole },
  mistral: { events: mistralEvents, whole: mistralWhole },
  anthropic: { events: anthropicEvents, whole: anthropicWhole },
};

/** Answers as it was asked: streamed or whole. */
export function answer(name: PackageName): (response: ServerResponse, request: Received) => void {
  const { events, whole } = answers[name];
  return (response, { body }) => {
    // A model of any other name answers under its own.
    const named = <T>(value: T): T =>
      body.model === "m"
        ? value
        : (JSON.parse(JSON.stringify(value).replaceAll('"m-2"', JSON.stringify(body.model))) as T);
    if (body.stream === true) sendEvents(response, named(events));
    else sendJson(response, 200, named(whole));
  };
}

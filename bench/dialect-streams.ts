import { Buffer } from "node:buffer";
import { EventStreamCodec } from "@smithy/eventstream-codec";

/** Text deltas of one stream. */
export const DELTAS = 300;

const WORDS = [" the", " quick", " brown", " fox", " jumps", " over", " a", " lazy", " dog", ","];
const words = Array.from({ length: DELTAS }, (_, at) => WORDS[at % WORDS.length] ?? "");

const sse = (data: object, event?: string): Uint8Array =>
  Buffer.from(`${event === undefined ? "" : `event: ${event}\n`}data: ${JSON.stringify(data)}\n\n`);
const named = (data: { readonly type: string }): Uint8Array => sse(data, data.type);
const done = Buffer.from("data: [DONE]\n\n");

function openAiChat(): Uint8Array[] {
  const head = {
    id: "chatcmpl-CbW2qXh8Qk7uYlQ0mZy5oVt1",
    object: "chat.completion.chunk",
    created: 1_764_000_000,
    model: "gpt-5.1-2025-11-13",
    service_tier: "default",
    system_fingerprint: null,
  };
  const chunk = (delta: object, finish_reason: string | null = null): Uint8Array =>
    sse({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
      usage: null,
      obfuscation: "mZy5oVt1",
    });
  const usage = { prompt_tokens: 20, completion_tokens: DELTAS, total_tokens: 20 + DELTAS };
  return [
    chunk({ role: "assistant", content: "", refusal: null }),
    ...words.map((content) => chunk({ content })),
    chunk({}, "stop"),
    sse({ ...head, choices: [], usage, obfuscation: "" }),
    done,
  ];
}

function openAiResponses(): Uint8Array[] {
  let sequence_number = 0;
  const event = (type: string, fields: object): Uint8Array =>
    named({ type, sequence_number: sequence_number++, ...fields } as { type: string });
  const item_id = "msg_0f1a2b3c4d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f";
  const response = {
    id: "resp_0f1a2b3c4d5e6f7a",
    object: "response",
    model: "gpt-5.1",
    status: "in_progress",
    output: [],
  };
  const text = words.join("");
  const content = [{ type: "output_text", annotations: [], logprobs: [], text }];
  const item = { id: item_id, type: "message", status: "completed", content, role: "assistant" };
  const usage = { input_tokens: 20, output_tokens: DELTAS, total_tokens: 20 + DELTAS };
  return [
    event("response.created", { response }),
    event("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress", content: [] } }),
    ...words.map((delta) =>
      event("response.output_text.delta", {
        item_id,
        output_index: 0,
        content_index: 0,
        delta,
        logprobs: [],
        obfuscation: "mZy5oVt1",
      }),
    ),
    event("response.output_text.done", { item_id, output_index: 0, content_index: 0, text, logprobs: [] }),
    event("response.output_item.done", { output_index: 0, item }),
    event("response.completed", { response: { ...response, status: "completed", output: [item], usage } }),
  ];
}

function anthropic(): Uint8Array[] {
  const usage = { input_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 0, output_tokens: 1 };
  const message = {
    id: "msg_01A2b3C4d5",
    type: "message",
    role: "assistant",
    model: "claude-sonnet-4-5",
    content: [],
    usage,
  };
  return [
    named({ type: "message_start", message } as { type: string }),
    named({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } } as { type: string }),
    ...words.map((text) =>
      named({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } } as { type: string }),
    ),
    named({ type: "content_block_stop", index: 0 } as { type: string }),
    named({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: DELTAS } } as {
      type: string;
    }),
    named({ type: "message_stop" }),
  ];
}

function gemini(): Uint8Array[] {
  return words.map((text, at) =>
    sse({
      candidates: [
        {
          content: { parts: [{ text }], role: "model" },
          index: 0,
          ...(at === DELTAS - 1 ? { finishReason: "STOP" } : {}),
        },
      ],
      usageMetadata: {
        promptTokenCount: 20,
        candidatesTokenCount: at + 1,
        totalTokenCount: 21 + at,
        promptTokensDetails: [{ modality: "TEXT", tokenCount: 20 }],
      },
      modelVersion: "gemini-2.5-flash",
      responseId: "xK3raP6XEdq6nsEPvYyQ8Ao",
    }),
  );
}

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"),
  (text) => Buffer.from(text, "utf8"),
);

function bedrockConverse(): Uint8Array[] {
  const message = (event: string, payload: object): Uint8Array => {
    const string = (value: string) => ({ type: "string" as const, value });
    const headers = {
      ":event-type": string(event),
      ":content-type": string("application/json"),
      ":message-type": string("event"),
    };
    return codec.encode({ headers, body: Buffer.from(JSON.stringify({ ...payload, p: "abcdefghijklmnopq" })) });
  };
  return [
    message("messageStart", { role: "assistant" }),
    ...words.map((text) => message("contentBlockDelta", { contentBlockIndex: 0, delta: { text } })),
    message("contentBlockStop", { contentBlockIndex: 0 }),
    message("messageStop", { stopReason: "end_turn" }),
    message("metadata", { usage: { inputTokens: 20, outputTokens: DELTAS, totalTokens: 20 + DELTAS } }),
  ];
}

function cohere(): Uint8Array[] {
  const event = (type: string, fields: object): Uint8Array => named({ type, ...fields } as { type: string });
  const usage = { tokens: { input_tokens: 20, output_tokens: DELTAS } };
  return [
    event("message-start", { id: "29f14a5a-11de-4cae", delta: { message: { role: "assistant", content: [] } } }),
    event("content-start", { index: 0, delta: { message: { content: { type: "text", text: "" } } } }),
    ...words.map((text) => event("content-delta", { index: 0, delta: { message: { content: { text } } } })),
    event("content-end", { index: 0 }),
    event("message-end", { delta: { finish_reason: "COMPLETE", usage } }),
    done,
  ];
}

function ollama(): Uint8Array[] {
  const line = (content: string, more: object): Uint8Array =>
    Buffer.from(
      `${JSON.stringify({ model: "qwen3", created_at: "2026-11-25T08:00:00.123456Z", message: { role: "assistant", content }, ...more })}\n`,
    );
  return [
    ...words.map((text) => line(text, { done: false })),
    line("", { done: true, done_reason: "stop", total_duration: 1, prompt_eval_count: 20, eval_count: DELTAS }),
  ];
}

/** A plain answer as each dialect's provider streams it, in one chunk for each event, by the dialect's name. */
export const dialectStreams: Readonly<Record<string, readonly Uint8Array[]>> = {
  "openai-chat": openAiChat(),
  "openai-responses": openAiResponses(),
  anthropic: anthropic(),
  gemini: gemini(),
  "bedrock-converse": bedrockConverse(),
  cohere: cohere(),
  ollama: ollama(),
};

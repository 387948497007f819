import type { JsonObject } from "@bufbuild/protobuf";
import type { Frame } from "../../src/wire/frame.ts";
import type { Sight } from "./answered.ts";

/** A whole body, or the frames of a stream. */
type Script = JsonObject | Frame[];

/** What a dialect's wire says for each thing that may come back; what is not here, it has no way to say. */
type Scripts = Readonly<Partial<Record<Sight, Script>>>;

const frame = (data: JsonObject, event?: string): Frame => ({
  ...(event === undefined ? {} : { event }),
  data: JSON.stringify(data),
});

function chat(message: JsonObject, more: JsonObject = {}, choice: JsonObject = {}): JsonObject {
  return { id: "r", model: "m", choices: [{ index: 0, message, finish_reason: "stop", ...choice }], ...more };
}

const hi = { role: "assistant", content: "Hi" };
const chatUsage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };
const call = { id: "c", type: "function", function: { name: "look", arguments: "{}" } };
const token = { token: "Hi", logprob: -0.1, bytes: null, top_logprobs: [] };
const page = { url: "https://example.com", title: "A page" };

const openAiChat: Scripts = {
  text: chat(hi),
  "tool calls": chat({ role: "assistant", content: null, tool_calls: [call] }),
  usage: chat(hi, { usage: chatUsage }),
  "usage in streams": [
    frame({ id: "r", model: "m", choices: [{ index: 0, delta: { content: "Hi" }, finish_reason: "stop" }] }),
    frame({ id: "r", model: "m", choices: [], usage: chatUsage }),
  ],
  "reasoning text": chat({ ...hi, reasoning_content: "Hm" }),
  "reasoning tokens": chat(hi, { usage: { ...chatUsage, completion_tokens_details: { reasoning_tokens: 2 } } }),
  citations: chat({ ...hi, annotations: [{ type: "url_citation", url_citation: page }] }),
  logprobs: chat(hi, {}, { logprobs: { content: [token] } }),
  images: chat({ ...hi, images: [{ type: "image_url", image_url: { url: "data:image/png;base64,cG5n" } }] }),
  audio: chat({ ...hi, audio: { id: "a", data: "d2F2", transcript: "Hi", expires_at: 0 } }),
  "cache reads": chat(hi, { usage: { ...chatUsage, prompt_tokens_details: { cached_tokens: 4 } } }),
  "cache writes": chat(hi, { usage: { ...chatUsage, prompt_tokens_details: { cache_write_tokens: 4 } } }),
  metadata: chat(hi, { service_tier: "default" }),
};

function responded(item: JsonObject, more: JsonObject = {}): JsonObject {
  return { id: "r", model: "m", status: "completed", output: [item], ...more };
}

function spoken(part: JsonObject = {}, more: JsonObject = {}): JsonObject {
  const content = [{ type: "output_text", text: "Hi", annotations: [], ...part }];
  return responded({ type: "message", id: "i", role: "assistant", status: "completed", content }, more);
}

const responsesUsage = { input_tokens: 9, output_tokens: 3 };

const openAiResponses: Scripts = {
  text: spoken(),
  "tool calls": responded({ type: "function_call", id: "i", call_id: "c", name: "look", arguments: "{}" }),
  usage: spoken({}, { usage: responsesUsage }),
  "usage in streams": [
    frame({ type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Hi" }),
    frame({ type: "response.completed", response: spoken({}, { usage: responsesUsage }) }),
  ],
  "reasoning text": responded({ type: "reasoning", id: "i", summary: [{ type: "summary_text", text: "Hm" }] }),
  "reasoning tokens": spoken({}, { usage: { ...responsesUsage, output_tokens_details: { reasoning_tokens: 2 } } }),
  citations: spoken({ annotations: [{ type: "url_citation", ...page, start_index: 0, end_index: 2 }] }),
  logprobs: spoken({ logprobs: [token] }),
  images: responded({ type: "image_generation_call", id: "i", status: "completed", result: "cG5n" }),
  "cache reads": spoken({}, { usage: { ...responsesUsage, input_tokens_details: { cached_tokens: 4 } } }),
  "cache writes": spoken({}, { usage: { ...responsesUsage, input_tokens_details: { cache_write_tokens: 4 } } }),
  metadata: spoken({}, { service_tier: "default" }),
};

const anthropicUsage = { input_tokens: 9, output_tokens: 3 };

function message(block: JsonObject, usage: JsonObject = {}): JsonObject {
  const counted = { ...anthropicUsage, ...usage };
  return { type: "message", id: "r", model: "m", content: [block], stop_reason: "end_turn", usage: counted };
}

const textBlock = { type: "text", text: "Hi" };

const anthropic: Scripts = {
  text: message(textBlock),
  "tool calls": message({ type: "tool_use", id: "c", name: "look", input: {} }),
  usage: message(textBlock),
  "usage in streams": [
    frame({ type: "message_start", message: { id: "r", model: "m", usage: { input_tokens: 9, output_tokens: 1 } } }),
    frame({ type: "content_block_start", index: 0, content_block: { type: "text", text: "" } }),
    frame({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi" } }),
    frame({ type: "content_block_stop", index: 0 }),
    frame({ type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 3 } }),
    frame({ type: "message_stop" }),
  ],
  "reasoning text": message({ type: "thinking", thinking: "Hm", signature: "s" }),
  "reasoning tokens": message(textBlock, { output_tokens_details: { thinking_tokens: 2 } }),
  citations: message({ ...textBlock, citations: [{ type: "web_search_result_location", ...page, cited_text: "x" }] }),
  "cache reads": message(textBlock, { cache_read_input_tokens: 4 }),
  "cache writes": message(textBlock, { cache_creation_input_tokens: 4 }),
  metadata: message(textBlock, { service_tier: "standard" }),
};

const geminiUsage = { promptTokenCount: 9, candidatesTokenCount: 3 };

function generated(part: JsonObject, usage: JsonObject = {}, candidate: JsonObject = {}): JsonObject {
  return {
    responseId: "r",
    modelVersion: "m",
    candidates: [{ content: { role: "model", parts: [part] }, finishReason: "STOP", ...candidate }],
    usageMetadata: { ...geminiUsage, ...usage },
  };
}

const textPart = { text: "Hi" };

const gemini: Scripts = {
  text: generated(textPart),
  "tool calls": generated({ functionCall: { name: "look", args: {} } }),
  usage: generated(textPart),
  "usage in streams": [frame(generated(textPart))],
  "reasoning text": generated({ text: "Hm", thought: true }),
  "reasoning tokens": generated(textPart, { thoughtsTokenCount: 2 }),
  citations: generated(textPart, {}, { groundingMetadata: { groundingChunks: [{ web: { uri: page.url } }] } }),
  logprobs: generated(textPart, {}, { logprobsResult: { chosenCandidates: [{ token: "Hi", logProbability: -0.1 }] } }),
  images: generated({ inlineData: { mimeType: "image/png", data: "cG5n" } }),
  audio: generated({ inlineData: { mimeType: "audio/wav", data: "d2F2" } }),
  "cache reads": generated(textPart, { cachedContentTokenCount: 4 }),
  metadata: generated(textPart, {}, { safetyRatings: [{ category: "X", probability: "LOW" }] }),
};

const converseUsage = { inputTokens: 9, outputTokens: 3 };

function conversed(block: JsonObject, usage: JsonObject = {}, more: JsonObject = {}): JsonObject {
  const output = { message: { role: "assistant", content: [block] } };
  return { output, stopReason: "end_turn", usage: { ...converseUsage, ...usage }, ...more };
}

const bedrock: Scripts = {
  text: conversed(textPart),
  "tool calls": conversed({ toolUse: { toolUseId: "c", name: "look", input: {} } }),
  usage: conversed(textPart),
  "usage in streams": [
    frame({ role: "assistant" }, "messageStart"),
    frame({ contentBlockIndex: 0, delta: { text: "Hi" } }, "contentBlockDelta"),
    frame({ contentBlockIndex: 0 }, "contentBlockStop"),
    frame({ stopReason: "end_turn" }, "messageStop"),
    frame({ usage: converseUsage }, "metadata"),
  ],
  "reasoning text": conversed({ reasoningContent: { reasoningText: { text: "Hm", signature: "s" } } }),
  citations: conversed({
    citationsContent: { content: [textPart], citations: [{ title: "A page", location: { web: page } }] },
  }),
  "cache reads": conversed(textPart, { cacheReadInputTokens: 4 }),
  "cache writes": conversed(textPart, { cacheWriteInputTokens: 4 }),
  metadata: conversed(textPart, {}, { trace: { guardrail: {} } }),
};

const cohereUsage = {
  billed_units: { input_tokens: 2, output_tokens: 2 },
  tokens: { input_tokens: 9, output_tokens: 3 },
};

function cohered(said: JsonObject, usage: JsonObject = {}, more: JsonObject = {}): JsonObject {
  return {
    id: "r",
    message: { role: "assistant", ...said },
    finish_reason: "COMPLETE",
    usage: { ...cohereUsage, ...usage },
    ...more,
  };
}

const cohereText = { content: [textBlock] };

const cohere: Scripts = {
  text: cohered(cohereText),
  "tool calls": cohered({ tool_calls: [call] }),
  usage: cohered(cohereText),
  "usage in streams": [
    frame({ type: "message-start", id: "r" }),
    frame({ type: "content-start", index: 0, delta: { message: { content: textBlock } } }),
    frame({ type: "content-end", index: 0 }),
    frame({ type: "message-end", delta: { finish_reason: "COMPLETE", usage: cohereUsage } }),
  ],
  "reasoning text": cohered({ content: [{ type: "thinking", thinking: "Hm" }] }),
  "reasoning tokens": cohered(cohereText, { tokens: { ...cohereUsage.tokens, reasoning_tokens: 2 } }),
  citations: cohered({
    ...cohereText,
    citations: [{ start: 0, end: 2, text: "Hi", sources: [{ type: "document", id: "d" }] }],
  }),
  logprobs: cohered(cohereText, {}, { logprobs: [{ text: "Hi", token_ids: [1], logprobs: [-0.1] }] }),
  "cache reads": cohered(cohereText, { cached_tokens: 4 }),
  metadata: cohered(cohereText),
};

const ollamaCounts = { prompt_eval_count: 9, eval_count: 3 };

function chatted(said: JsonObject, more: JsonObject = {}): JsonObject {
  return { model: "m", message: { role: "assistant", content: "", ...said }, done: true, done_reason: "stop", ...more };
}

const ollama: Scripts = {
  text: chatted(hi),
  "tool calls": chatted({ tool_calls: [{ function: { name: "look", arguments: {} } }] }),
  usage: chatted(hi, ollamaCounts),
  "usage in streams": [frame({ ...chatted(hi), done: false }), frame(chatted({}, ollamaCounts))],
  "reasoning text": chatted({ ...hi, thinking: "Hm" }),
  logprobs: chatted(hi, { logprobs: [token] }),
  "cache reads": chatted(hi, { ...ollamaCounts, prompt_eval_cached_count: 4 }),
  metadata: chatted(hi, { total_duration: 5 }),
};

/** By dialect. Small answers in the forms that the providers document and that were recorded. */
export const answers: Readonly<Record<string, Scripts>> = {
  "openai-chat": openAiChat,
  "openai-responses": openAiResponses,
  anthropic,
  gemini,
  "bedrock-converse": bedrock,
  cohere,
  ollama,
};

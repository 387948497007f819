/** What presets of chat completions have that not all of their dialect do. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { openAiChatFor } from "../../src/provider/openai-chat/index.ts";
import { decode, fold } from "../exchanges/decode.ts";
import { bodyOf, followUp, prompt, refusalOf } from "./encoding.ts";

const png = { data: Buffer.from("png").toString("base64"), mimeType: "image/png" };
const PICTURE = { type: "image_url", image_url: { url: "data:image/png;base64,cG5n" } };

function messagesOf(preset: string | undefined, json: JsonObject, model?: string): unknown {
  return bodyOf(openAiChatFor(preset), json, model).messages;
}

function answered(message: JsonObject, stream = false, more: JsonObject = {}) {
  const part = stream ? { delta: message } : { message };
  const choices = [{ index: 0, ...part, finish_reason: "stop" }];
  const json = JSON.stringify({ id: "r", model: "m", choices, ...more });
  const body = Buffer.from(stream ? `data: ${json}\n\ndata: [DONE]\n\n` : json);
  const exchange = { status: 200, headers: {}, model: "m", body_format: stream ? "sse" : "json" };
  const decoded = decode(openAiChatFor("openrouter"), exchange as unknown as Parameters<typeof decode>[1], [body]);
  expect(decoded.error).toBeUndefined();
  return fold(decoded);
}

describe("marks for the prompt cache", () => {
  const marked = {
    messages: [
      { role: "ROLE_SYSTEM", parts: [{ text: "Rules", cacheBreakpoint: {} }] },
      { role: "ROLE_ASSISTANT", parts: [{ text: "Hi", cacheBreakpoint: {} }] },
      {
        role: "ROLE_TOOL",
        parts: [{ toolResult: { callId: "c", parts: [{ text: "a" }, { text: "b" }] }, cacheBreakpoint: {} }],
      },
    ],
  };

  function written(mark: JsonObject, answerMark: JsonObject | undefined) {
    return [
      { role: "system", content: [{ type: "text", text: "Rules", ...mark }] },
      { role: "assistant", content: answerMark === undefined ? "Hi" : [{ type: "text", text: "Hi", ...answerMark }] },
      {
        role: "tool",
        tool_call_id: "c",
        content: [
          { type: "text", text: "a" },
          { type: "text", text: "b", ...mark },
        ],
      },
    ];
  }

  const cacheControl = { cache_control: { type: "ephemeral" } };
  const breakpoint = { prompt_cache_breakpoint: { mode: "explicit" } };

  test.each([
    ["openrouter", "m", cacheControl, cacheControl],
    ["alibaba", "qwen3-max", cacheControl, undefined],
    ["openai", "gpt-5.6", breakpoint, undefined],
    ["azure-openai", "gpt-6", breakpoint, undefined],
  ])("are written for %s and %s", (preset, model, mark, answerMark) => {
    expect(messagesOf(preset, marked, model)).toEqual(written(mark, answerMark));
  });

  test.each([
    ["openai", "gpt-5.5"],
    ["groq", "m"],
  ])("are not written for %s and %s, which need none", (preset, model) => {
    expect(JSON.stringify(messagesOf(preset, marked, model))).not.toMatch(/cache/);
  });

  test("count what was written by them, at Alibaba", async () => {
    const details = { cached_tokens: 0, cache_creation_input_tokens: 1500 };
    const usage = { prompt_tokens: 1600, completion_tokens: 3, prompt_tokens_details: details };
    expect((await answered({ content: "Hi" }, false, { usage })).usage).toMatchObject({
      inputTokens: 1600,
      cacheReadTokens: 0,
      cacheWriteTokens: 1500,
    });
  });
});

describe("results of tools", () => {
  const result = {
    messages: [
      { role: "ROLE_TOOL", parts: [{ toolResult: { callId: "c", parts: [{ text: "Seen." }, { image: png }] } }] },
    ],
  };

  test("hold pictures at OpenRouter", () => {
    const content = [{ type: "text", text: "Seen." }, PICTURE];
    expect(messagesOf("openrouter", result)).toEqual([{ role: "tool", tool_call_id: "c", content }]);
  });

  test.each([undefined, "openai", "groq"])("are text only at %s", (preset) => {
    const field = "prompt.messages[0].parts[0].tool_result.parts[1].image";
    expect(refusalOf(openAiChatFor(preset), result)).toEqual({
      reason: ErrorReason.FEATURE_UNSUPPORTED,
      fields: [field],
    });
  });
});

describe("what an answer held beyond text", () => {
  const details = [{ type: "reasoning.encrypted", data: "secret" }];

  test("is given back to OpenRouter, and to nobody who does not know the field", async () => {
    const again = followUp(await answered({ content: "Hi", reasoning_details: details }));
    const assistant = (preset: string | undefined) => {
      return (bodyOf(openAiChatFor(preset), again).messages as JsonObject[]).at(-1);
    };
    expect(assistant("openrouter")).toEqual({ role: "assistant", content: "Hi", reasoning_details: details });
    for (const preset of [undefined, "groq", "together", "cerebras", "ollama"]) {
      expect(assistant(preset)).toEqual({ role: "assistant", content: "Hi" });
    }
  });

  test.each([false, true])("comes out as pictures (streamed: %s)", async (stream) => {
    const far = { type: "image_url", image_url: { url: "https://example.com/a.png" } };
    const answer = await answered({ content: "Look", images: [PICTURE, far, {}] }, stream);
    expect(answer.parts.map(({ content }) => content)).toMatchObject([
      { case: "text", value: "Look" },
      { case: "image", value: { source: { case: "data", value: Buffer.from("png") }, mimeType: "image/png" } },
      { case: "image", value: { source: { case: "uri", value: "https://example.com/a.png" } } },
    ]);
    const again = followUp(answer);
    expect((bodyOf(openAiChatFor("openrouter"), again).messages as JsonObject[]).at(-1)).toEqual({
      role: "assistant",
      content: "Look",
      images: [PICTURE, far],
    });
    expect(() => openAiChatFor("groq").encode(again, { provider: "house", model: "m" }, "unary")).toThrow(
      "prompt.messages[1].parts[1].image",
    );
  });
});

describe("a spoken answer", () => {
  const wav = Buffer.from("RIFF....WAVE");
  const whole = { content: null, audio: { id: "audio_1", data: wav.toString("base64"), transcript: "Hi there." } };
  const pieces = [
    { role: "assistant", content: "", audio: { id: "audio_1", transcript: "Hi " } },
    { audio: { data: Buffer.from("ab").toString("base64") } },
    { audio: { transcript: "there." } },
    { audio: { data: Buffer.from("c").toString("base64") } },
    { audio: { expires_at: 5 } },
  ];

  async function streamed() {
    const decoder = openAiChatFor("openai").createDecoder({ model: "m", whole: false, mintCallId: String });
    const events = pieces.flatMap((delta, n) => {
      const choice = { index: 0, delta, finish_reason: n === pieces.length - 1 ? "stop" : null };
      return [...decoder.push({ data: JSON.stringify({ id: "r", model: "m", choices: [choice] }) })];
    });
    return await fold({ events: [...events, ...decoder.finish()], error: undefined });
  }

  const told = ({ parts }: Awaited<ReturnType<typeof fold>>) =>
    parts.map(({ content, providerState }) => [
      content.case === "audio" ? [content.value.mimeType, content.value.source.value?.toString()] : content.value,
      providerState?.id,
    ]);

  test("comes out as words and one sound", async () => {
    expect(told(await answered(whole))).toEqual([
      ["Hi there.", "audio_1"],
      [["audio/wav", wav.toString()], "audio_1"],
    ]);
    expect(told(await streamed())).toEqual([
      ["Hi there.", "audio_1"],
      [["audio/pcm", "abc"], "audio_1"],
    ]);
  });

  test("goes back by its id, and to servers without sound not at all", async () => {
    const again = followUp(await answered(whole));
    expect((bodyOf(openAiChatFor("openai"), again).messages as JsonObject[]).at(-1)).toEqual({
      role: "assistant",
      content: null,
      audio: { id: "audio_1" },
    });
    expect(() => openAiChatFor("groq").encode(again, { provider: "house", model: "m" }, "unary")).toThrow(
      "prompt.messages[1].parts[1].audio",
    );
  });

  test("of another dialect has no id here, and is refused", () => {
    const audio = { data: wav.toString("base64"), mimeType: "audio/wav" };
    const messages = [{ role: "ROLE_ASSISTANT", parts: [{ audio, providerState: { dialect: "gemini", id: "x" } }] }];
    expect(refusalOf(openAiChatFor("openai"), { messages })).toEqual({
      reason: ErrorReason.FEATURE_UNSUPPORTED,
      fields: ["prompt.messages[0].parts[0].audio"],
    });
  });
});

describe("what a server would pass over is refused", () => {
  const user = (part: JsonObject): JsonObject => ({ messages: [{ role: "ROLE_USER", parts: [part] }] });

  test.each([
    ["ollama", { tools: [{ name: "a" }, { name: "b", strict: true }] }, "prompt.tools[1].strict"],
    ["deepseek", { tools: [{ name: "a", strict: true }] }, "prompt.tools[0].strict"],
    ["ollama", user({ image: { ...png, detail: "IMAGE_DETAIL_LOW" } }), "prompt.messages[0].parts[0].image.detail"],
    ["ollama", user({ image: { uri: "https://example.com/a.png" } }), "prompt.messages[0].parts[0].image.uri"],
    ["deepseek", user({ image: { uri: "https://example.com/a.png" } }), "prompt.messages[0].parts[0].image"],
  ])("by %s: %o", (preset, json, field) => {
    const refused = refusalOf(openAiChatFor(preset), json as JsonObject);
    expect(refused).toEqual({ reason: ErrorReason.FEATURE_UNSUPPORTED, fields: [field] });
  });

  test("but not what asks for less", () => {
    expect(bodyOf(openAiChatFor("ollama"), prompt({ tools: [{ name: "a", strict: false }] })).tools).toHaveLength(1);
  });
});

import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { ollama } from "../../src/provider/ollama/index.ts";
import { decode, fold } from "../exchanges/decode.ts";
import { available, readExchanges } from "../exchanges/exchanges.ts";
import { bodyOf, followUp, prompt, refusalOf } from "./encoding.ts";

const hello = { role: "user", content: "Hello" };
const schema = '{"type":"object","properties":{"b":{"type":"string"},"a":{"type":"number"}}}';
const tool = { name: "look", description: "Looks.", parametersJsonSchema: schema };
const wireTool = {
  type: "function",
  function: { name: "look", description: "Looks.", parameters: JSON.parse(schema) },
};
const base64 = (text: string): string => Buffer.from(text).toString("base64");

const user = (...parts: JsonObject[]): JsonObject => ({ messages: [{ role: "ROLE_USER", parts }] });

/** What a prompt asks, and the fields of the body that say it. */
const table: readonly (readonly [name: string, prompt: JsonObject, body: JsonObject])[] = [
  ["a text", {}, {}],
  [
    "numbers",
    {
      maxOutputTokens: 9,
      temperature: 0.5,
      topP: 0.9,
      topK: 5,
      seed: "7",
      frequencyPenalty: 0.1,
      presencePenalty: 0.2,
      stopSequences: ["END"],
    },
    {
      options: {
        num_predict: 9,
        temperature: 0.5,
        top_p: 0.9,
        top_k: 5,
        seed: 7,
        frequency_penalty: 0.1,
        presence_penalty: 0.2,
        stop: ["END"],
      },
    },
  ],
  [
    "what only Ollama has",
    { temperature: 0.5, providerOptions: { house: { keep_alive: "5m", options: { num_ctx: 8192 } }, other: { x: 1 } } },
    { keep_alive: "5m", options: { temperature: 0.5, num_ctx: 8192 } },
  ],
  [
    "tools",
    { tools: [tool, { name: "go", strict: false }] },
    {
      tools: [wireTool, { type: "function", function: { name: "go", parameters: { type: "object", properties: {} } } }],
    },
  ],
  [
    "the model's choice",
    { tools: [tool], toolChoice: { mode: "TOOL_CHOICE_MODE_AUTO" }, parallelToolCalls: true },
    { tools: [wireTool] },
  ],
  ["a JSON object", { responseFormat: { jsonObject: {} } }, { format: "json" }],
  ["text", { responseFormat: { text: {} } }, {}],
  [
    "a schema",
    { responseFormat: { jsonSchema: { name: "x", description: "A pair.", schemaJson: schema, strict: true } } },
    { format: { ...JSON.parse(schema), description: "A pair." } },
  ],
  ["no thinking", { reasoning: { effort: "REASONING_EFFORT_NONE" } }, { think: false }],
  ["thinking", { reasoning: { effort: "REASONING_EFFORT_MEDIUM" } }, { think: true }],
  ["a budget of nothing", { reasoning: { budgetTokens: 0 } }, { think: false }],
  ["log probabilities", { logprobs: {} }, { logprobs: true }],
  ["log probabilities of others", { logprobs: { top: 3 } }, { logprobs: true, top_logprobs: 3 }],
  [
    "pictures",
    user({ text: "Look" }, { image: { data: base64("png"), mimeType: "image/png" } }, { text: "here" }),
    { messages: [{ role: "user", content: "Look\nhere", images: [base64("png")] }] },
  ],
  [
    "a conversation with tools",
    {
      messages: [
        { role: "ROLE_SYSTEM", parts: [{ text: "Be brief." }] },
        { role: "ROLE_USER", parts: [{ text: "A" }] },
        {
          role: "ROLE_ASSISTANT",
          parts: [
            { reasoning: { text: "Hm" } },
            { reasoning: { text: "" }, providerState: { dialect: "other", data: "secret" } },
            { text: "Well" },
            { toolCall: { callId: "c1", name: "look", argumentsJson: '{"b":1,"a":2}' } },
            { toolCall: { callId: "c2", name: "go" } },
          ],
        },
        {
          role: "ROLE_TOOL",
          parts: [
            { toolResult: { callId: "c1", name: "look", parts: [{ text: "seen" }] } },
            {
              toolResult: {
                callId: "c2",
                parts: [{ text: "went" }, { image: { data: base64("png"), mimeType: "image/png" } }],
              },
            },
            { toolResult: { callId: "c3" } },
          ],
        },
      ],
    },
    {
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "A" },
        {
          role: "assistant",
          content: "Well",
          thinking: "Hm",
          tool_calls: [
            { id: "c1", function: { index: 0, name: "look", arguments: { b: 1, a: 2 } } },
            { id: "c2", function: { index: 1, name: "go", arguments: {} } },
          ],
        },
        { role: "tool", content: "seen", tool_name: "look", tool_call_id: "c1" },
        { role: "tool", content: "went", images: [base64("png")], tool_name: "go", tool_call_id: "c2" },
        { role: "tool", content: "", tool_call_id: "c3" },
      ],
    },
  ],
];

test.each(table)("%s is written", (_, asked, fields) => {
  expect(bodyOf(ollama, asked)).toEqual({ model: "m", messages: [hello], stream: false, ...fields });
});

test("a stream is asked for as one", () => {
  const request = ollama.encode(prompt({}), { provider: "house", model: "m" }, "stream");
  expect([request.path, request.headers.accept, JSON.parse(request.body)]).toEqual([
    "/api/chat",
    "application/x-ndjson",
    { model: "m", messages: [hello], stream: true },
  ]);
});

describe("models whose thinking has levels", () => {
  const effort = (word: string): JsonObject => ({ reasoning: { effort: `REASONING_EFFORT_${word}` } });

  test.each(["gpt-oss", "gpt-oss:20b", "gpt-oss:120b-cloud", "hf.co/unsloth/gpt-oss-20b-GGUF"])("%s", (model) => {
    const thinks = ["LOW", "MEDIUM", "HIGH"].map((word) => bodyOf(ollama, effort(word), model).think);
    expect(thinks).toEqual(["low", "medium", "high"]);
    for (const asked of [effort("NONE"), { reasoning: { budgetTokens: 0 } }]) {
      expect(refusalOf(ollama, asked, model)?.reason).toBe(ErrorReason.FEATURE_UNSUPPORTED);
    }
  });
});

/** What the wire has no words for, and the field that is named. */
const refused: readonly (readonly [field: string, prompt: JsonObject])[] = [
  ["prompt.tool_choice.tool_name", { tools: [tool], toolChoice: { toolName: "look" } }],
  ["prompt.tool_choice.mode", { tools: [tool], toolChoice: { mode: "TOOL_CHOICE_MODE_REQUIRED" } }],
  ["prompt.tool_choice.mode", { tools: [tool], toolChoice: { mode: "TOOL_CHOICE_MODE_NONE" } }],
  ["prompt.parallel_tool_calls", { parallelToolCalls: false }],
  ["prompt.tools[0].strict", { tools: [{ ...tool, strict: true }] }],
  ["prompt.reasoning.effort", { reasoning: { effort: "REASONING_EFFORT_HIGH" } }],
  ["prompt.reasoning.budget_tokens", { reasoning: { budgetTokens: 100 } }],
  ["prompt.messages[0].parts[0].image.uri", user({ image: { uri: "https://a.test/b.jpg" } })],
  [
    "prompt.messages[0].parts[0].image.detail",
    user({ image: { data: "", mimeType: "image/png", detail: "IMAGE_DETAIL_LOW" } }),
  ],
  ["prompt.messages[0].parts[0].tool_result", user({ toolResult: { callId: "c" } })],
  ["prompt.messages[0].parts[0].audio", user({ audio: { data: "", mimeType: "audio/wav" } })],
  ["prompt.messages[0].parts[0].file", user({ file: { data: "", mimeType: "text/plain" } })],
  [
    "prompt.messages[0].parts[0].image",
    { messages: [{ role: "ROLE_ASSISTANT", parts: [{ image: { uri: "https://a.test/b.jpg" } }] }] },
  ],
];

test.each(refused)("%s is refused: %j", (field, asked) => {
  expect(refusalOf(ollama, asked)).toEqual({ reason: ErrorReason.FEATURE_UNSUPPORTED, fields: [field] });
});

const call = (argumentsJson: string): JsonObject => ({
  messages: [{ role: "ROLE_ASSISTANT", parts: [{ toolCall: { callId: "c", name: "look", argumentsJson } }] }],
});

test.each([
  ['prompt.provider_options["house"].stream', { providerOptions: { house: { stream: true } } }],
  [
    'prompt.provider_options["house"].think',
    { reasoning: { budgetTokens: 0 }, providerOptions: { house: { think: true } } },
  ],
  ['prompt.provider_options["house"].options', { providerOptions: { house: { options: 8192 } } }],
  [
    'prompt.provider_options["house"].options.top_k',
    { topK: 5, providerOptions: { house: { options: { top_k: 9 } } } },
  ],
  ["prompt.messages[0].parts[0].tool_call.arguments_json", call("[1]")],
  ["prompt.messages[0].parts[0].tool_call.arguments_json", call("{")],
] as const)("%s is invalid", (field, asked) => {
  expect(refusalOf(ollama, asked as JsonObject)).toEqual({ reason: ErrorReason.INVALID_REQUEST, fields: [field] });
});

interface WireRequest {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly tools?: readonly { readonly function: JsonObject }[];
  readonly think?: boolean;
  readonly format?: string;
  readonly options?: { readonly num_predict?: number; readonly temperature?: number; readonly seed?: number };
}

interface WireAnswer {
  readonly content: string;
  readonly thinking?: string;
  readonly tool_calls?: readonly { readonly id?: string; readonly function: JsonObject }[];
}

/** A recorded request as a prompt of the contract. */
function toPrompt({ messages, tools = [], think, format, options = {} }: WireRequest): JsonObject {
  return {
    messages: messages.map(({ role, content }) => ({ role: `ROLE_${role.toUpperCase()}`, parts: [{ text: content }] })),
    tools: tools.map(({ function: { name, description, parameters } }) => ({
      name: name ?? "",
      description: description ?? "",
      parametersJsonSchema: JSON.stringify(parameters),
    })),
    ...(think === undefined ? {} : { reasoning: { effort: `REASONING_EFFORT_${think ? "MEDIUM" : "NONE"}` } }),
    ...(format === "json" ? { responseFormat: { jsonObject: {} } } : {}),
    ...(options.num_predict === undefined ? {} : { maxOutputTokens: options.num_predict }),
    ...(options.temperature === undefined ? {} : { temperature: options.temperature }),
    ...(options.seed === undefined ? {} : { seed: String(options.seed) }),
  };
}

/** Where recorded requests say the same in other words: `stream` left out is true, and empty fields are nothing. */
function inOurWords(request: JsonObject): JsonObject {
  const said = Object.entries({ stream: true, ...request }).filter(
    ([, value]) => typeof value === "boolean" || Object.keys(Object(value)).length > 0,
  );
  return Object.fromEntries(said);
}

const exchanges = readExchanges("ollama.chat");

describe.skipIf(!available)("recorded ollama.chat exchanges", () => {
  const asked = exchanges.flatMap(({ name, model, request }) => (request === null ? [] : [{ name, model, request }]));

  test("have their requests", () => {
    expect(asked).toHaveLength(16);
  });

  test.each(asked)("$name was asked for as we ask", ({ model, request }) => {
    const delivery = request.stream === false ? "unary" : "stream";
    const expected = inOurWords(request as JsonObject);
    expect(bodyOf(ollama, toPrompt(request as unknown as WireRequest), model, delivery)).toEqual(expected);
  });

  const answered = exchanges.filter(({ expect: wire }) => wire.error === null);

  test.each(answered)("$name goes back as it came", async (exchange) => {
    const lines =
      exchange.body_format === "json" ? [exchange.body.toString()] : exchange.body.toString().trim().split("\n");
    const messages = lines.map((line) => (JSON.parse(line) as { message: WireAnswer }).message);
    const joined = (field: "content" | "thinking") => messages.map((message) => message[field] ?? "").join("");
    const calls = messages.flatMap(({ tool_calls }) => tool_calls ?? []);
    const body = bodyOf(ollama, followUp(await fold(decode(ollama, exchange, [exchange.body]))));
    expect((body.messages as JsonObject[])[1]).toEqual({
      role: "assistant",
      content: joined("content"),
      ...(joined("thinking") === "" ? {} : { thinking: joined("thinking") }),
      ...(calls.length === 0
        ? {}
        : {
            // Old versions gave calls no id, the first no index, and no arguments as a text.
            tool_calls: calls.map(({ id, function: fn }, index) => ({
              id: id ?? `minted_${index}`,
              function: { ...fn, index, arguments: fn.arguments || {} },
            })),
          }),
    });
  });
});

import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Delivery } from "../../src/domain/event.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";

interface Asked {
  readonly prompt: JsonObject;
  readonly preset?: string;
  readonly model?: string;
  readonly delivery?: Delivery;
}

const HELLO = { role: "ROLE_USER", parts: [{ text: "Hello" }] };
const HELLO_ITEM = { role: "user", content: "Hello" };
const DATA = "aGk=";

function encode({ prompt, preset = "openai-responses", model = "gpt-5", delivery = "unary" }: Asked) {
  const message = fromJson(PromptSchema, { model: "any", messages: [HELLO], ...prompt });
  return openAiResponsesFor(preset).encode(message, { provider: "house", model }, delivery);
}

function bodyOf(asked: Asked): unknown {
  return JSON.parse(encode(asked).body);
}

/** What every body has: nothing is stored, and reasoning comes encrypted. */
const usual = { model: "gpt-5", store: false, include: ["reasoning.encrypted_content"] };

function user(...parts: JsonObject[]): JsonObject {
  return { messages: [{ role: "ROLE_USER", parts }] };
}

function tool(result: JsonObject, more: JsonObject = {}): JsonObject {
  return { messages: [{ role: "ROLE_TOOL", parts: [{ toolResult: { callId: "c", ...result }, ...more }] }] };
}

function options(fields: JsonObject): JsonObject {
  return { providerOptions: { house: fields, other: { metadata: { not: "this" } } } };
}

test("a request says where it goes and what it wants back", () => {
  const { body, ...rest } = encode({ prompt: {} });
  expect(rest).toEqual({
    path: "/responses",
    outsideDeployments: true,
    headers: { "content-type": "application/json", accept: "application/json" },
  });
  expect(JSON.parse(body)).toEqual({ ...usual, input: [HELLO_ITEM] });
  const stream = encode({ prompt: {}, delivery: "stream" });
  expect(stream.headers.accept).toBe("text/event-stream");
  expect(JSON.parse(stream.body)).toEqual({ ...usual, input: [HELLO_ITEM], stream: true });
});

const schema = { type: "object", properties: { q: { type: "string" } } };
const schemaJson = JSON.stringify(schema);

/** Fields beside the messages: what is asked, and what it adds to the usual body. */
const fields: readonly [name: string, prompt: JsonObject, added: object][] = [
  [
    "a tool, flat",
    { tools: [{ name: "find", description: "Finds.", parametersJsonSchema: schemaJson, strict: true }] },
    { tools: [{ type: "function", name: "find", description: "Finds.", parameters: schema, strict: true }] },
  ],
  [
    "a tool without arguments, with a schema that is strict",
    { tools: [{ name: "now" }] },
    {
      tools: [
        {
          type: "function",
          name: "now",
          parameters: { type: "object", properties: {}, required: [], additionalProperties: false },
        },
      ],
    },
  ],
  ["the choice to call tools or not", { toolChoice: { mode: "TOOL_CHOICE_MODE_AUTO" } }, { tool_choice: "auto" }],
  ["the choice of no tool", { toolChoice: { mode: "TOOL_CHOICE_MODE_NONE" } }, { tool_choice: "none" }],
  ["the choice of some tool", { toolChoice: { mode: "TOOL_CHOICE_MODE_REQUIRED" } }, { tool_choice: "required" }],
  ["the choice of one tool", { toolChoice: { toolName: "find" } }, { tool_choice: { type: "function", name: "find" } }],
  ["one call at a time", { parallelToolCalls: false }, { parallel_tool_calls: false }],
  ["a limit of the answer", { maxOutputTokens: 64 }, { max_output_tokens: 64 }],
  ["sampling", { temperature: 0.5, topP: 0.9 }, { temperature: 0.5, top_p: 0.9 }],
  ["text as the form of the answer", { responseFormat: { text: {} } }, {}],
  ["JSON as its form", { responseFormat: { jsonObject: {} } }, { text: { format: { type: "json_object" } } }],
  [
    "a schema as its form",
    { responseFormat: { jsonSchema: { name: "found", description: "What.", schemaJson, strict: true } } },
    { text: { format: { type: "json_schema", name: "found", description: "What.", schema, strict: true } } },
  ],
  [
    "a schema without a name",
    { responseFormat: { jsonSchema: { schemaJson } } },
    { text: { format: { type: "json_schema", name: "response", schema } } },
  ],
  ["no reasoning", { reasoning: { effort: "REASONING_EFFORT_NONE" } }, { reasoning: { effort: "none" } }],
  ["much reasoning", { reasoning: { effort: "REASONING_EFFORT_XHIGH" } }, { reasoning: { effort: "xhigh" } }],
  ["log probabilities", { logprobs: {} }, { include: ["reasoning.encrypted_content", "message.output_text.logprobs"] }],
  [
    "log probabilities with others",
    { logprobs: { top: 3 } },
    { include: ["reasoning.encrypted_content", "message.output_text.logprobs"], top_logprobs: 3 },
  ],
  ["the provider's own fields", options({ metadata: { a: "b" } }), { metadata: { a: "b" } }],
  ["a wish to store", options({ store: true }), { store: true }],
  [
    "a wish for hosted tools beside the prompt's own",
    { ...options({ tools: [{ type: "web_search" }] }), tools: [{ name: "find", parametersJsonSchema: schemaJson }] },
    { tools: [{ type: "function", name: "find", parameters: schema }, { type: "web_search" }] },
  ],
  [
    "a wish for summaries beside an effort",
    { ...options({ reasoning: { summary: "auto" } }), reasoning: { effort: "REASONING_EFFORT_LOW" } },
    { reasoning: { effort: "low", summary: "auto" } },
  ],
  [
    "a wish for verbosity beside a form",
    { ...options({ text: { verbosity: "low" } }), responseFormat: { jsonObject: {} } },
    { text: { format: { type: "json_object" }, verbosity: "low" } },
  ],
  ["a wish for verbosity alone", options({ text: { verbosity: "low" } }), { text: { verbosity: "low" } }],
  [
    "another list of what to include, with what the prompt needs",
    { ...options({ include: ["web_search_call.results"] }), logprobs: {} },
    { include: ["web_search_call.results", "message.output_text.logprobs"] },
  ],
  ["nothing to include", options({ include: [] }), { include: undefined }],
];

test.each(fields)("%s is written", (_, prompt, added) => {
  expect(bodyOf({ prompt })).toEqual({ ...usual, input: [HELLO_ITEM], ...added });
});

/** Messages, and the items that they become. */
const inputs: readonly [name: string, prompt: JsonObject, input: object[], preset?: string][] = [
  [
    "instructions, where they are",
    {
      messages: [
        { role: "ROLE_SYSTEM", parts: [{ text: "Be brief." }] },
        HELLO,
        { role: "ROLE_SYSTEM", parts: [{ text: "Be" }, { text: "polite." }] },
      ],
    },
    [
      { role: "system", content: "Be brief." },
      HELLO_ITEM,
      {
        role: "system",
        content: [
          { type: "input_text", text: "Be" },
          { type: "input_text", text: "polite." },
        ],
      },
    ],
  ],
  [
    "pictures by bytes and address",
    user(
      { text: "Look" },
      { image: { data: DATA, mimeType: "image/png", detail: "IMAGE_DETAIL_LOW" } },
      { image: { uri: "https://a.example/b.jpg" } },
    ),
    [
      {
        role: "user",
        content: [
          { type: "input_text", text: "Look" },
          { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "low" },
          { type: "input_image", image_url: "https://a.example/b.jpg", detail: "auto" },
        ],
      },
    ],
  ],
  [
    "documents by bytes, address and id",
    user(
      { file: { data: DATA, mimeType: "application/pdf", filename: "a.pdf" } },
      { file: { data: DATA, mimeType: "application/pdf" } },
      { file: { uri: "https://a.example/a.pdf" } },
      { file: { providerFileId: "file-1" } },
    ),
    [
      {
        role: "user",
        content: [
          { type: "input_file", filename: "a.pdf", file_data: "data:application/pdf;base64,aGk=" },
          { type: "input_file", filename: "file", file_data: "data:application/pdf;base64,aGk=" },
          { type: "input_file", file_url: "https://a.example/a.pdf" },
          { type: "input_file", file_id: "file-1" },
        ],
      },
    ],
  ],
  [
    "sound, for servers that may take it",
    user({ audio: { data: DATA, mimeType: "audio/wav" } }),
    [{ role: "user", content: [{ type: "input_audio", input_audio: { data: DATA, format: "wav" } }] }],
    "none",
  ],
  [
    "an earlier answer without state, or with another dialect's",
    {
      messages: [
        {
          role: "ROLE_ASSISTANT",
          parts: [
            { reasoning: { text: "Hm." }, providerState: { dialect: "anthropic", data: "signed" } },
            { text: "Let me see.", providerState: { dialect: "gemini", data: "signed" } },
            { toolCall: { callId: "c1", name: "find", argumentsJson: '{"q":1}' } },
            { toolCall: { callId: "c2", name: "now" } },
          ],
        },
      ],
    },
    [
      { role: "assistant", content: "Let me see." },
      { type: "function_call", call_id: "c1", name: "find", arguments: '{"q":1}' },
      { type: "function_call", call_id: "c2", name: "now", arguments: "{}" },
    ],
  ],
  [
    "a result that is text",
    tool({ parts: [{ text: "4" }] }),
    [{ type: "function_call_output", call_id: "c", output: "4" }],
  ],
  ["a result that is nothing", tool({}), [{ type: "function_call_output", call_id: "c", output: "" }]],
  [
    "a result with a picture",
    tool({ parts: [{ text: "Here:" }, { image: { data: DATA, mimeType: "image/png" } }] }),
    [
      {
        type: "function_call_output",
        call_id: "c",
        output: [
          { type: "input_text", text: "Here:" },
          { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "auto" },
        ],
      },
    ],
  ],
  [
    "a result of several texts, for a server that takes one",
    tool({ parts: [{ text: "a" }, { text: "b" }] }),
    [{ type: "function_call_output", call_id: "c", output: "a\nb" }],
    "xai-responses",
  ],
];

test.each(inputs)("%s becomes input", (_, prompt, input, preset) => {
  expect(bodyOf({ prompt, preset: preset ?? "openai-responses" })).toEqual({ ...usual, input });
});

describe("models differ in what they take", () => {
  test.each([
    ["openai-responses", "gpt-5", true],
    ["openai-responses", "o3-mini", true],
    ["openai-responses", "gpt-4o-mini", false],
    ["openai-responses", "gpt-4.1", false],
    ["openai-responses", "ft:gpt-4o:house", false],
    ["openai-responses", "gpt-5-chat-latest", false],
    ["azure-openai-responses", "my-deployment", true],
    ["xai-responses", "grok-4.3", true],
    ["none", "openai/gpt-4o", false],
    ["none", "openai.gpt-oss-20b", false],
    ["none", "house-model", true],
  ])("%s asks for %s's encrypted reasoning: %s", (preset, model, asks) => {
    expect(bodyOf({ prompt: {}, preset, model })).toEqual({
      model,
      store: false,
      input: [HELLO_ITEM],
      ...(asks ? { include: ["reasoning.encrypted_content"] } : {}),
    });
  });

  const mark = { prompt_cache_breakpoint: { mode: "explicit" } };

  test.each([
    ["openai-responses", "gpt-5.6-sol", mark],
    ["openai-responses", "gpt-6", mark],
    ["openai-responses", "gpt-5", {}],
    ["openai-responses", "gpt-4.1", {}],
    ["none", "openai/gpt-5.6-sol", mark],
    ["none", "gpt-oss-120b", {}],
  ])("%s marks what is worth caching for %s", (preset, model, marked) => {
    const cacheBreakpoint = {};
    const prompt = {
      messages: [
        { role: "ROLE_USER", parts: [{ text: "Long", cacheBreakpoint }, { text: "short" }] },
        ...(tool({ parts: [{ text: "a" }, { text: "b" }] }, { cacheBreakpoint }).messages as JsonObject[]),
      ],
    };
    expect(bodyOf({ prompt, preset, model })).toMatchObject({
      input: [
        {
          role: "user",
          content: [
            { type: "input_text", text: "Long", ...marked },
            { type: "input_text", text: "short" },
          ],
        },
        {
          type: "function_call_output",
          output: [
            { type: "input_text", text: "a" },
            { type: "input_text", text: "b", ...marked },
          ],
        },
      ],
    });
    expect(JSON.stringify(bodyOf({ prompt, preset, model })).split("prompt_cache_breakpoint").length - 1).toBe(
      marked === mark ? 2 : 0,
    );
  });

  test("xAI wants a field for log probabilities", () => {
    expect(bodyOf({ prompt: { logprobs: { top: 2 } }, preset: "xai-responses", model: "grok-4.3" })).toEqual({
      ...usual,
      model: "grok-4.3",
      input: [HELLO_ITEM],
      logprobs: true,
      top_logprobs: 2,
    });
  });
});

/** What the wire cannot say, and the field that is named. */
const refused: readonly [field: string, prompt: JsonObject, preset?: string][] = [
  ["prompt.top_k", { topK: 3 }],
  ["prompt.stop_sequences", { stopSequences: ["x"] }],
  ["prompt.seed", { seed: "1" }],
  ["prompt.frequency_penalty", { frequencyPenalty: 1 }],
  ["prompt.presence_penalty", { presencePenalty: 1 }],
  ["prompt.reasoning.budget_tokens", { reasoning: { budgetTokens: 100 } }],
  ["prompt.messages[0].parts[0].audio", user({ audio: { data: DATA, mimeType: "audio/wav" } })],
  ["prompt.messages[0].parts[0].audio.uri", user({ audio: { uri: "https://a.example/a.wav" } }), "none"],
  ["prompt.messages[0].parts[0].audio.mime_type", user({ audio: { data: DATA, mimeType: "audio/ogg" } }), "none"],
  ["prompt.messages[0].parts[0].file.data", user({ file: { data: DATA, mimeType: "text/csv" } }), "xai-responses"],
  ["prompt.messages[0].parts[0].tool_call", user({ toolCall: { callId: "c", name: "n" } })],
  [
    "prompt.messages[0].parts[0].image",
    { messages: [{ role: "ROLE_ASSISTANT", parts: [{ image: { data: DATA, mimeType: "image/png" } }] }] },
  ],
  [
    "prompt.messages[0].parts[0].tool_result.parts[1].image",
    tool({ parts: [{ text: "Here:" }, { image: { data: DATA, mimeType: "image/png" } }] }),
    "xai-responses",
  ],
];

test.each(refused)("%s is refused, not dropped", (field, prompt, preset) => {
  expect(thrownBy({ prompt, preset: preset ?? "openai-responses" })).toEqual({
    reason: ErrorReason.FEATURE_UNSUPPORTED,
    field,
  });
});

const wrong: readonly [field: string, prompt: JsonObject][] = [
  ["prompt.tools[0].parameters_json_schema", { tools: [{ name: "a", parametersJsonSchema: "[]" }] }],
  ["prompt.response_format.json_schema.schema_json", { responseFormat: { jsonSchema: { schemaJson: "{]" } } }],
  ['prompt.provider_options["house"].model', options({ model: "other" })],
  ['prompt.provider_options["house"].input', options({ input: [] })],
  ['prompt.provider_options["house"].background', options({ background: true })],
  ['prompt.provider_options["house"].temperature', { ...options({ temperature: 1 }), temperature: 0 }],
  ['prompt.provider_options["house"].tools', options({ tools: { type: "web_search" } })],
  ['prompt.provider_options["house"].include', options({ include: "all" })],
  [
    'prompt.provider_options["house"].text.format',
    { ...options({ text: { format: { type: "text" } } }), responseFormat: { jsonObject: {} } },
  ],
  [
    'prompt.provider_options["house"].reasoning',
    { ...options({ reasoning: "low" }), reasoning: { effort: "REASONING_EFFORT_LOW" } },
  ],
];

test("a picture goes back as the item that it was, with its bytes", () => {
  const item = { type: "image_generation_call", id: "ig_1", status: "completed" };
  const image = { data: DATA, mimeType: "image/png" };
  const given = (state: JsonObject): JsonObject => {
    const providerState = { dialect: "openai-responses", id: "ig_1", data: JSON.stringify(state) };
    return { messages: [{ role: "ROLE_ASSISTANT", parts: [{ image, providerState }] }] };
  };
  expect(bodyOf({ prompt: given(item) })).toMatchObject({ input: [{ ...item, result: DATA }] });
  expect(thrownBy({ prompt: given({ type: "item_reference", id: "msg_of_others" }) })).toEqual({
    reason: ErrorReason.FEATURE_UNSUPPORTED,
    field: "prompt.messages[0].parts[0].image",
  });
});

test.each(wrong)("%s is wrong, and is said to be", (field, prompt) => {
  expect(thrownBy({ prompt })).toEqual({ reason: ErrorReason.INVALID_REQUEST, field });
});

function thrownBy(asked: Asked): unknown {
  try {
    return encode(asked).body;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { reason: error.reason, field: error.violations[0]?.field };
  }
}

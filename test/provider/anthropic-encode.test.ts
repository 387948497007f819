import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import type { PartSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { ImageDetail, ReasoningEffort, Role, ToolChoiceMode } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { reasonName } from "../../src/domain/reasons.ts";
import { anthropicFor } from "../../src/provider/anthropic/index.ts";

type Plain<T> = Exclude<T, { readonly $typeName: string }>;
type Init = Plain<MessageInitShape<typeof PromptSchema>>;
type Messages = NonNullable<Init["messages"]>;
type Part = Plain<MessageInitShape<typeof PartSchema>>;
type Parts = Part[];

/** A family each, by what it can do. */
const HAIKU_3 = "claude-3-haiku-20240307";
const SONNET_4 = "claude-sonnet-4-20250514";
const SONNET_45 = "claude-sonnet-4-5";
const OPUS_46 = "claude-opus-4-6";
const SONNET_5 = "claude-sonnet-5";
const OPUS_5 = "claude-opus-5";
const OPUS_55 = "claude-opus-5-5";
const SONNET_55 = "claude-sonnet-5-5";

const text = (value: string) => ({ content: { case: "text" as const, value } });
const hello: Messages = [{ role: Role.USER, parts: [text("Hello")] }];
const PNG = new Uint8Array([1, 2, 3]);

function encode(init: Init, model = SONNET_45, preset?: string, delivery: "unary" | "stream" = "unary") {
  const prompt = create(PromptSchema, { messages: hello, ...init });
  const { body, ...request } = anthropicFor(preset).encode(prompt, { provider: "claude", model }, delivery);
  return { ...request, body: JSON.parse(body) as Record<string, unknown> };
}

/** The body without what every request here has. */
function fieldsOf(init: Init, model?: string, preset?: string) {
  const {
    model: _model,
    max_tokens: _limit,
    messages: _messages,
    ...fields
  } = encode({ maxOutputTokens: 20_000, ...init }, model, preset).body;
  return fields;
}

function messagesOf(messages: Messages, model?: string, preset?: string) {
  return encode({ messages }, model, preset).body.messages;
}

/** The field that an encoder refuses, and why. */
function refusal(init: Init, model?: string, preset?: string) {
  try {
    encode(init, model, preset);
    return "written";
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [reasonName(error.reason), ...error.violations.map(({ field }) => field)].join(" ");
  }
}

describe("the request", () => {
  test("is a message of the API's version, with its model and a limit", () => {
    expect(encode({})).toEqual({
      path: "/v1/messages",
      headers: { "content-type": "application/json", accept: "application/json", "anthropic-version": "2023-06-01" },
      body: { model: SONNET_45, max_tokens: 64_000, messages: [{ role: "user", content: "Hello" }] },
    });
  });

  test("says that it wants a stream", () => {
    const { headers, body } = encode({}, SONNET_45, undefined, "stream");
    expect([headers.accept, body.stream]).toEqual(["text/event-stream", true]);
  });

  test("goes to Vertex AI without model and version header", () => {
    const whole = encode({}, "claude-haiku-4-5@20251001", "vertex-anthropic");
    expect(whole).toEqual({
      path: "/publishers/anthropic/models/claude-haiku-4-5@20251001:rawPredict",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: {
        anthropic_version: "vertex-2023-10-16",
        max_tokens: 64_000,
        messages: [{ role: "user", content: "Hello" }],
      },
    });
    const stream = encode({}, "claude-opus-5", "vertex-anthropic", "stream");
    expect(stream.path).toBe("/publishers/anthropic/models/claude-opus-5:streamRawPredict");
    expect(stream.body.stream).toBe(true);
  });

  test.each([
    [HAIKU_3, 4096],
    ["claude-3-5-sonnet-20241022", 8192],
    ["claude-3-7-sonnet-latest", 64_000],
    ["claude-opus-4-1-20250805", 32_000],
    ["us.anthropic.claude-opus-4-20250514-v1:0", 32_000],
    [SONNET_4, 64_000],
    ["anthropic/claude-haiku-4.5", 64_000],
    [OPUS_46, 128_000],
    ["claude-haiku-5-5", 128_000],
    ["claude-epos-7", 64_000],
    ["kimi-k3", 8192],
  ])("limits %s to its own %i tokens where the caller sets no limit", (model, tokens) => {
    expect(encode({}, model).body.max_tokens).toBe(tokens);
    expect(encode({ maxOutputTokens: 7 }, model).body.max_tokens).toBe(7);
  });

  test("has the fields of the wire's own names", () => {
    expect(fieldsOf({ temperature: 0.5, topP: 0.9, topK: 4, stopSequences: ["END"] }, SONNET_4)).toEqual({
      temperature: 0.5,
      top_p: 0.9,
      top_k: 4,
      stop_sequences: ["END"],
    });
  });

  test.each<[string, string, Init]>([
    ["prompt.seed", SONNET_45, { seed: 1n }],
    ["prompt.frequency_penalty", SONNET_45, { frequencyPenalty: 1 }],
    ["prompt.presence_penalty", SONNET_45, { presencePenalty: 1 }],
    ["prompt.logprobs", SONNET_45, { logprobs: {} }],
    ["prompt.temperature", SONNET_45, { temperature: 1.5 }],
    ["prompt.top_p", SONNET_45, { temperature: 1, topP: 1 }],
    ["prompt.temperature", SONNET_5, { temperature: 1 }],
    ["prompt.top_p", OPUS_5, { topP: 1 }],
    ["prompt.top_k", OPUS_55, { topK: 1 }],
  ])("refuses %s for %s", (field, model, init) => {
    expect(refusal(init, model)).toBe(`FEATURE_UNSUPPORTED ${field}`);
  });

  test("takes more fields from the options of its provider, and of no other", () => {
    const providerOptions = { claude: { metadata: { user_id: "u" } }, other: { metadata: 1 } };
    expect(fieldsOf({ providerOptions })).toEqual({ metadata: { user_id: "u" } });
  });

  test.each(["model", "messages", "system", "stream", "max_tokens", "anthropic_version"])(
    "lets no option write %s",
    (name) => {
      const providerOptions = { claude: { [name]: 1 } };
      expect(refusal({ providerOptions })).toBe(`INVALID_REQUEST prompt.provider_options["claude"].${name}`);
    },
  );

  test("puts the names of beta features to where the platform wants them", () => {
    const providerOptions = { claude: { anthropic_beta: ["compact-2026-01-12", "files-api-2025-04-14"] } };
    const { headers, body } = encode({ providerOptions });
    expect([headers["anthropic-beta"], body.anthropic_beta]).toEqual([
      "compact-2026-01-12,files-api-2025-04-14",
      undefined,
    ]);
    const vertex = encode({ providerOptions }, SONNET_45, "vertex-anthropic");
    expect([vertex.headers["anthropic-beta"], vertex.body.anthropic_beta]).toEqual([
      undefined,
      ["compact-2026-01-12", "files-api-2025-04-14"],
    ]);
  });

  test.each(["x", ["a\r\nx-api-key: b"], [1]])("takes %j for no names of beta features", (names) => {
    const providerOptions = { claude: { anthropic_beta: names } };
    expect(refusal({ providerOptions })).toBe('INVALID_REQUEST prompt.provider_options["claude"].anthropic_beta');
  });
});

describe("messages", () => {
  test("of the system stand apart at the beginning", () => {
    const messages: Messages = [
      { role: Role.SYSTEM, parts: [text("Be brief.")] },
      { role: Role.SYSTEM, parts: [text("Be kind."), { ...text("Be exact."), cacheBreakpoint: {} }] },
      ...hello,
    ];
    expect(encode({ messages }).body.system).toEqual([
      { type: "text", text: "Be brief." },
      { type: "text", text: "Be kind." },
      { type: "text", text: "Be exact.", cache_control: { type: "ephemeral" } },
    ]);
    expect(encode({ messages: [{ role: Role.SYSTEM, parts: [text("Be brief.")] }, ...hello] }).body.system).toBe(
      "Be brief.",
    );
  });

  const late: Messages = [...hello, { role: Role.SYSTEM, parts: [text("Be brief.")] }];

  test("of the system come later where the model takes them there", () => {
    expect(messagesOf(late, OPUS_5)).toEqual([
      { role: "user", content: "Hello" },
      { role: "system", content: "Be brief." },
    ]);
    const answered: Messages = [...late, { role: Role.ASSISTANT, parts: [text("Hi")] }, ...hello];
    expect(messagesOf(answered, OPUS_5)).toHaveLength(4);
  });

  test.each<[string, Messages, string, number]>([
    ["where the model does not take them there", late, SONNET_5, 1],
    ["between a question and another", [...late, ...hello], OPUS_5, 1],
    ["after an answer", [...hello, { role: Role.ASSISTANT, parts: [text("Hi")] }, ...late.slice(1)], OPUS_5, 2],
  ])("of the system are refused %s", (_, messages, model, at) => {
    expect(refusal({ messages }, model)).toBe(`FEATURE_UNSUPPORTED prompt.messages[${at}].role`);
  });

  test("of one role in a row are one message", () => {
    const messages: Messages = [
      ...hello,
      { role: Role.ASSISTANT, parts: [toolCall("c1", '{"n":1}'), toolCall("c2", "")] },
      { role: Role.TOOL, parts: [toolResult("c1", [text("one")])] },
      { role: Role.TOOL, parts: [toolResult("c2", [], true)] },
      { role: Role.USER, parts: [text("And?")] },
    ];
    expect(messagesOf(messages)).toEqual([
      { role: "user", content: "Hello" },
      {
        role: "assistant",
        content: [
          { type: "tool_use", id: "c1", name: "look", input: { n: 1 } },
          { type: "tool_use", id: "c2", name: "look", input: {} },
        ],
      },
      {
        role: "user",
        content: [
          { type: "tool_result", tool_use_id: "c1", content: "one" },
          { type: "tool_result", tool_use_id: "c2", is_error: true },
          { type: "text", text: "And?" },
        ],
      },
    ]);
  });

  test("hold pictures and documents, also in results of tools", () => {
    const image = { content: { case: "image" as const, value: { mimeType: "image/png", source: bytes(PNG) } } };
    const pdf = file({ mimeType: "application/pdf", filename: "a.pdf", source: bytes(PNG) });
    const parts: Parts = [
      image,
      { content: { case: "image", value: { source: { case: "uri", value: "https://example.com/a.png" } } } },
      pdf,
      file({ mimeType: "text/markdown", source: bytes(new TextEncoder().encode("# Ä")) }),
      file({ source: { case: "uri", value: "https://example.com/a.pdf" } }),
      file({ source: { case: "uri", value: "data:application/pdf;base64,AQID" } }),
    ];
    const base64 = { type: "base64", media_type: "image/png", data: "AQID" };
    expect(messagesOf([{ role: Role.USER, parts }])).toEqual([
      {
        role: "user",
        content: [
          { type: "image", source: base64 },
          { type: "image", source: { type: "url", url: "https://example.com/a.png" } },
          { type: "document", source: { ...base64, media_type: "application/pdf" }, title: "a.pdf" },
          { type: "document", source: { type: "text", media_type: "text/plain", data: "# Ä" } },
          { type: "document", source: { type: "url", url: "https://example.com/a.pdf" } },
          { type: "document", source: { ...base64, media_type: "application/pdf" } },
        ],
      },
    ]);
    expect(messagesOf([{ role: Role.TOOL, parts: [toolResult("c", [text("See:"), image])] }])).toEqual([
      {
        role: "user",
        content: [
          {
            type: "tool_result",
            tool_use_id: "c",
            content: [
              { type: "text", text: "See:" },
              { type: "image", source: base64 },
            ],
          },
        ],
      },
    ]);
  });

  test("name uploaded files by their ids, with the feature that this needs", () => {
    const parts = [
      file({ source: { case: "providerFileId", value: "f1" } }),
      file({ mimeType: "image/png", source: { case: "providerFileId", value: "f2" } }),
    ];
    const { headers, body } = encode({ messages: [{ role: Role.USER, parts }] });
    expect(headers["anthropic-beta"]).toBe("files-api-2025-04-14");
    expect(body.messages).toEqual([
      {
        role: "user",
        content: [
          { type: "document", source: { type: "file", file_id: "f1" } },
          { type: "image", source: { type: "file", file_id: "f2" } },
        ],
      },
    ]);
  });

  test.each<[string, Part, string, string?]>([
    ["sound", { content: { case: "audio", value: { source: bytes(PNG) } } }, "audio"],
    [
      "a picture's detail",
      { content: { case: "image", value: { detail: ImageDetail.LOW, source: bytes(PNG) } } },
      "image.detail",
    ],
    ["a document of another type", file({ mimeType: "application/zip", source: bytes(PNG) }), "file.mime_type"],
    [
      "addresses on Vertex AI",
      { content: { case: "image", value: { source: { case: "uri", value: "https://a/b.png" } } } },
      "image.uri",
      "vertex-anthropic",
    ],
    [
      "uploaded files on Vertex AI",
      file({ source: { case: "providerFileId", value: "f" } }),
      "file.provider_file_id",
      "vertex-anthropic",
    ],
    ["a tool's result of the user", toolResult("c", []), "tool_result"],
  ])("refuse %s", (_, part, field, preset) => {
    const messages: Messages = [{ role: Role.USER, parts: [part] }];
    expect(refusal({ messages }, SONNET_45, preset)).toBe(`FEATURE_UNSUPPORTED prompt.messages[0].parts[0].${field}`);
  });

  test("refuse arguments that are no object", () => {
    const messages: Messages = [...hello, { role: Role.ASSISTANT, parts: [toolCall("c", '{"n":')] }];
    expect(refusal({ messages })).toBe("INVALID_REQUEST prompt.messages[1].parts[0].tool_call.arguments_json");
  });

  test("keep the digits of numbers in arguments", () => {
    const args = '{"id":12345678901234567890,"n":1.5}';
    const prompt = create(PromptSchema, {
      messages: [...hello, { role: Role.ASSISTANT, parts: [toolCall("c", args)] }],
    });
    const { body } = anthropicFor(undefined).encode(prompt, { provider: "claude", model: SONNET_45 }, "unary");
    expect(body).toContain(`"input":${args}`);
  });

  test("give ids of other providers a form that the API takes, the same in call and result", () => {
    const messages: Messages = [
      { role: Role.ASSISTANT, parts: [toolCall("functions.look:0", "")] },
      { role: Role.TOOL, parts: [toolResult("functions.look:0", [])] },
    ];
    expect(messagesOf(messages)).toEqual([
      {
        role: "assistant",
        content: [{ type: "tool_use", id: "ec0002042636dd8aa1e59e55d3639f7e", name: "look", input: {} }],
      },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "ec0002042636dd8aa1e59e55d3639f7e" }] },
    ]);
  });
});

describe("earlier answers", () => {
  function answer(...parts: Parts) {
    const messages = messagesOf([...hello, { role: Role.ASSISTANT, parts }]) as { content: unknown }[];
    return messages[1]?.content;
  }
  const reasoning = (value: string, data: string, dialect = "anthropic") => ({
    content: { case: "reasoning" as const, value: { text: value } },
    providerState: { dialect, data },
  });

  test("give thinking back with its signature, and hidden thinking as it was", () => {
    const thought = reasoning("Hm.", '{"type":"thinking","signature":"s1"}');
    const hidden = reasoning("", '{"type":"redacted_thinking","data":"d1"}');
    expect(answer(thought, hidden, text("Yes."))).toEqual([
      { type: "thinking", thinking: "Hm.", signature: "s1" },
      { type: "redacted_thinking", data: "d1" },
      { type: "text", text: "Yes." },
    ]);
  });

  test("leave out the thinking of other dialects, which no signature vouches for, and empty texts", () => {
    const plain = { content: { case: "reasoning" as const, value: { text: "Hm." } } };
    expect(answer(reasoning("Hm.", "opaque", "openai-responses"), plain, text(""), text("Yes."))).toBe("Yes.");
  });

  test("that are empty are no message", () => {
    const messages: Messages = [...hello, { role: Role.ASSISTANT, parts: [text("")] }, ...hello];
    expect(messagesOf(messages)).toEqual([
      {
        role: "user",
        content: [
          { type: "text", text: "Hello" },
          { type: "text", text: "Hello" },
        ],
      },
    ]);
  });

  test("whose state was changed are refused", () => {
    const messages: Messages = [...hello, { role: Role.ASSISTANT, parts: [reasoning("Hm.", "{")] }];
    expect(refusal({ messages })).toBe("INVALID_REQUEST prompt.messages[1].parts[0].provider_state.data");
  });
});

describe("marks for the cache", () => {
  const marked = { ...text("Long."), cacheBreakpoint: {} };

  test("are at most four; the fifth is named", () => {
    const messages: Messages = [
      { role: Role.SYSTEM, parts: [marked] },
      { role: Role.USER, parts: [marked, marked, marked, marked] },
    ];
    expect(refusal({ messages })).toBe("FEATURE_UNSUPPORTED prompt.messages[1].parts[3].cache_breakpoint");
    expect(refusal({ messages: messages.slice(1) })).toBe("written");
  });

  test("stand at pictures, calls and results, but not at thinking", () => {
    const messages: Messages = [
      { role: Role.ASSISTANT, parts: [{ ...toolCall("c", ""), cacheBreakpoint: {} }] },
      { role: Role.TOOL, parts: [{ ...toolResult("c", []), cacheBreakpoint: {} }] },
    ];
    const cache_control = { type: "ephemeral" };
    expect(messagesOf(messages)).toEqual([
      { role: "assistant", content: [{ type: "tool_use", id: "c", name: "look", input: {}, cache_control }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "c", cache_control }] },
    ]);
    const thought = { content: { case: "reasoning" as const, value: { text: "Hm." } }, cacheBreakpoint: {} };
    expect(refusal({ messages: [{ role: Role.ASSISTANT, parts: [thought] }] })).toBe(
      "FEATURE_UNSUPPORTED prompt.messages[0].parts[0].cache_breakpoint",
    );
  });
});

const look = {
  name: "look",
  description: "Looks.",
  parametersJsonSchema: '{"type":"object","properties":{"b":{},"a":{}}}',
};
const choose = (value: ToolChoiceMode) => ({ choice: { case: "mode" as const, value } });
const chooseLook = { choice: { case: "toolName" as const, value: "look" } };

describe("tools", () => {
  test("are written with their schemas, in the order of their keys", () => {
    const { body } = encode({ tools: [look, { name: "now", strict: true }] });
    expect(JSON.stringify(body.tools)).toBe(
      JSON.stringify([
        { name: "look", description: "Looks.", input_schema: { type: "object", properties: { b: {}, a: {} } } },
        { name: "now", input_schema: { type: "object", properties: {} }, strict: true },
      ]),
    );
  });

  test.each<[Init, unknown]>([
    [{ toolChoice: choose(ToolChoiceMode.AUTO) }, { type: "auto" }],
    [{ toolChoice: choose(ToolChoiceMode.NONE), parallelToolCalls: false }, { type: "none" }],
    [{ toolChoice: choose(ToolChoiceMode.REQUIRED) }, { type: "any" }],
    [
      { toolChoice: chooseLook, parallelToolCalls: false },
      { type: "tool", name: "look", disable_parallel_tool_use: true },
    ],
    [{ parallelToolCalls: false }, { type: "auto", disable_parallel_tool_use: true }],
    [{ parallelToolCalls: true }, { type: "auto", disable_parallel_tool_use: false }],
    [{}, undefined],
  ])("are chosen by %j", (init, choice) => {
    expect(encode({ tools: [look], ...init }).body.tool_choice).toEqual(choice);
  });

  test("of the provider stand behind the caller's", () => {
    const hosted = { type: "web_search_20250305", name: "web_search" };
    const providerOptions = { claude: { tools: [hosted] } };
    expect(encode({ providerOptions }).body.tools).toEqual([hosted]);
    expect(encode({ tools: [{ name: "now" }], providerOptions }).body.tools).toEqual([
      { name: "now", input_schema: { type: "object", properties: {} } },
      hosted,
    ]);
  });

  test.each<[Init, string, string]>([
    [{ tools: [{ name: "now", strict: true }] }, SONNET_4, "FEATURE_UNSUPPORTED prompt.tools[0].strict"],
    [{ tools: [{ name: "sluice_json_response" }] }, SONNET_4, "INVALID_REQUEST prompt.tools[0].name"],
    [
      { tools: [{ name: "a", parametersJsonSchema: "[]" }] },
      SONNET_4,
      "INVALID_REQUEST prompt.tools[0].parameters_json_schema",
    ],
    [{ tools: [look], toolChoice: chooseLook }, OPUS_55, "FEATURE_UNSUPPORTED prompt.tool_choice.tool_name"],
    [
      { tools: [look], toolChoice: choose(ToolChoiceMode.REQUIRED) },
      SONNET_55,
      "FEATURE_UNSUPPORTED prompt.tool_choice.mode",
    ],
    [
      { tools: [look], toolChoice: chooseLook, reasoning: budget(2000) },
      SONNET_4,
      "FEATURE_UNSUPPORTED prompt.tool_choice.tool_name",
    ],
  ])("%j of %s are refused", (init, model, expected) => {
    expect(refusal(init, model)).toBe(expected);
  });
});

describe("the answer's form", () => {
  const schema = { type: "object", properties: { n: { type: "integer" } } };
  const form = (more: object = {}): Init => ({
    responseFormat: { format: { case: "jsonSchema", value: { schemaJson: JSON.stringify(schema), ...more } } },
  });
  const object: Init = { responseFormat: { format: { case: "jsonObject", value: {} } } };
  const tool = { name: "sluice_json_response", description: "Answer in this form.", input_schema: schema };
  const forced = { type: "tool", name: "sluice_json_response", disable_parallel_tool_use: true };

  test("follows a schema by the API's own means where it has them", () => {
    expect(fieldsOf(form())).toEqual({ output_config: { format: { type: "json_schema", schema } } });
    expect(fieldsOf(form({ name: "Count", description: "How many.", strict: true }), OPUS_55)).toEqual({
      output_config: {
        format: { type: "json_schema", schema: { ...schema, description: "How many." } },
      },
    });
  });

  test("follows a schema through a tool elsewhere, or where it need not be held to it", () => {
    expect(fieldsOf(form(), SONNET_4)).toEqual({ tools: [tool], tool_choice: forced });
    expect(fieldsOf(form({ strict: false }))).toEqual({ tools: [tool], tool_choice: forced });
    expect(fieldsOf(form({ strict: false }), OPUS_55)).toEqual({
      output_config: { format: { type: "json_schema", schema } },
    });
  });

  test("is any object through a tool", () => {
    expect(fieldsOf(object)).toEqual({
      tools: [{ ...tool, description: "Answer with a JSON object.", input_schema: { type: "object" } }],
      tool_choice: forced,
    });
  });

  test("is one tool beside the caller's, of which one is called", () => {
    const own = { name: "now", input_schema: { type: "object", properties: {} } };
    expect(fieldsOf({ ...form(), tools: [{ name: "now" }] }, SONNET_4)).toEqual({
      tools: [own, tool],
      tool_choice: { type: "any", disable_parallel_tool_use: true },
    });
    const none = { ...form(), tools: [{ name: "now" }], toolChoice: choose(ToolChoiceMode.NONE) };
    expect(fieldsOf(none, SONNET_4).tool_choice).toEqual(forced);
  });

  test.each<[Init, string, string]>([
    [form({ strict: true }), SONNET_4, "FEATURE_UNSUPPORTED prompt.response_format.json_schema.strict"],
    [form({ schemaJson: "[]" }), SONNET_4, "INVALID_REQUEST prompt.response_format.json_schema.schema_json"],
    [object, OPUS_55, "FEATURE_UNSUPPORTED prompt.response_format.json_object"],
    [{ ...object, reasoning: budget(2000) }, SONNET_4, "FEATURE_UNSUPPORTED prompt.response_format.json_object"],
    [{ ...object, tools: [look], toolChoice: chooseLook }, SONNET_4, "FEATURE_UNSUPPORTED prompt.tool_choice"],
  ])("%j of %s is refused", (init, model, expected) => {
    expect(refusal(init, model)).toBe(expected);
  });
});

function budget(value: number): NonNullable<Init["reasoning"]> {
  return { amount: { case: "budgetTokens", value } };
}

describe("reasoning", () => {
  const effort = (value: ReasoningEffort): Init => ({ reasoning: { amount: { case: "effort", value } } });
  const { NONE, MINIMAL, LOW, MEDIUM, HIGH, XHIGH } = ReasoningEffort;
  const enabled = (budget_tokens: number) => ({ thinking: { type: "enabled", budget_tokens } });

  test.each<[Init, string, unknown]>([
    [effort(NONE), HAIKU_3, {}],
    [effort(NONE), SONNET_4, { thinking: { type: "disabled" } }],
    [effort(NONE), SONNET_5, { thinking: { type: "disabled" } }],
    [effort(NONE), SONNET_55, { thinking: { type: "between_tools" } }],
    [effort(MINIMAL), SONNET_4, enabled(1024)],
    [effort(MEDIUM), SONNET_45, enabled(10_000)],
    [effort(XHIGH), SONNET_45, enabled(10_000)],
    [{ ...effort(XHIGH), maxOutputTokens: 64_000 }, SONNET_45, enabled(32_000)],
    [{ ...effort(HIGH), maxOutputTokens: 1500 }, SONNET_45, enabled(1024)],
    [effort(LOW), OPUS_46, { thinking: { type: "adaptive" }, output_config: { effort: "low" } }],
    [effort(XHIGH), OPUS_46, { thinking: { type: "adaptive" }, output_config: { effort: "max" } }],
    [
      effort(XHIGH),
      OPUS_55,
      { thinking: { type: "adaptive", display: "summarized" }, output_config: { effort: "xhigh" } },
    ],
    [{ reasoning: budget(0) }, SONNET_4, { thinking: { type: "disabled" } }],
    [{ reasoning: budget(2000) }, SONNET_4, enabled(2000)],
    [{ reasoning: budget(2000) }, OPUS_46, enabled(2000)],
    [{ reasoning: budget(2000), temperature: 1 }, SONNET_4, { ...enabled(2000), temperature: 1 }],
    [{ reasoning: budget(2000), topP: 0.96 }, SONNET_4, { ...enabled(2000), top_p: 0.96 }],
  ])("%j of %s is asked for", (init, model, fields) => {
    // An answer of at most 20,000 tokens, unless another limit is given.
    expect(fieldsOf(init, model)).toEqual(fields);
  });

  test.each<[Init, string, string]>([
    [effort(LOW), HAIKU_3, "prompt.reasoning.effort"],
    [effort(NONE), OPUS_55, "prompt.reasoning.effort"],
    [{ ...effort(LOW), maxOutputTokens: 1024 }, SONNET_4, "prompt.reasoning.effort"],
    [{ reasoning: budget(0) }, "claude-fable-5-1", "prompt.reasoning.budget_tokens"],
    [{ reasoning: budget(2000) }, HAIKU_3, "prompt.reasoning.budget_tokens"],
    [{ reasoning: budget(2000) }, SONNET_5, "prompt.reasoning.budget_tokens"],
    [{ reasoning: budget(1000) }, SONNET_4, "prompt.reasoning.budget_tokens"],
    [{ reasoning: budget(2000), maxOutputTokens: 2000 }, SONNET_4, "prompt.reasoning.budget_tokens"],
    [{ reasoning: budget(2000), temperature: 0.5 }, SONNET_4, "prompt.temperature"],
    [{ reasoning: budget(2000), topP: 0.9 }, SONNET_4, "prompt.top_p"],
    [{ reasoning: budget(2000), topK: 1 }, SONNET_4, "prompt.top_k"],
  ])("%j of %s is refused", (init, model, field) => {
    expect(refusal(init, model)).toBe(`FEATURE_UNSUPPORTED ${field}`);
  });
});

function bytes(value: Uint8Array) {
  return { case: "data" as const, value: new Uint8Array(value) };
}

function file(value: object): Part {
  return { content: { case: "file", value } } as Part;
}

function toolCall(callId: string, argumentsJson: string): Part {
  return { content: { case: "toolCall", value: { callId, name: "look", argumentsJson } } };
}

function toolResult(callId: string, parts: object[], isError = false): Part {
  return { content: { case: "toolResult", value: { callId, name: "look", parts: parts as never[], isError } } };
}

/** Prompts as packages of each version of the specification take them. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { encode, optionsNameOf } from "../../src/provider/ai-sdk/encode.ts";
import type { Version } from "../../src/provider/ai-sdk/wire-types.ts";
import { prompt } from "../provider/encoding.ts";

const target = { provider: "house", model: "m" };

function encoded(json: JsonObject, version: Version = "v4", owner = "acme.chat") {
  const model = { version, provider: owner };
  return encode(prompt(json), target, model, optionsNameOf(model));
}

/** What the package gets, with the watched properties as plain ones. */
function options(json: JsonObject, version: Version = "v4", owner?: string): Readonly<Record<string, unknown>> {
  const { includeRawChunks: _, ...rest } = encoded(json, version, owner).options;
  return structuredClone(rest);
}

function content(parts: JsonObject[], version: Version = "v4", role = "ROLE_USER"): unknown {
  const [message] = options({ messages: [{ role, parts }] }, version).prompt as { content: unknown }[];
  return message?.content;
}

function refusalOf(json: JsonObject, version: Version = "v4") {
  try {
    encoded(json, version);
    return undefined;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [error.reason, ...error.violations.map(({ field }) => field)];
  }
}

const base64 = "AAECAw==";
const bytes = new Uint8Array([0, 1, 2, 3]);
const image = { image: { data: base64, mimeType: "image/png" } };
const pdf = { file: { data: base64, mimeType: "application/pdf", filename: "a.pdf" } };

describe("settings", () => {
  test("go to the fields of the specification, and no others are there", () => {
    const given = {
      maxOutputTokens: 50,
      temperature: 0.5,
      topP: 0.9,
      topK: 5,
      stopSequences: ["END"],
      seed: "7",
      frequencyPenalty: 0.1,
      presencePenalty: -0.1,
      reasoning: { effort: "REASONING_EFFORT_LOW" },
      toolChoice: { toolName: "weather" },
      tools: [{ name: "weather", description: "Tells it", parametersJsonSchema: '{"type":"object"}', strict: true }],
      responseFormat: { jsonSchema: { name: "city", description: "One", schemaJson: '{"type":"object"}' } },
    };
    expect(options(given)).toEqual({
      prompt: [{ role: "user", content: [{ type: "text", text: "Hello" }] }],
      maxOutputTokens: 50,
      temperature: 0.5,
      topP: 0.9,
      topK: 5,
      stopSequences: ["END"],
      seed: 7,
      frequencyPenalty: 0.1,
      presencePenalty: -0.1,
      reasoning: "low",
      toolChoice: { type: "tool", toolName: "weather" },
      tools: [
        { type: "function", name: "weather", description: "Tells it", inputSchema: { type: "object" }, strict: true },
      ],
      responseFormat: { type: "json", name: "city", description: "One", schema: { type: "object" } },
    });
    expect(options({})).toEqual({ prompt: [{ role: "user", content: [{ type: "text", text: "Hello" }] }] });
  });

  test.each([
    ["TOOL_CHOICE_MODE_AUTO", "auto"],
    ["TOOL_CHOICE_MODE_NONE", "none"],
    ["TOOL_CHOICE_MODE_REQUIRED", "required"],
  ])("say of tools %s as %s", (mode, type) => {
    expect(options({ toolChoice: { mode } }).toolChoice).toEqual({ type });
  });

  test("turn reasoning off by a budget of nothing", () => {
    expect(options({ reasoning: { budgetTokens: 0 } }).reasoning).toBe("none");
  });

  test("of the package's own go under its name, in the spelling of its version", () => {
    const given = { providerOptions: { house: { user: "u" }, other: { user: "x" } } };
    expect(options(given, "v4", "my-llm.chat").providerOptions).toEqual({ myLlm: { user: "u" } });
    expect(options(given, "v2", "my-llm.chat").providerOptions).toEqual({ "my-llm": { user: "u" } });
  });
});

describe("what the specification has no place for is refused by name", () => {
  const strictTool = { tools: [{ name: "f", strict: true }] };
  const effort = { reasoning: { effort: "REASONING_EFFORT_LOW" } };
  const strictSchema = { responseFormat: { jsonSchema: { schemaJson: "{}", strict: true } } };
  const user = (part: JsonObject): JsonObject => ({ messages: [{ role: "ROLE_USER", parts: [part] }] });
  const result = (fields: JsonObject): JsonObject => ({
    messages: [{ role: "ROLE_TOOL", parts: [{ toolResult: { callId: "t", name: "f", ...fields } }] }],
  });
  const picture = "prompt.messages[0].parts[0].tool_result.parts[0].image";
  test.each<[string, JsonObject, Version, string]>([
    ["logprobs", { logprobs: { top: 1 } }, "v4", "prompt.logprobs"],
    ["parallel calls", { parallelToolCalls: false }, "v4", "prompt.parallel_tool_calls"],
    ["a budget", { reasoning: { budgetTokens: 9 } }, "v4", "prompt.reasoning.budget_tokens"],
    ["an effort in version 3", effort, "v3", "prompt.reasoning.effort"],
    ["a strict tool in version 2", strictTool, "v2", "prompt.tools[0].strict"],
    ["a strict schema", strictSchema, "v4", "prompt.response_format.json_schema.strict"],
    [
      "detail",
      user({ image: { ...image.image, detail: "IMAGE_DETAIL_LOW" } }),
      "v4",
      "prompt.messages[0].parts[0].image.detail",
    ],
    [
      "an id in version 3",
      user({ file: { providerFileId: "f-1", mimeType: "application/pdf" } }),
      "v3",
      "prompt.messages[0].parts[0].file.provider_file_id",
    ],
    ["a nameless document", user({ file: { uri: "https://a/b" } }), "v4", "prompt.messages[0].parts[0].file.mime_type"],
    ["a result's address in version 2", result({ parts: [{ image: { uri: "https://a/b.png" } }] }), "v2", picture],
    [
      "a failed tool's picture",
      result({ isError: true, parts: [image] }),
      "v4",
      "prompt.messages[0].parts[0].tool_result.is_error",
    ],
    [
      "a picture of the system's",
      { messages: [{ role: "ROLE_SYSTEM", parts: [image] }] },
      "v4",
      "prompt.messages[0].parts[0].image",
    ],
  ])("%s", (_, json, version, field) => {
    expect(refusalOf(json, version)).toEqual([ErrorReason.FEATURE_UNSUPPORTED, field]);
  });

  test("arguments that are no object, and results of calls that nobody made, are wrong requests", () => {
    const call = { toolCall: { callId: "t", name: "f", argumentsJson: "[1]" } };
    expect(refusalOf({ messages: [{ role: "ROLE_ASSISTANT", parts: [call] }] })).toEqual([
      ErrorReason.INVALID_REQUEST,
      "prompt.messages[0].parts[0].tool_call.arguments_json",
    ]);
    expect(refusalOf({ messages: [{ role: "ROLE_TOOL", parts: [{ toolResult: { callId: "t" } }] }] })).toEqual([
      ErrorReason.INVALID_REQUEST,
      "prompt.messages[0].parts[0].tool_result.name",
    ]);
  });
});

describe("media", () => {
  const uri = { image: { uri: "https://a.example/b.png" } };
  const url = new URL("https://a.example/b.png");
  test.each<[Version, unknown[]]>([
    [
      "v4",
      [
        { type: "file", mediaType: "image/png", data: { type: "data", data: bytes } },
        { type: "file", mediaType: "image/*", data: { type: "url", url, originalUrl: url.href } },
        { type: "file", mediaType: "application/pdf", filename: "a.pdf", data: { type: "data", data: bytes } },
      ],
    ],
    [
      "v2",
      [
        { type: "file", mediaType: "image/png", data: bytes },
        { type: "file", mediaType: "image/*", data: url },
        { type: "file", mediaType: "application/pdf", filename: "a.pdf", data: bytes },
      ],
    ],
  ])("are files in version %s", (version, expected) => {
    const model = { version, provider: "acme" };
    const asked = prompt({ messages: [{ role: "ROLE_USER", parts: [image, uri, pdf] }] });
    const [message] = encode(asked, target, model, "acme").options.prompt;
    expect(JSON.parse(JSON.stringify(message?.content))).toEqual(JSON.parse(JSON.stringify(expected)));
  });

  test("by an id go to the package under its name", () => {
    expect(content([{ file: { providerFileId: "f-1", mimeType: "application/pdf" } }])).toEqual([
      { type: "file", mediaType: "application/pdf", data: { type: "reference", reference: { acme: "f-1" } } },
    ]);
  });

  test.each<[Version, unknown]>([
    ["v2", { type: "media", mediaType: "image/png", data: base64 }],
    ["v3", { type: "image-data", mediaType: "image/png", data: base64 }],
    ["v4", { type: "file", mediaType: "image/png", data: { type: "data", data: bytes } }],
  ])("are in a tool's result in version %s", (version, part) => {
    const result = { toolResult: { callId: "t", name: "f", parts: [{ text: "see" }, image] } };
    expect(content([result], version, "ROLE_TOOL")).toEqual([
      {
        type: "tool-result",
        toolCallId: "t",
        toolName: "f",
        output: { type: "content", value: [{ type: "text", text: "see" }, part] },
      },
    ]);
  });
});

describe("the conversation", () => {
  test("pairs results with the names of their calls, and tells failures", () => {
    const call = { toolCall: { callId: "t", name: "f", argumentsJson: '{"id":12345678901234567890}' } };
    const failed = { toolResult: { callId: "t", isError: true, parts: [{ text: "no" }] } };
    const { prompt: messages } = encoded({
      messages: [
        { role: "ROLE_SYSTEM", parts: [{ text: "a" }, { text: "b" }] },
        { role: "ROLE_ASSISTANT", parts: [{ text: "" }, call] },
        { role: "ROLE_TOOL", parts: [failed] },
      ],
    }).options;
    // As text, because the number is more than JavaScript's hold.
    expect(JSON.stringify(messages)).toBe(
      '[{"role":"system","content":"a"},{"role":"system","content":"b"},' +
        '{"role":"assistant","content":[{"type":"tool-call","toolCallId":"t","toolName":"f","input":{"id":12345678901234567890}}]},' +
        '{"role":"tool","content":[{"type":"tool-result","toolCallId":"t","toolName":"f","output":{"type":"error-text","value":"no"}}]}]',
    );
  });

  test("takes state and reasoning back to the package that gave them, and to no other", () => {
    const state = (owner: string) => ({
      dialect: "ai-sdk",
      data: JSON.stringify({ owner, metadata: { acme: { signature: "s+/=" } } }),
    });
    const parts = (owner: string): JsonObject[] => [
      { reasoning: { text: "Hm" }, providerState: state(owner) },
      { text: "Hi", providerState: state(owner) },
    ];
    const own = { acme: { signature: "s+/=" } };
    expect(content(parts("acme"), "v4", "ROLE_ASSISTANT")).toEqual([
      { type: "reasoning", text: "Hm", providerOptions: own },
      { type: "text", text: "Hi", providerOptions: own },
    ]);
    expect(content(parts("other"), "v4", "ROLE_ASSISTANT")).toEqual([{ type: "text", text: "Hi" }]);
  });

  test("refuses state that was changed", () => {
    const part = { text: "Hi", providerState: { dialect: "ai-sdk", data: "{}" } };
    expect(refusalOf({ messages: [{ role: "ROLE_ASSISTANT", parts: [part] }] })).toEqual([
      ErrorReason.INVALID_REQUEST,
      "prompt.messages[0].parts[0].provider_state.data",
    ]);
  });

  test("marks what is to be cached where a package needs marks", () => {
    const messages = [{ role: "ROLE_USER", parts: [{ text: "long", cacheBreakpoint: {} }] }];
    const marked = { anthropic: { cacheControl: { type: "ephemeral" } } };
    expect(options({ messages }, "v4", "anthropic.messages").prompt).toEqual([
      { role: "user", content: [{ type: "text", text: "long", providerOptions: marked }] },
    ]);
    expect(options({ messages }).prompt).toEqual([{ role: "user", content: [{ type: "text", text: "long" }] }]);
  });
});

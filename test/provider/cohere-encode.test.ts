import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { cohere } from "../../src/provider/cohere/index.ts";
import { decode, fold } from "../exchanges/decode.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";
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
      max_tokens: 9,
      temperature: 0.5,
      p: 0.9,
      k: 5,
      seed: 7,
      frequency_penalty: 0.1,
      presence_penalty: 0.2,
      stop_sequences: ["END"],
    },
  ],
  [
    "tools",
    { tools: [tool, { name: "go" }] },
    {
      tools: [wireTool, { type: "function", function: { name: "go", parameters: { type: "object", properties: {} } } }],
    },
  ],
  ["strict tools", { tools: [{ ...tool, strict: true }, tool] }, { tools: [wireTool, wireTool], strict_tools: true }],
  [
    "no tool",
    { tools: [tool], toolChoice: { mode: "TOOL_CHOICE_MODE_NONE" } },
    { tools: [wireTool], tool_choice: "NONE" },
  ],
  [
    "some tool",
    { tools: [tool], toolChoice: { mode: "TOOL_CHOICE_MODE_REQUIRED" } },
    { tools: [wireTool], tool_choice: "REQUIRED" },
  ],
  [
    "its only tool",
    { tools: [tool], toolChoice: { toolName: "look" } },
    { tools: [wireTool], tool_choice: "REQUIRED" },
  ],
  ["a JSON object", { responseFormat: { jsonObject: {} } }, { response_format: { type: "json_object" } }],
  [
    "a schema",
    { responseFormat: { jsonSchema: { name: "x", description: "A pair.", schemaJson: schema, strict: true } } },
    { response_format: { type: "json_object", json_schema: { ...JSON.parse(schema), description: "A pair." } } },
  ],
  ["no reasoning", { reasoning: { effort: "REASONING_EFFORT_NONE" } }, { thinking: { type: "disabled" } }],
  ["reasoning", { reasoning: { effort: "REASONING_EFFORT_MEDIUM" } }, { thinking: { type: "enabled" } }],
  ["a budget", { reasoning: { budgetTokens: 500 } }, { thinking: { type: "enabled", token_budget: 500 } }],
  ["a budget of nothing", { reasoning: { budgetTokens: 0 } }, { thinking: { type: "disabled" } }],
  ["log probabilities", { logprobs: {} }, { logprobs: true }],
  [
    "what only Cohere has",
    { providerOptions: { house: { safety_mode: "STRICT", citation_options: { mode: "FAST" } }, other: { x: 1 } } },
    { safety_mode: "STRICT", citation_options: { mode: "FAST" } },
  ],
  [
    "pictures",
    user(
      { text: "Look" },
      { image: { data: base64("png"), mimeType: "image/png", detail: "IMAGE_DETAIL_LOW" } },
      { image: { uri: "https://a.test/b.jpg" } },
    ),
    {
      messages: [
        {
          role: "user",
          content: [
            { type: "text", text: "Look" },
            { type: "image_url", image_url: { url: `data:image/png;base64,${base64("png")}`, detail: "low" } },
            { type: "image_url", image_url: { url: "https://a.test/b.jpg" } },
          ],
        },
      ],
    },
  ],
  [
    "files of text as documents",
    user(
      { text: "Read" },
      { file: { data: base64("Zażółć"), mimeType: "text/plain", filename: "a.txt" } },
      { file: { data: base64("{}"), mimeType: "application/json" } },
    ),
    {
      messages: [{ role: "user", content: [{ type: "text", text: "Read" }] }],
      documents: [
        { id: "doc:0", data: { title: "a.txt", text: "Zażółć" } },
        { id: "doc:1", data: { text: "{}" } },
      ],
    },
  ],
  [
    "a conversation with tools",
    {
      messages: [
        { role: "ROLE_SYSTEM", parts: [{ text: "Be brief." }] },
        { role: "ROLE_USER", parts: [{ text: "A" }, { text: "B" }] },
        {
          role: "ROLE_ASSISTANT",
          parts: [
            { reasoning: { text: "Hm" } },
            { reasoning: { text: "" }, providerState: { dialect: "other", data: "secret" } },
            { reasoning: { text: "Plan" }, providerState: { dialect: "cohere", data: "tool_plan" } },
            { toolCall: { callId: "c1", name: "look", argumentsJson: '{"b":1, "a":2}' } },
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
                parts: [{ text: "went" }, { file: { data: base64("far"), mimeType: "text/plain", filename: "f" } }],
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
        {
          role: "user",
          content: [
            { type: "text", text: "A" },
            { type: "text", text: "B" },
          ],
        },
        {
          role: "assistant",
          content: [{ type: "thinking", thinking: "Hm" }],
          tool_plan: "Plan",
          tool_calls: [
            { id: "c1", type: "function", function: { name: "look", arguments: '{"b":1, "a":2}' } },
            { id: "c2", type: "function", function: { name: "go", arguments: "{}" } },
          ],
        },
        { role: "tool", tool_call_id: "c1", content: "seen" },
        {
          role: "tool",
          tool_call_id: "c2",
          content: [
            { type: "text", text: "went" },
            { type: "document", document: { data: { title: "f", text: "far" } } },
          ],
        },
        { role: "tool", tool_call_id: "c3", content: "" },
      ],
    },
  ],
];

test.each(table)("%s is written", (_, asked, fields) => {
  expect(bodyOf(cohere, asked)).toEqual({ model: "m", messages: [hello], stream: false, ...fields });
});

test("a stream is asked for as one", () => {
  const request = cohere.encode(prompt({}), { provider: "house", model: "m" }, "stream");
  expect([request.path, request.headers.accept, JSON.parse(request.body)]).toEqual([
    "/v2/chat",
    "text/event-stream",
    { model: "m", messages: [hello], stream: true },
  ]);
});

const two = [tool, { name: "go" }];

/** What the wire has no words for, and the field that is named. */
const refused: readonly (readonly [field: string, prompt: JsonObject])[] = [
  ["prompt.tool_choice.tool_name", { tools: two, toolChoice: { toolName: "go" } }],
  ["prompt.tool_choice.tool_name", { tools: [tool], toolChoice: { toolName: "other" } }],
  ["prompt.parallel_tool_calls", { parallelToolCalls: false }],
  [
    "prompt.tools[1].strict",
    {
      tools: [
        { ...tool, strict: true },
        { name: "go", strict: false },
      ],
    },
  ],
  ["prompt.logprobs.top", { logprobs: { top: 2 } }],
  ["prompt.reasoning.effort", { reasoning: { effort: "REASONING_EFFORT_HIGH" } }],
  ["prompt.response_format", { tools: two, responseFormat: { jsonObject: {} } }],
  [
    "prompt.response_format",
    { ...user({ file: { data: "", mimeType: "text/plain" } }), responseFormat: { jsonObject: {} } },
  ],
  ["prompt.messages[0].parts[0].tool_result", user({ toolResult: { callId: "c" } })],
  ["prompt.messages[0].parts[0].audio", user({ audio: { data: "", mimeType: "audio/wav" } })],
  ["prompt.messages[0].parts[0].file.mime_type", user({ file: { data: "", mimeType: "application/pdf" } })],
  ["prompt.messages[0].parts[0].file.uri", user({ file: { uri: "https://a.test/b.txt", mimeType: "text/plain" } })],
  ["prompt.messages[0].parts[0].file.provider_file_id", user({ file: { providerFileId: "f" } })],
  [
    "prompt.messages[0].parts[0].tool_result.parts[0].image",
    {
      messages: [
        {
          role: "ROLE_TOOL",
          parts: [{ toolResult: { callId: "c", parts: [{ image: { uri: "https://a.test/b.jpg" } }] } }],
        },
      ],
    },
  ],
  [
    "prompt.messages[0].parts[0].image",
    { messages: [{ role: "ROLE_ASSISTANT", parts: [{ image: { uri: "https://a.test/b.jpg" } }] }] },
  ],
];

test.each(refused)("%s is refused: %j", (field, asked) => {
  expect(refusalOf(cohere, asked)).toEqual({ reason: ErrorReason.FEATURE_UNSUPPORTED, fields: [field] });
});

test.each([
  ['prompt.provider_options["house"].stream', { providerOptions: { house: { stream: true } } }],
  ['prompt.provider_options["house"].p', { topP: 0.5, providerOptions: { house: { p: 0.9 } } }],
  ["prompt.tools[0].parameters_json_schema", { tools: [{ name: "look", parametersJsonSchema: "[]" }] }],
  ["prompt.response_format.json_schema.schema_json", { responseFormat: { jsonSchema: { schemaJson: "{" } } }],
  ["prompt.seed", { seed: "9007199254740993" }],
] as const)("%s is invalid", (field, asked) => {
  expect(refusalOf(cohere, asked as JsonObject)).toEqual({ reason: ErrorReason.INVALID_REQUEST, fields: [field] });
});

interface WireContent {
  readonly type: string;
  readonly text?: string;
  readonly image_url?: { readonly url: string };
}

interface WireMessage {
  readonly role: string;
  readonly content?: string | readonly WireContent[];
  readonly tool_plan?: string;
  readonly tool_calls?: readonly { readonly id: string; readonly function: { name: string; arguments: string } }[];
  readonly tool_call_id?: string;
}

/** A recorded request as a prompt of the contract. */
function toPrompt(request: Readonly<Record<string, unknown>>): JsonObject {
  const { messages, tools, documents } = request as {
    messages: WireMessage[];
    tools?: { function: JsonObject }[];
    documents?: { data: { title: string; text: string } }[];
  };
  const files = (documents ?? []).map(({ data }) => ({
    file: { data: base64(data.text), mimeType: "text/plain", filename: data.title },
  }));
  const converted = messages.map((message): JsonObject => {
    const content: readonly WireContent[] =
      typeof message.content === "string" ? [{ type: "text", text: message.content }] : (message.content ?? []);
    const parts = content.map(
      ({ text, image_url: image }): JsonObject =>
        image === undefined ? { text: text ?? "" } : { image: { uri: image.url } },
    );
    if (message.role === "tool") {
      return { role: "ROLE_TOOL", parts: [{ toolResult: { callId: message.tool_call_id ?? "", parts } }] };
    }
    const calls = (message.tool_calls ?? []).map(({ id, function: fn }) => ({
      toolCall: { callId: id, name: fn.name, argumentsJson: fn.arguments },
    }));
    return { role: `ROLE_${message.role.toUpperCase()}`, parts: [...parts, ...calls] };
  });
  const last = converted.at(-1);
  if (last !== undefined) last.parts = [...(last.parts as JsonObject[]), ...files];
  const format = (request.response_format as JsonObject | undefined)?.json_schema;
  return {
    messages: converted,
    tools: (tools ?? []).map(({ function: { name, description, parameters } }) => ({
      name: name ?? "",
      description: description ?? "",
      parametersJsonSchema: JSON.stringify(parameters),
    })),
    ...(format === undefined ? {} : { responseFormat: { jsonSchema: { schemaJson: JSON.stringify(format) } } }),
    ...(request.max_tokens === undefined ? {} : { maxOutputTokens: request.max_tokens as number }),
    ...(request.temperature === undefined ? {} : { temperature: request.temperature as number }),
    ...(request.stop_sequences === undefined ? {} : { stopSequences: request.stop_sequences as string[] }),
  };
}

/**
 * Where recorded requests say the same in other words: `stream` and `documents` left out, and lists of one text alone
 * (beside a document, ours is a list too).
 */
function inOurWords(request: Readonly<Record<string, unknown>>): JsonObject {
  const { documents, stream, ...rest } = request as {
    messages: WireMessage[];
    documents?: JsonObject[];
    stream?: boolean;
  };
  return {
    ...rest,
    stream: stream ?? false,
    ...(documents === undefined || documents.length === 0 ? {} : { documents }),
    messages: rest.messages.map((message): JsonObject => {
      const { content } = message;
      const alone =
        Array.isArray(content) && content.length === 1 && content[0]?.type === "text" && documents?.length !== 1;
      return { ...message, ...(alone ? { content: content[0]?.text } : {}) } as unknown as JsonObject;
    }),
  };
}

const exchanges = readExchanges("cohere.v2.chat");

describe.skipIf(!available)("recorded cohere.v2.chat exchanges", () => {
  const asked = exchanges.flatMap(({ name, model, request }) => (request === null ? [] : [{ name, model, request }]));

  test("have their requests", () => {
    expect(asked).toHaveLength(23);
  });

  test.each(asked)("$name was asked for as we ask", ({ model, request }) => {
    const delivery = request.stream === true ? "stream" : "unary";
    expect(bodyOf(cohere, toPrompt(request), model, delivery)).toEqual(inOurWords(request));
  });

  const answered = exchanges.filter(({ body_format, status }) => body_format === "json" && status === 200);

  test.each(answered)("$name goes back as it came", async (exchange) => {
    const message = (JSON.parse(exchange.body.toString("utf8")) as { message: WireMessage & { citations?: unknown } })
      .message;
    // Citations are the answer's; Cohere does not need them back, and the contract does not keep their sources whole.
    const wire = { ...message, citations: undefined };
    const body = bodyOf(cohere, followUp(await fold(decode(cohere, exchange, [exchange.body]))));
    expect((body.messages as JsonObject[])[1]).toEqual((inOurWords({ messages: [wire] }).messages as JsonObject[])[0]);
  });

  const streamed = exchanges.filter(
    ({ body_format, expect: wire }) => body_format === "sse" && wire.tool_calls.length > 0,
  );

  test.each(streamed)("$name goes back as it came", async (exchange) => {
    const wire = exchange.expect as Exchange["expect"] & { readonly tool_plan?: string };
    const body = bodyOf(cohere, followUp(await fold(decode(cohere, exchange, [exchange.body]))));
    const back = (body.messages as JsonObject[])[1] as unknown as WireMessage;
    expect({
      ...back,
      tool_calls: back.tool_calls?.map(({ id, function: fn }) => [id, fn.name, JSON.parse(fn.arguments)]),
    }).toEqual({
      role: "assistant",
      ...(wire.reasoning_text === null ? {} : { content: [{ type: "thinking", thinking: wire.reasoning_text }] }),
      ...(wire.tool_plan === undefined ? {} : { tool_plan: wire.tool_plan }),
      tool_calls: wire.tool_calls.map(({ id, name, arguments: args }) => [id, name, args ?? {}]),
    });
  });
});

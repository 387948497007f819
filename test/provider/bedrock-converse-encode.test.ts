import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type MessageSchema, type Part, type PartSchema, Role } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema, ReasoningEffort, ToolChoiceMode } from "../../gen/sluice/v1/prompt_pb.ts";
import { ErrorReason, type Prompt } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { bedrockConverse as dialect } from "../../src/provider/bedrock-converse/index.ts";
import { decode, fold } from "../exchanges/decode.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";
import { normalize, toPrompt } from "./bedrock-converse-requests.ts";

const CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const NOVA = "amazon.nova-lite-v1:0";

type PromptInit = Omit<MessageInitShape<typeof PromptSchema>, "$typeName">;
type MessageInit = MessageInitShape<typeof MessageSchema>;
type PartInit = Exclude<MessageInitShape<typeof PartSchema>, Part>;

const text = (value: string): PartInit => ({ content: { case: "text", value } });
const says = (role: Role, ...parts: PartInit[]): MessageInit => ({ role, parts });

function prompt(init: PromptInit): Prompt {
  return create(PromptSchema, { model: "bedrock/m", messages: [says(Role.USER, text("Hello"))], ...init });
}

function encodeFor(model: string, init: PromptInit): Readonly<Record<string, unknown>> {
  const { body } = dialect.encode(prompt(init), { provider: "bedrock", model }, "unary");
  return JSON.parse(body) as Readonly<Record<string, unknown>>;
}

/** The body without what the smallest prompt has anyway. */
function added(model: string, init: PromptInit): Readonly<Record<string, unknown>> {
  const { messages: _, ...rest } = encodeFor(model, init);
  return rest;
}

/** Why a prompt is refused, and the field that is to blame. */
function refused(model: string, init: PromptInit): readonly [string, string | undefined] {
  try {
    encodeFor(model, init);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    const reason = Object.keys(ErrorReason).find(
      (name) => ErrorReason[name as keyof typeof ErrorReason] === error.reason,
    );
    return [reason ?? "", error.violations[0]?.field];
  }
  throw new Error("It was not refused.");
}

const weather = { name: "weather", description: "Tells it", parametersJsonSchema: '{"type":"object"}' };
const auto = { choice: { case: "mode" as const, value: ToolChoiceMode.AUTO } };
const required = { choice: { case: "mode" as const, value: ToolChoiceMode.REQUIRED } };
const none = { choice: { case: "mode" as const, value: ToolChoiceMode.NONE } };
const named = { choice: { case: "toolName" as const, value: "weather" } };
const effort = (value: ReasoningEffort) => ({ reasoning: { amount: { case: "effort" as const, value } } });
const budget = (value: number) => ({ reasoning: { amount: { case: "budgetTokens" as const, value } } });
const anyObject = { responseFormat: { format: { case: "jsonObject" as const, value: {} } } };
const schema = (more: object = {}) => ({
  responseFormat: {
    format: { case: "jsonSchema" as const, value: { schemaJson: '{"type":"object","b":1,"a":2}', ...more } },
  },
});

describe("the address", () => {
  test.each([
    [CLAUDE, "unary", "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse", "application/json"],
    [NOVA, "stream", "/model/amazon.nova-lite-v1%3A0/converse-stream", "application/vnd.amazon.eventstream"],
    [
      "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc",
      "unary",
      "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aapplication-inference-profile%2Fabc/converse",
      "application/json",
    ],
  ] as const)("of %s, %s", (model, delivery, path, accept) => {
    const encoded = dialect.encode(prompt({}), { provider: "bedrock", model }, delivery);
    expect({ path: encoded.path, headers: encoded.headers }).toEqual({
      path,
      headers: { "content-type": "application/json", accept },
    });
  });
});

describe("messages", () => {
  test("of one speaker become one, results of tools among the user's; instructions go first", () => {
    const messages = [
      says(Role.SYSTEM, text("Be brief."), { ...text("Be kind."), cacheBreakpoint: {} }),
      says(Role.SYSTEM, text("Be quick.")),
      says(Role.USER, text("Hello")),
      says(
        Role.ASSISTANT,
        text("Let me see."),
        { content: { case: "toolCall", value: { callId: "call.1:a/b", name: "weather", argumentsJson: '{"q":1}' } } },
        { content: { case: "toolCall", value: { callId: "c2", name: "weather", argumentsJson: "" } } },
      ),
      says(
        Role.TOOL,
        {
          content: {
            case: "toolResult",
            value: { callId: "call.1:a/b", parts: [{ content: { case: "text", value: "Sun" } }] },
          },
        },
        {
          content: {
            case: "toolResult",
            value: {
              callId: "c2",
              isError: true,
              parts: [
                {
                  content: {
                    case: "image",
                    value: { source: { case: "data", value: Buffer.from("ab") }, mimeType: "image/png" },
                  },
                },
              ],
            },
          },
          cacheBreakpoint: {},
        },
      ),
      says(Role.USER, text("And now?")),
    ];
    expect(encodeFor(CLAUDE, { messages })).toEqual({
      system: [{ text: "Be brief." }, { text: "Be kind." }, { cachePoint: { type: "default" } }, { text: "Be quick." }],
      messages: [
        { role: "user", content: [{ text: "Hello" }] },
        {
          role: "assistant",
          content: [
            { text: "Let me see." },
            { toolUse: { toolUseId: "4fad2204c35c2c7eaed22ef5f622323f", name: "weather", input: { q: 1 } } },
            { toolUse: { toolUseId: "c2", name: "weather", input: {} } },
          ],
        },
        {
          role: "user",
          content: [
            { toolResult: { toolUseId: "4fad2204c35c2c7eaed22ef5f622323f", content: [{ text: "Sun" }] } },
            {
              toolResult: {
                toolUseId: "c2",
                content: [{ image: { format: "png", source: { bytes: "YWI=" } } }],
                status: "error",
              },
            },
            { cachePoint: { type: "default" } },
            { text: "And now?" },
          ],
        },
      ],
    });
  });

  test("carry pictures, sound, documents and videos, as bytes or from Amazon S3", () => {
    const bytes = { case: "data" as const, value: Buffer.from("ab") };
    const uri = (value: string) => ({ case: "uri" as const, value });
    const parts: PartInit[] = [
      { content: { case: "image", value: { source: bytes, mimeType: "image/jpeg" } } },
      { content: { case: "image", value: { source: uri("s3://bucket/cat.JPG") } } },
      { content: { case: "audio", value: { source: bytes, mimeType: "audio/wav" } } },
      {
        content: { case: "file", value: { source: bytes, mimeType: "application/pdf", filename: "a.b_report 2.pdf" } },
      },
      { content: { case: "file", value: { source: bytes, mimeType: "text/plain; charset=utf-8" } } },
      { content: { case: "file", value: { source: uri("s3://bucket/a.csv"), filename: "a b report 2" } } },
      { content: { case: "file", value: { source: uri("s3://bucket/v"), mimeType: "video/3gpp" } } },
      { content: { case: "file", value: { source: bytes, mimeType: "text/markdown", filename: "a-b-report 2.md" } } },
    ];
    const [message] = encodeFor(NOVA, { messages: [says(Role.USER, ...parts)] }).messages as { content: unknown }[];
    expect(message?.content).toEqual([
      { image: { format: "jpeg", source: { bytes: "YWI=" } } },
      { image: { format: "jpeg", source: { s3Location: { uri: "s3://bucket/cat.JPG" } } } },
      { audio: { format: "wav", source: { bytes: "YWI=" } } },
      { document: { format: "pdf", name: "a-b-report 2", source: { bytes: "YWI=" } } },
      { document: { format: "txt", name: "Document 2", source: { bytes: "YWI=" } } },
      { document: { format: "csv", name: "a b report 2", source: { s3Location: { uri: "s3://bucket/a.csv" } } } },
      { video: { format: "three_gp", source: { s3Location: { uri: "s3://bucket/v" } } } },
      { document: { format: "md", name: "a-b-report 2 (2)", source: { bytes: "YWI=" } } },
    ]);
  });

  test("carry marks for the cache only to models that read them", () => {
    const messages = [says(Role.USER, { ...text("Hello"), cacheBreakpoint: {} })];
    const blocks = [
      CLAUDE,
      NOVA,
      "arn:aws:bedrock:x:1:application-inference-profile/a",
      "meta.llama3-8b-instruct-v1:0",
    ].map((model) => (encodeFor(model, { messages }).messages as { content: unknown[] }[])[0]?.content.length);
    expect(blocks).toEqual([2, 2, 2, 1]);
  });

  test("carry reasoning of this dialect only, as it was signed", () => {
    const reasoning = (said: string, dialectName: string, data: string): PartInit => ({
      content: { case: "reasoning", value: { text: said } },
      providerState: { dialect: dialectName, id: "", data },
    });
    const parts = [
      reasoning("Mine", "bedrock-converse", '{"signature":"s+/="}'),
      reasoning("", "bedrock-converse", '{"redactedContent":"YWI="}'),
      reasoning("Another's", "anthropic", "sig"),
      { content: { case: "reasoning" as const, value: { text: "Nobody's" } } },
      text(""),
      text("Hi"),
    ];
    const messages = [says(Role.USER, text("Hello")), says(Role.ASSISTANT, ...parts)];
    expect((encodeFor(CLAUDE, { messages }).messages as unknown[])[1]).toEqual({
      role: "assistant",
      content: [
        { reasoningContent: { reasoningText: { text: "Mine", signature: "s+/=" } } },
        { reasoningContent: { redactedContent: "YWI=" } },
        { text: "Hi" },
      ],
    });
  });
});

describe("settings", () => {
  const tools = [weather];
  const spec = { toolSpec: { name: "weather", description: "Tells it", inputSchema: { json: { type: "object" } } } };
  const response = {
    toolSpec: {
      name: "sluice_json_response",
      description: "Gives the answer. Call it once, with the whole answer.",
      inputSchema: { json: { type: "object", b: 1, a: 2 } },
    },
  };
  const cases: readonly (readonly [string, string, PromptInit, Readonly<Record<string, unknown>>])[] = [
    [
      "of all models",
      CLAUDE,
      { maxOutputTokens: 5, temperature: 0.5, topP: 0.25, stopSequences: ["x"] },
      { inferenceConfig: { maxTokens: 5, temperature: 0.5, topP: 0.25, stopSequences: ["x"] } },
    ],
    ["top_k of Claude", CLAUDE, { topK: 5 }, { additionalModelRequestFields: { top_k: 5 } }],
    ["top_k of Nova", NOVA, { topK: 5 }, { additionalModelRequestFields: { inferenceConfig: { topK: 5 } } }],
    ["tools", CLAUDE, { tools }, { toolConfig: { tools: [spec] } }],
    [
      "a tool without arguments, held to its schema",
      CLAUDE,
      { tools: [{ name: "now", strict: true }] },
      {
        toolConfig: {
          tools: [
            { toolSpec: { name: "now", inputSchema: { json: { type: "object", properties: {} } }, strict: true } },
          ],
        },
      },
    ],
    ["a free choice", CLAUDE, { tools, toolChoice: auto }, { toolConfig: { tools: [spec], toolChoice: { auto: {} } } }],
    ["any tool", CLAUDE, { tools, toolChoice: required }, { toolConfig: { tools: [spec], toolChoice: { any: {} } } }],
    [
      "a tool by name",
      NOVA,
      { tools, toolChoice: named },
      { toolConfig: { tools: [spec], toolChoice: { tool: { name: "weather" } } } },
    ],
    ["no tool", CLAUDE, { tools, toolChoice: none }, {}],
    ["several calls at once", NOVA, { tools, parallelToolCalls: true }, { toolConfig: { tools: [spec] } }],
    [
      "one call at a time",
      CLAUDE,
      { tools, parallelToolCalls: false, toolChoice: auto },
      {
        toolConfig: { tools: [spec] },
        additionalModelRequestFields: { tool_choice: { type: "auto", disable_parallel_tool_use: true } },
      },
    ],
    [
      "a schema, as it was written",
      CLAUDE,
      schema({ description: "A thing" }),
      {
        outputConfig: {
          textFormat: {
            type: "json_schema",
            structure: {
              jsonSchema: { name: "response", description: "A thing", schema: '{"type":"object","b":1,"a":2}' },
            },
          },
        },
      },
    ],
    [
      "an object of any form, through a tool",
      CLAUDE,
      { ...anyObject, tools },
      {
        toolConfig: {
          tools: [spec, { toolSpec: { ...response.toolSpec, inputSchema: { json: { type: "object" } } } }],
          toolChoice: { any: {} },
        },
      },
    ],
    ["a schema through a tool", NOVA, schema(), { toolConfig: { tools: [response], toolChoice: { any: {} } } }],
    [
      "a schema beside tools",
      NOVA,
      { ...schema(), tools },
      { toolConfig: { tools: [spec, response], toolChoice: { any: {} } } },
    ],
    [
      "a schema without the tools that are not to be called",
      NOVA,
      { ...schema(), tools, toolChoice: none },
      { toolConfig: { tools: [response], toolChoice: { any: {} } } },
    ],
    ["free text", NOVA, { responseFormat: { format: { case: "text", value: {} } } }, {}],
    [
      "a budget",
      CLAUDE,
      budget(2048),
      { additionalModelRequestFields: { thinking: { type: "enabled", budget_tokens: 2048 } } },
    ],
    ["no budget", CLAUDE, budget(0), { additionalModelRequestFields: { thinking: { type: "disabled" } } }],
    [
      "no reasoning",
      CLAUDE,
      effort(ReasoningEffort.NONE),
      { additionalModelRequestFields: { thinking: { type: "disabled" } } },
    ],
    [
      "an effort of a newer Claude",
      "global.anthropic.claude-opus-4-7",
      effort(ReasoningEffort.XHIGH),
      { additionalModelRequestFields: { thinking: { type: "adaptive" }, output_config: { effort: "xhigh" } } },
    ],
    [
      "an effort of Nova",
      "us.amazon.nova-2-lite-v1:0",
      effort(ReasoningEffort.LOW),
      { additionalModelRequestFields: { reasoningConfig: { type: "enabled", maxReasoningEffort: "low" } } },
    ],
    [
      "an effort of gpt-oss",
      "openai.gpt-oss-120b-1:0",
      effort(ReasoningEffort.HIGH),
      { additionalModelRequestFields: { reasoning_effort: "high" } },
    ],
    [
      "an effort of GPT",
      "us.openai.gpt-5.6-sol",
      effort(ReasoningEffort.NONE),
      { additionalModelRequestFields: { reasoning: { effort: "none" } } },
    ],
    [
      "of the provider alone, beside those of the contract",
      CLAUDE,
      {
        topK: 5,
        tools,
        providerOptions: {
          bedrock: {
            guardrailConfig: { guardrailIdentifier: "g", guardrailVersion: "1" },
            additionalModelRequestFields: { anthropic_beta: ["x"] },
            toolConfig: { tools: [{ systemTool: { name: "nova_grounding" } }] },
          },
          another: { unused: true },
        },
      },
      {
        guardrailConfig: { guardrailIdentifier: "g", guardrailVersion: "1" },
        additionalModelRequestFields: { top_k: 5, anthropic_beta: ["x"] },
        toolConfig: { tools: [spec, { systemTool: { name: "nova_grounding" } }] },
      },
    ],
  ];

  test.each(cases)("%s", (_, model, init, expected) => {
    expect(added(model, init)).toEqual(expected);
  });
});

describe("what cannot be done is refused by its field:", () => {
  const tools = [weather];
  const LLAMA = "meta.llama3-8b-instruct-v1:0";
  const used = [
    says(Role.USER, text("Hello")),
    says(Role.ASSISTANT, { content: { case: "toolCall", value: { callId: "c", name: "weather" } } }),
    says(Role.TOOL, { content: { case: "toolResult", value: { callId: "c" } } }),
  ];
  const withPart = (content: NonNullable<PartInit["content"]>): PromptInit => ({
    messages: [says(Role.USER, { content })],
  });
  const bytes = { case: "data" as const, value: Buffer.from("ab") };
  const web = { case: "uri" as const, value: "https://example.com/cat.png" };
  const cases: readonly (readonly [field: string, model: string, init: PromptInit])[] = [
    ["prompt.seed", CLAUDE, { seed: 1n }],
    ["prompt.frequency_penalty", CLAUDE, { frequencyPenalty: 0 }],
    ["prompt.presence_penalty", CLAUDE, { presencePenalty: 0 }],
    ["prompt.logprobs", CLAUDE, { logprobs: { top: 0 } }],
    ["prompt.top_k", LLAMA, { topK: 5 }],
    ["prompt.parallel_tool_calls", NOVA, { tools, parallelToolCalls: false }],
    ["prompt.parallel_tool_calls", CLAUDE, { tools, parallelToolCalls: false, toolChoice: required }],
    ["prompt.parallel_tool_calls", CLAUDE, { ...anyObject, tools, parallelToolCalls: false }],
    ["prompt.parallel_tool_calls", "anthropic.claude-opus-4-7", { ...schema(), tools, parallelToolCalls: false }],
    ["prompt.response_format.json_object", CLAUDE, { ...anyObject, ...budget(2048) }],
    ["prompt.tool_choice.mode", LLAMA, { tools, toolChoice: required }],
    ["prompt.tool_choice.tool_name", LLAMA, { tools, toolChoice: named }],
    ["prompt.tool_choice.mode", CLAUDE, { tools, toolChoice: none, messages: used }],
    ["prompt.tool_choice", NOVA, { ...schema(), tools, toolChoice: required }],
    [
      "prompt.response_format.json_object",
      "meta.llama3-3-70b-instruct-v1:0",
      { responseFormat: { format: { case: "jsonObject", value: {} } } },
    ],
    ["prompt.response_format.json_schema", LLAMA, schema()],
    ["prompt.response_format.json_schema.strict", NOVA, schema({ strict: true })],
    ["prompt.response_format.json_schema", "anthropic.claude-sonnet-4-20250514-v1:0", { ...schema(), ...budget(1024) }],
    [
      "prompt.response_format.json_schema",
      "anthropic.claude-sonnet-5",
      { ...schema(), ...effort(ReasoningEffort.LOW) },
    ],
    ["prompt.tool_choice.tool_name", CLAUDE, { tools, toolChoice: named, ...budget(1024) }],
    ["prompt.parallel_tool_calls", "us.anthropic.claude-sonnet-4-20250514-v1:0", { tools, parallelToolCalls: false }],
    ["prompt.reasoning.effort", CLAUDE, effort(ReasoningEffort.HIGH)],
    ["prompt.reasoning.effort", "anthropic.claude-fable-5", effort(ReasoningEffort.NONE)],
    ["prompt.reasoning.budget_tokens", "anthropic.claude-opus-4-7", budget(1024)],
    ["prompt.reasoning.budget_tokens", LLAMA, budget(1024)],
    ["prompt.messages[1].role", CLAUDE, { messages: [says(Role.USER, text("a")), says(Role.SYSTEM, text("b"))] }],
    [
      "prompt.messages[0].parts[0].image.uri",
      CLAUDE,
      withPart({ case: "image", value: { source: web, mimeType: "image/png" } }),
    ],
    [
      "prompt.messages[0].parts[0].image.detail",
      CLAUDE,
      withPart({ case: "image", value: { source: bytes, mimeType: "image/png", detail: 1 } }),
    ],
    [
      "prompt.messages[0].parts[0].image.mime_type",
      CLAUDE,
      withPart({ case: "image", value: { source: bytes, mimeType: "image/tiff" } }),
    ],
    [
      "prompt.messages[0].parts[0].audio.mime_type",
      CLAUDE,
      withPart({ case: "audio", value: { source: bytes, mimeType: "audio/midi" } }),
    ],
    [
      "prompt.messages[0].parts[0].file.provider_file_id",
      CLAUDE,
      withPart({ case: "file", value: { source: { case: "providerFileId", value: "f" } } }),
    ],
    [
      "prompt.messages[0].parts[0].tool_call",
      CLAUDE,
      withPart({ case: "toolCall", value: { callId: "c", name: "n" } }),
    ],
  ];

  test.each(cases)("%s, of %s", (field, model, init) => {
    expect(refused(model, init)).toEqual(["FEATURE_UNSUPPORTED", field]);
  });

  test.each([
    ["prompt.tool_choice", { toolChoice: required }],
    ["prompt.tools[0].name", { tools: [{ name: "sluice_json_response" }] }],
    ["prompt.tools[0].parameters_json_schema", { tools: [{ name: "t", parametersJsonSchema: "[]" }] }],
    ["prompt.response_format.json_schema.schema_json", schema({ schemaJson: "no" })],
    [
      "prompt.messages[0].parts[0].tool_call.arguments_json",
      {
        messages: [
          says(Role.ASSISTANT, {
            content: { case: "toolCall", value: { callId: "c", name: "n", argumentsJson: '{"a":' } },
          }),
        ],
      },
    ],
    ['prompt.provider_options["bedrock"].system', { providerOptions: { bedrock: { system: [] } } }],
    [
      'prompt.provider_options["bedrock"].additionalModelRequestFields.top_k',
      { topK: 5, providerOptions: { bedrock: { additionalModelRequestFields: { top_k: 6 } } } },
    ],
  ] as readonly (readonly [string, PromptInit])[])("%s, as invalid", (field, init) => {
    expect(refused(CLAUDE, init)).toEqual(["INVALID_REQUEST", field]);
  });
});

/** Requests that another client wrote in a way that Sluice does not, and why. */
const OTHERWISE: Readonly<Record<string, string>> = {
  "safety--amazon-nova-lite-v1-0--55acd52": "parts for guardrails alone (`guardContent`) have no place in the contract",
  "safety--amazon-titan-text-express-v1--1e399e8": "two messages of one speaker are sent as one",
  "safety--amazon-titan-text-express-v1--e4e0ba6": "two messages of one speaker are sent as one",
  "json-schema--anthropic-claude-3-sonnet-20240229-v1-0--6c33f14":
    "by AWS's list, this model has no schemas: a tool is forced",
};

const exchanges = readExchanges("bedrock.converse");

describe.skipIf(!available)("recorded requests", () => {
  const named = exchanges.filter(
    ({ name, request }) => request !== null && OTHERWISE[name.slice("bedrock/".length)] === undefined,
  );

  test("are compared, but for a few", () => {
    expect(named.length).toBe(39);
  });

  test.each(named)("$name is written as it was recorded", (exchange) => {
    const target = { provider: "bedrock", model: exchange.model };
    const { path, body } = dialect.encode(
      toPrompt(exchange.request ?? {}),
      target,
      exchange.stream ? "stream" : "unary",
    );
    expect(JSON.parse(body)).toEqual(normalize(exchange.request ?? {}));
    const sent: unknown = Reflect.get(exchange, "path");
    if (typeof sent === "string") expect(decodeURIComponent(path)).toBe(decodeURIComponent(sent));
  });
});

/** Blocks that the wire does not take back, or that come back otherwise. */
function takenBack(blocks: readonly Readonly<Record<string, unknown>>[]): unknown[] {
  const kept: unknown[] = [];
  for (const block of blocks) {
    const reasoning = block.reasoningContent as { reasoningText?: { signature?: string } } | undefined;
    // Reasoning without a signature; citations, which are no input.
    if (reasoning?.reasoningText !== undefined && reasoning.reasoningText.signature === undefined) continue;
    if (block.citationsContent !== undefined) continue;
    const { type: _, ...toolUse } = (block.toolUse ?? {}) as { type?: string };
    if (block.toolUse !== undefined && (block.toolUse as { type?: string }).type !== "server_tool_use")
      kept.push({ toolUse });
    else if (typeof block.text === "string") {
      const last = kept.at(-1) as { text?: string } | undefined;
      // Text that citations or nothing parted is one part.
      if (last?.text !== undefined) kept.splice(-1, 1, { text: last.text + block.text });
      else kept.push({ text: block.text });
    } else kept.push(block);
  }
  return kept;
}

describe.skipIf(!available)("recorded answers", () => {
  const whole = exchanges.filter(({ body_format, expect: { error } }) => body_format === "json" && error === null);

  test.each(whole)("$name goes back as it came", async (exchange: Exchange) => {
    const { parts } = await fold(decode(dialect, exchange, [exchange.body]));
    const messages = [says(Role.USER, text("Hello")), { role: Role.ASSISTANT, parts }, says(Role.USER, text("And?"))];
    const encoded = encodeFor(exchange.model, { messages }).messages as { content: unknown }[];
    const { output } = JSON.parse(exchange.body.toString("utf8")) as {
      output: { message: { content: Readonly<Record<string, unknown>>[] } };
    };
    expect(encoded[1]?.content).toEqual(takenBack(output.message.content));
  });

  test("in pieces keep their signatures byte for byte", async () => {
    const exchange = exchanges.find(({ name }) => name === "bedrock/stream-reasoning--unknown--581d50e");
    if (exchange === undefined) throw new Error("is missing");
    const { parts } = await fold(decode(dialect, exchange, [exchange.body]));
    const messages = [says(Role.USER, text("Hello")), { role: Role.ASSISTANT, parts }];
    const [, answer] = encodeFor(CLAUDE, { messages }).messages as { content: unknown[] }[];
    const frames = exchange.body.toString("latin1").match(/"signature":"([^"]+)"/g) ?? [];
    const signature = frames.map((frame) => frame.slice('"signature":"'.length, -1)).join("");
    expect(signature).not.toBe("");
    expect(answer?.content[0]).toMatchObject({ reasoningContent: { reasoningText: { signature } } });
  });
});

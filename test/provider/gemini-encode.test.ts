import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import {
  ErrorReason,
  ImageDetail,
  type Part,
  ReasoningEffort,
  Role,
  ToolChoiceMode,
} from "../../src/domain/contract.ts";
import { geminiFor } from "../../src/provider/gemini/index.ts";
import { decode, fold } from "../exchanges/decode.ts";
import { available, readExchanges } from "../exchanges/exchanges.ts";
import { camelCased, toPrompt } from "./gemini-requests.ts";

type PromptInit = Extract<MessageInitShape<typeof PromptSchema>, { readonly $typeName?: never }>;
type Json = Record<string, unknown>;

const user = (text: string) => ({ role: Role.USER, parts: [{ content: { case: "text" as const, value: text } }] });

/** The request for a prompt; of one message, where it says none. */
function encode(prompt: PromptInit, { model = "gemini-2.5-flash", preset = "gemini" } = {}) {
  const message = create(PromptSchema, { model: "m", messages: [user("Hi")], ...prompt });
  const request = geminiFor(preset).encode(message, { provider: "house", model }, "unary");
  return { ...request, body: JSON.parse(request.body) as Json };
}

/** The body, without the message that all have. */
function more(prompt: PromptInit, target?: Parameters<typeof encode>[1]): Json {
  const { contents, ...body } = encode(prompt, target).body;
  expect(contents).toBeDefined();
  return body;
}

function config(prompt: PromptInit, model?: string): unknown {
  return more(prompt, model === undefined ? {} : { model }).generationConfig;
}

function refusal(prompt: PromptInit, target?: Parameters<typeof encode>[1]): [reason: ErrorReason, field: string] {
  try {
    encode(prompt, target);
  } catch (error) {
    const { reason, violations } = error as { reason: ErrorReason; violations: { field: string }[] };
    return [reason, violations[0]?.field ?? ""];
  }
  throw new Error("was not refused");
}

describe("the address", () => {
  const rows: readonly [preset: string, model: string, path: string][] = [
    ["gemini", "gemini-2.5-flash", "/models/gemini-2.5-flash:generateContent"],
    ["gemini", "models/gemini-2.5-flash", "/models/gemini-2.5-flash:generateContent"],
    ["gemini", "tunedModels/mine", "/tunedModels/mine:generateContent"],
    ["gemini", "../secret?x", "/models/..%2Fsecret%3Fx:generateContent"],
    ["vertex", "gemini-2.5-flash", "/publishers/google/models/gemini-2.5-flash:generateContent"],
    ["vertex", "endpoints/123", "/endpoints/123:generateContent"],
  ];

  test.each(rows)("of %s's %s", (preset, model, path) => {
    expect(encode({}, { preset, model }).path).toBe(path);
  });

  test("of a stream asks for events", () => {
    const prompt = create(PromptSchema, { model: "m", messages: [user("Hi")] });
    const target = { provider: "house", model: "gemini-2.5-flash" };
    expect(geminiFor("gemini").encode(prompt, target, "stream")).toEqual({
      path: "/models/gemini-2.5-flash:streamGenerateContent?alt=sse",
      headers: { "content-type": "application/json", accept: "text/event-stream" },
      body: '{"contents":[{"role":"user","parts":[{"text":"Hi"}]}]}',
    });
  });
});

describe("fields of the prompt", () => {
  const schema = '{"type":"object","properties":{"n":{"type":"integer"}}}';
  const rows: readonly [name: string, prompt: PromptInit, generationConfig: Json][] = [
    ["max_output_tokens", { maxOutputTokens: 7 }, { maxOutputTokens: 7 }],
    ["sampling", { temperature: 0, topP: 0.5, topK: 3 }, { temperature: 0, topP: 0.5, topK: 3 }],
    ["stop_sequences", { stopSequences: ["a", "b"] }, { stopSequences: ["a", "b"] }],
    ["seed", { seed: -5n }, { seed: -5 }],
    ["penalties", { frequencyPenalty: 1, presencePenalty: -1 }, { frequencyPenalty: 1, presencePenalty: -1 }],
    ["logprobs", { logprobs: { top: 0 } }, { responseLogprobs: true }],
    ["logprobs.top", { logprobs: { top: 4 } }, { responseLogprobs: true, logprobs: 4 }],
    [
      "a JSON object",
      { responseFormat: { format: { case: "jsonObject", value: {} } } },
      { responseMimeType: "application/json" },
    ],
    [
      "a JSON schema",
      {
        responseFormat: {
          format: { case: "jsonSchema", value: { name: "n", description: "A number", schemaJson: schema } },
        },
      },
      {
        responseMimeType: "application/json",
        responseJsonSchema: { ...(JSON.parse(schema) as Json), description: "A number" },
      },
    ],
  ];

  test.each(rows)("%s", (_name, prompt, generationConfig) => {
    expect(more(prompt)).toEqual({ generationConfig });
  });

  test("parallel tool calls may be allowed, and not be forbidden", () => {
    expect(more({ parallelToolCalls: true })).toEqual({});
    expect(refusal({ parallelToolCalls: false })).toEqual([
      ErrorReason.FEATURE_UNSUPPORTED,
      "prompt.parallel_tool_calls",
    ]);
  });

  test("a seed beyond 32 bits is refused", () => {
    expect(refusal({ seed: 2n ** 31n })).toEqual([ErrorReason.FEATURE_UNSUPPORTED, "prompt.seed"]);
  });
});

describe("tools", () => {
  const tool = { name: "f", description: "Does it", parametersJsonSchema: '{"type":"object"}' };
  const declared = [
    { functionDeclarations: [{ name: "f", description: "Does it", parametersJsonSchema: { type: "object" } }] },
  ];

  test("are declared with their schemas, where they have any", () => {
    expect(more({ tools: [tool] })).toEqual({ tools: declared });
    expect(more({ tools: [{ name: "g" }] })).toEqual({ tools: [{ functionDeclarations: [{ name: "g" }] }] });
    expect(refusal({ tools: [{ name: "g", parametersJsonSchema: "[]" }] })).toEqual([
      ErrorReason.INVALID_REQUEST,
      "prompt.tools[0].parameters_json_schema",
    ]);
  });

  const rows: readonly [name: string, prompt: PromptInit, wire: Json | undefined][] = [
    ["auto", { toolChoice: { choice: { case: "mode", value: ToolChoiceMode.AUTO } } }, { mode: "AUTO" }],
    ["none", { toolChoice: { choice: { case: "mode", value: ToolChoiceMode.NONE } } }, { mode: "NONE" }],
    ["required", { toolChoice: { choice: { case: "mode", value: ToolChoiceMode.REQUIRED } } }, { mode: "ANY" }],
    [
      "one by name",
      { toolChoice: { choice: { case: "toolName", value: "f" } } },
      { mode: "ANY", allowedFunctionNames: ["f"] },
    ],
    ["unset", {}, undefined],
    ["strict", { tools: [{ ...tool, strict: true }] }, { mode: "VALIDATED" }],
  ];

  test.each(rows)("are chosen: %s", (_name, prompt, functionCallingConfig) => {
    expect(more({ tools: [tool], ...prompt })).toEqual({
      tools: declared,
      ...(functionCallingConfig === undefined ? {} : { toolConfig: { functionCallingConfig } }),
    });
  });
});

describe("reasoning", () => {
  const { NONE, MINIMAL, LOW, MEDIUM, HIGH, XHIGH } = ReasoningEffort;
  const effort = (value: ReasoningEffort): PromptInit => ({ reasoning: { amount: { case: "effort", value } } });
  const budget = (value: number): PromptInit => ({ reasoning: { amount: { case: "budgetTokens", value } } });
  const rows: readonly [model: string, prompt: PromptInit, thinkingConfig: Json][] = [
    ["gemini-2.5-flash", effort(NONE), { thinkingBudget: 0 }],
    ["gemini-2.5-flash", effort(MEDIUM), { thinkingBudget: 8192, includeThoughts: true }],
    ["gemini-2.5-flash-lite", effort(XHIGH), { thinkingBudget: 24_576, includeThoughts: true }],
    ["gemini-2.5-pro", effort(XHIGH), { thinkingBudget: 32_768, includeThoughts: true }],
    ["gemini-2.5-pro", budget(200), { thinkingBudget: 200, includeThoughts: true }],
    ["gemini-2.5-flash", budget(0), { thinkingBudget: 0 }],
    ["gemini-3-flash-preview", effort(MINIMAL), { thinkingLevel: "MINIMAL", includeThoughts: true }],
    ["publishers/google/models/gemini-3-pro-preview", effort(MINIMAL), { thinkingLevel: "LOW", includeThoughts: true }],
    ["gemini-3.1-pro-preview", effort(MEDIUM), { thinkingLevel: "MEDIUM", includeThoughts: true }],
    ["gemini-3.8-flash", effort(MINIMAL), { thinkingLevel: "LOW", includeThoughts: true }],
    ["gemini-flash-latest", effort(HIGH), { thinkingLevel: "HIGH", includeThoughts: true }],
    ["gemini-4-ultra", effort(XHIGH), { thinkingLevel: "HIGH", includeThoughts: true }],
    ["gemini-3.5-flash", budget(512), { thinkingBudget: 512, includeThoughts: true }],
  ];

  test.each(rows)("of %s, %j", (model, prompt, thinkingConfig) => {
    expect(config(prompt, model)).toEqual({ thinkingConfig });
  });

  const refused: readonly [model: string, prompt: PromptInit, field: string][] = [
    ["gemini-2.5-pro", effort(NONE), "prompt.reasoning.effort"],
    ["gemini-2.5-pro", budget(0), "prompt.reasoning.budget_tokens"],
    ["gemini-3-pro-preview", effort(MEDIUM), "prompt.reasoning.effort"],
    ["gemini-3.5-flash", effort(NONE), "prompt.reasoning.effort"],
    ["gemini-2.0-flash", effort(LOW), "prompt.reasoning.effort"],
    ["gemini-2.0-flash", budget(1), "prompt.reasoning.budget_tokens"],
  ];

  test.each(refused)("that %s cannot do: %j", (model, prompt, field) => {
    expect(refusal(prompt, { model })).toEqual([ErrorReason.FEATURE_UNSUPPORTED, field]);
  });
});

describe("messages", () => {
  const part = (content: Part["content"], data?: string) => ({
    content,
    ...(data === undefined ? {} : { providerState: { dialect: "gemini", id: "", data } }),
  });
  const call = (callId: string, name = "f") =>
    ({ case: "toolCall", value: { callId, name, argumentsJson: "{}" } }) as never as Part["content"];
  const result = (callId: string, text: string, extra = {}) => ({
    role: Role.TOOL,
    parts: [
      {
        content: {
          case: "toolResult" as const,
          value: { callId, parts: [{ content: { case: "text" as const, value: text } }], ...extra },
        },
      },
    ],
  });
  const system = (text: string) => ({ ...user(text), role: Role.SYSTEM });
  const answer = (...parts: unknown[]) => ({ role: Role.ASSISTANT, parts: parts as never[] });
  const contents = (messages: NonNullable<PromptInit["messages"]>, target?: Parameters<typeof encode>[1]) =>
    encode({ messages }, target).body.contents;

  test("of the system are one instruction, where they come first", () => {
    expect(encode({ messages: [system("a"), system("b"), user("c")] }).body).toEqual({
      systemInstruction: { parts: [{ text: "a" }, { text: "b" }] },
      contents: [{ role: "user", parts: [{ text: "c" }] }],
    });
  });

  test("of the system are refused further on", () => {
    expect(refusal({ messages: [user("a"), system("b")] })).toEqual([
      ErrorReason.FEATURE_UNSUPPORTED,
      "prompt.messages[1]",
    ]);
  });

  test("with media carry bytes and addresses", () => {
    const bytes = { case: "data" as const, value: Buffer.from("abc") };
    const messages = [
      {
        role: Role.USER,
        parts: [
          { content: { case: "image" as const, value: { source: bytes, mimeType: "image/png" } } },
          { content: { case: "audio" as const, value: { source: bytes, mimeType: "audio/wav" } } },
          {
            content: {
              case: "file" as const,
              value: { source: bytes, mimeType: "application/pdf", filename: "a.pdf" },
            },
          },
          {
            content: {
              case: "image" as const,
              value: { source: { case: "uri" as const, value: "https://x.test/a.png" } },
            },
          },
          {
            content: {
              case: "image" as const,
              value: { source: { case: "uri" as const, value: "data:image/gif;base64,YWJj" } },
            },
          },
          {
            content: {
              case: "file" as const,
              value: { source: { case: "providerFileId" as const, value: "files/abc" }, mimeType: "application/pdf" },
            },
          },
        ],
      },
    ];
    expect(contents(messages)).toEqual([
      {
        role: "user",
        parts: [
          { inlineData: { mimeType: "image/png", data: "YWJj" } },
          { inlineData: { mimeType: "audio/wav", data: "YWJj" } },
          { inlineData: { mimeType: "application/pdf", data: "YWJj" } },
          { fileData: { fileUri: "https://x.test/a.png" } },
          { inlineData: { mimeType: "image/gif", data: "YWJj" } },
          {
            fileData: {
              mimeType: "application/pdf",
              fileUri: "https://generativelanguage.googleapis.com/v1beta/files/abc",
            },
          },
        ],
      },
    ]);
  });

  test("at Vertex name their files, need types with addresses, and know no uploads", () => {
    const file = (value: object) =>
      ({ messages: [{ role: Role.USER, parts: [{ content: { case: "file", value } }] }] }) as PromptInit;
    const vertex = { preset: "vertex" };
    const uri = { case: "uri", value: "gs://bucket/a.pdf" };
    expect(encode(file({ source: uri, mimeType: "application/pdf", filename: "a.pdf" }), vertex).body.contents).toEqual(
      [
        {
          role: "user",
          parts: [{ fileData: { mimeType: "application/pdf", fileUri: "gs://bucket/a.pdf", displayName: "a.pdf" } }],
        },
      ],
    );
    expect(refusal(file({ source: uri }), vertex)[1]).toBe("prompt.messages[0].parts[0].file.uri");
    expect(refusal(file({ source: { case: "providerFileId", value: "files/a" } }), vertex)[1]).toBe(
      "prompt.messages[0].parts[0].file.provider_file_id",
    );
  });

  test("have one detail for all their pictures", () => {
    const image = (detail: ImageDetail) => ({
      content: {
        case: "image" as const,
        value: { source: { case: "data" as const, value: Buffer.from("a") }, mimeType: "image/png", detail },
      },
    });
    const { LOW, HIGH, UNSPECIFIED } = ImageDetail;
    const of = (...details: ImageDetail[]) => ({ messages: [{ role: Role.USER, parts: details.map(image) }] });
    expect(config(of(UNSPECIFIED, LOW))).toEqual({ mediaResolution: "MEDIA_RESOLUTION_LOW" });
    expect(refusal(of(LOW, HIGH))).toEqual([
      ErrorReason.FEATURE_UNSUPPORTED,
      "prompt.messages[0].parts[1].image.detail",
    ]);
  });

  test("with results stand in the order of their calls, in one turn", () => {
    const messages = [
      user("a"),
      answer(part(call("1")), part(call("2", "g"))),
      result("2", "second"),
      result("1", '{"first": true}'),
    ];
    expect(contents(messages)).toEqual([
      { role: "user", parts: [{ text: "a" }] },
      { role: "model", parts: [{ functionCall: { name: "f", args: {} } }, { functionCall: { name: "g", args: {} } }] },
      {
        role: "user",
        parts: [
          { functionResponse: { name: "f", response: { first: true } } },
          { functionResponse: { name: "g", response: { output: "second" } } },
        ],
      },
    ]);
  });

  test("with failed, empty and unknown results", () => {
    const first = (messages: NonNullable<PromptInit["messages"]>) => contents(messages) as [{ parts: unknown[] }];
    expect(first([result("1", "no", { name: "f", isError: true })])[0].parts).toEqual([
      { functionResponse: { name: "f", response: { error: "no" } } },
    ]);
    expect(first([result("1", "", { name: "f", parts: [] })])[0].parts).toEqual([
      { functionResponse: { name: "f", response: { output: "" } } },
    ]);
    expect(refusal({ messages: [result("1", "no")] })).toEqual([
      ErrorReason.INVALID_REQUEST,
      "prompt.messages[0].parts[0].tool_result.name",
    ]);
  });

  test("of another provider go without its state, and calls with a signature that stands in for one", () => {
    const foreign = { providerState: { dialect: "anthropic", id: "x", data: "secret" } };
    const messages = [
      answer(
        { content: { case: "reasoning", value: { text: "" } }, ...foreign },
        { content: { case: "reasoning", value: { text: "Hm." } }, ...foreign },
        { content: call("1"), ...foreign },
        part(call("2")),
      ),
    ];
    expect(contents(messages, { model: "gemini-3-flash-preview" })).toEqual([
      {
        role: "model",
        parts: [
          { text: "Hm.", thought: true },
          { functionCall: { name: "f", args: {} }, thoughtSignature: "skip_thought_signature_validator" },
          { functionCall: { name: "f", args: {} } },
        ],
      },
    ]);
  });

  test("with arguments that are no object are refused", () => {
    const broken = { case: "toolCall", value: { callId: "1", name: "f", argumentsJson: "[" } };
    expect(refusal({ messages: [answer({ content: broken })] })).toEqual([
      ErrorReason.FEATURE_UNSUPPORTED,
      "prompt.messages[0].parts[0].tool_call.arguments_json",
    ]);
  });
});

describe("provider_options", () => {
  const options = (house: Json): PromptInit => ({ providerOptions: { house: house as never, other: { x: 1 } } });

  test("are merged into the body, in both spellings, and into what Sluice writes", () => {
    const given = {
      safety_settings: [{ category: "c" }],
      generation_config: { responseModalities: ["TEXT"], thinking_config: { includeThoughts: true } },
      tools: [{ googleSearch: {} }],
    };
    expect(more({ ...options(given), maxOutputTokens: 5, tools: [{ name: "f" }] })).toEqual({
      safetySettings: [{ category: "c" }],
      generationConfig: {
        maxOutputTokens: 5,
        responseModalities: ["TEXT"],
        thinkingConfig: { includeThoughts: true },
      },
      tools: [{ functionDeclarations: [{ name: "f" }] }, { googleSearch: {} }],
    });
  });

  const refused: readonly [given: Json, field: string][] = [
    [{ contents: [] }, 'prompt.provider_options["house"].contents'],
    [{ system_instruction: {} }, 'prompt.provider_options["house"].system_instruction'],
    [{ generationConfig: { maxOutputTokens: 1 } }, 'prompt.provider_options["house"].generationConfig.maxOutputTokens'],
    [{ generationConfig: { candidateCount: 2 } }, 'prompt.provider_options["house"].generationConfig.candidateCount'],
  ];

  test.each(refused)("cannot overwrite what Sluice writes: %j", (given, field) => {
    expect(refusal({ ...options(given), maxOutputTokens: 5 })).toEqual([ErrorReason.INVALID_REQUEST, field]);
  });
});

const answered = readExchanges("gemini.generateContent").filter(({ status }) => status === 200);

/** How bodies that Sluice writes differ from those that were recorded, and why. */
function normalized(recorded: unknown): Json {
  const { generationConfig, systemInstruction, tools, toolConfig, ...body } = camelCased(recorded) as Record<
    string,
    Json
  >;
  // One candidate is what comes unasked.
  const { responseSchema, thinkingConfig, candidateCount: _, ...config } = generationConfig ?? {};
  // JSON Schema is one of two ways to say it; the older one knows less.
  if (responseSchema !== undefined) config.responseJsonSchema = responseSchema;
  // Who asks for an amount of reasoning wants to see it.
  if (thinkingConfig !== undefined) config.thinkingConfig = { ...(thinkingConfig as Json), includeThoughts: true };
  const listed = (tools as Json[] | undefined)?.map(({ functionDeclarations, ...tool }) => ({
    ...tool,
    ...(functionDeclarations === undefined
      ? {}
      : { functionDeclarations: (functionDeclarations as Json[]).map(declaration) }),
  }));
  return {
    ...body,
    // An empty object says nothing.
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
    // Instructions have no role.
    ...(systemInstruction === undefined ? {} : { systemInstruction: { parts: systemInstruction.parts } }),
    ...(listed === undefined ? {} : { tools: listed }),
    ...(toolConfig === undefined ? {} : { toolConfig }),
  };
}

function declaration({ parameters, parametersJsonSchema, description, ...rest }: Json): Json {
  return {
    name: rest.name,
    ...(description === "" ? {} : { description }),
    parametersJsonSchema: parametersJsonSchema ?? parameters,
  };
}

describe.skipIf(!available)("recorded requests", () => {
  const asked = answered.filter(({ request }) => request !== null);

  test("are many", () => {
    expect(asked.length).toBeGreaterThan(40);
  });

  test.each(asked)("$name is written as it was", ({ request, provider, model }) => {
    const prompt = toPrompt(camelCased(request) as Json, "house");
    const { body } = geminiFor(provider).encode(prompt, { provider: "house", model }, "unary");
    expect(JSON.parse(body)).toEqual(normalized(request));
  });
});

describe.skipIf(!available)("recorded answers", () => {
  /** The parts on the wire, those of a stream joined as they were one answer. */
  function wireParts(body: string, format: string): Json[] {
    const chunks: unknown[] =
      format === "sse"
        ? body.split(/\r?\n/).flatMap((line) => (line.startsWith("data:") ? [JSON.parse(line.slice(5))] : []))
        : [JSON.parse(body)].flat();
    const parts = chunks.flatMap((chunk) => {
      const [candidate] = (chunk as { candidates?: { content?: { parts?: Json[] } }[] }).candidates ?? [];
      return candidate?.content?.parts ?? [];
    });
    const joined: Json[] = [];
    for (const part of parts) {
      const last = joined.at(-1);
      const unsigned = last?.thoughtSignature === undefined && part.thoughtSignature === undefined;
      const goesOn = unsigned && typeof part.text === "string" && typeof last?.text === "string";
      const empty = part.thoughtSignature === undefined && (part.text === "" || Object.keys(part).length === 0);
      if (empty) continue;
      // Text goes on in the next part, unless one of them is signed.
      if (goesOn && last.thought === part.thought) {
        joined[joined.length - 1] = { ...last, ...part, text: `${String(last.text)}${String(part.text)}` };
      } else joined.push(part);
    }
    return joined;
  }

  const whole = answered.filter(({ name, expect: wire }) => wire.error === null && !name.includes("9753bb3"));
  // Its call came in pieces; it goes back whole.
  const pieces = "vertex/stream-tool-parallel--gemini-3-pro-preview--274be6f";

  test.each(whole.filter(({ name }) => name !== pieces))("$name goes back as it came", async (exchange) => {
    const { parts } = await fold(decode(geminiFor(exchange.provider), exchange, [exchange.body]));
    const wire = wireParts(exchange.body.toString("utf8"), exchange.body_format);
    const messages = [user("a"), { role: Role.ASSISTANT, parts }];
    const { body } = encode({ messages: wire.length === 0 ? [user("a")] : messages });
    const [, answer] = body.contents as { role: string; parts: Json[] }[];
    expect(answer?.parts ?? []).toEqual(wire);
  });

  test("a call that came in pieces goes back whole, with its signature", async () => {
    const exchange = answered.find(({ name }) => name === pieces);
    if (exchange === undefined) throw new Error(`no exchange ${pieces}`);
    const { parts } = await fold(decode(geminiFor("vertex"), exchange, [exchange.body]));
    const [, answer] = encode({ messages: [user("a"), { role: Role.ASSISTANT, parts }] }).body.contents as [
      unknown,
      { parts: Json[] },
    ];
    expect(answer.parts).toEqual([
      {
        functionCall: { name: "greet", args: { greeting: "Hello", name: "jone smith" } },
        thoughtSignature: wireParts(exchange.body.toString("utf8"), "sse")[0]?.thoughtSignature,
      },
    ]);
  });

  test("a call with an id of the wire is answered under it", async () => {
    const exchange = answered.find(({ name }) => name === "gemini/stream-tool-parallel--gemini-3-5-flash--a5faba7");
    if (exchange === undefined) throw new Error("no exchange");
    const { parts } = await fold(decode(geminiFor("gemini"), exchange, [exchange.body]));
    const results = parts.flatMap(({ content }) => {
      if (content.case !== "toolCall") return [];
      const { callId } = content.value;
      return [{ content: { case: "toolResult" as const, value: { callId } } }];
    });
    const messages = [user("a"), { role: Role.ASSISTANT, parts }, { role: Role.TOOL, parts: results }];
    const { contents } = encode({ messages }).body as { contents: { parts: Json[] }[] };
    expect(contents[2]?.parts).toEqual([
      { functionResponse: { id: "dv8szvqe", name: "get_weather", response: { output: "" } } },
      { functionResponse: { id: "j80tal12", name: "get_weather", response: { output: "" } } },
    ]);
  });
});

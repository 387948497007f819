/**
 * One conversation as each dialect's provider would answer it, whole and streamed: first reasoning, a text and two calls
 * at once, then reasoning and a text. What only its provider can read has the dialect's name in it.
 */
import { Buffer } from "node:buffer";
import { EventStreamCodec } from "@smithy/eventstream-codec";

export type Turn = "calls" | "text";

export interface VendorAnswers {
  /** More of the provider's configuration than its address. */
  readonly provider: Readonly<Record<string, unknown>>;
  readonly model: string;
  readonly streamType: string;
  whole(turn: Turn): unknown;
  stream(turn: Turn): Uint8Array;
  /** Whether a request's path or body asks for a stream. */
  streams(path: string, body: Readonly<Record<string, unknown>>): boolean;
}

/** What a provider alone can read of its answer, and is to see again. */
export const markOf = (dialect: string): string => `only-${dialect}-reads-this`;

export const WORDS = "Let me see.";
export const REPLY = "12 degrees, at noon.";
const CALLS = [
  { id: "call_one", name: "weather", args: '{"city":"Kraków"}' },
  { id: "call_two", name: "clock", args: "{}" },
] as const;

const toSse = (events: readonly unknown[], named: boolean): Uint8Array =>
  Buffer.from(
    events
      .map((event) => {
        const name = named ? `event: ${String((event as { type?: unknown }).type)}\n` : "";
        return `${name}data: ${typeof event === "string" ? event : JSON.stringify(event)}\n\n`;
      })
      .join(""),
  );
const byField = (_: string, body: Readonly<Record<string, unknown>>): boolean => body.stream === true;

const chatUsage = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 40 },
  completion_tokens_details: { reasoning_tokens: 5 },
};

const openAiChat: VendorAnswers = {
  provider: { preset: "openrouter" },
  model: "openai/gpt-5.1",
  streamType: "text/event-stream",
  streams: byField,
  whole(turn) {
    const details = [{ type: "reasoning.text", text: "Hm.", signature: markOf("openai-chat"), index: 0 }];
    const tool_calls = CALLS.map(({ id, name, args }) => ({
      id,
      type: "function",
      function: { name, arguments: args },
    }));
    const message = { role: "assistant", reasoning: "Hm.", reasoning_details: details };
    const choice =
      turn === "calls"
        ? { index: 0, finish_reason: "tool_calls", message: { ...message, content: WORDS, tool_calls } }
        : { index: 0, finish_reason: "stop", message: { ...message, content: REPLY } };
    return { id: "gen-1", model: "openai/gpt-5.1", choices: [choice], usage: chatUsage };
  },
  stream(turn) {
    const chunk = (delta: object, more: object = {}) => ({
      id: "gen-1",
      model: "openai/gpt-5.1",
      choices: [{ index: 0, delta, finish_reason: null, ...more }],
    });
    const details = [{ type: "reasoning.text", text: "Hm.", signature: markOf("openai-chat"), index: 0 }];
    const calls = CALLS.flatMap(({ id, name, args }, index) => [
      chunk({ tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] }),
      chunk({ tool_calls: [{ index, function: { arguments: args } }] }),
    ]);
    return toSse(
      [
        chunk({ role: "assistant", content: "", reasoning: "Hm.", reasoning_details: details }),
        chunk({ content: turn === "calls" ? WORDS : REPLY }),
        ...(turn === "calls" ? calls : []),
        chunk({}, { finish_reason: turn === "calls" ? "tool_calls" : "stop" }),
        { id: "gen-1", model: "openai/gpt-5.1", choices: [], usage: chatUsage },
        "[DONE]",
      ],
      false,
    );
  },
};

const responsesOutput = (turn: Turn) => [
  {
    id: "rs_1",
    type: "reasoning",
    summary: [{ type: "summary_text", text: "Hm." }],
    encrypted_content: markOf("openai-responses"),
  },
  {
    id: "msg_1",
    type: "message",
    status: "completed",
    role: "assistant",
    content: [{ type: "output_text", text: turn === "calls" ? WORDS : REPLY, annotations: [] }],
  },
  ...(turn === "text"
    ? []
    : CALLS.map(({ id, name, args }, n) => {
        return { id: `fc_${n}`, type: "function_call", status: "completed", call_id: id, name, arguments: args };
      })),
];
const responsesWhole = (turn: Turn) => ({
  id: "resp_1",
  model: "gpt-5.1",
  status: "completed",
  output: responsesOutput(turn),
  usage: {
    input_tokens: 100,
    input_tokens_details: { cached_tokens: 40 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 5 },
  },
});

const openAiResponses: VendorAnswers = {
  provider: { preset: "openai-responses" },
  model: "gpt-5.1",
  streamType: "text/event-stream",
  streams: byField,
  whole: responsesWhole,
  stream(turn) {
    const items = responsesOutput(turn).flatMap((item, output_index) => [
      { type: "response.output_item.added", output_index, item: { ...item, content: [], arguments: "", summary: [] } },
      ...(item.type === "message"
        ? [
            {
              type: "response.output_text.delta",
              output_index,
              content_index: 0,
              delta: turn === "calls" ? WORDS : REPLY,
            },
          ]
        : []),
      { type: "response.output_item.done", output_index, item },
    ]);
    const response = { id: "resp_1", model: "gpt-5.1", status: "in_progress", output: [] };
    const events = [
      { type: "response.created", response },
      ...items,
      { type: "response.completed", response: responsesWhole(turn) },
    ];
    return toSse(events, true);
  },
};

const anthropicContent = (turn: Turn) => [
  { type: "thinking", thinking: "Hm.", signature: markOf("anthropic") },
  { type: "text", text: turn === "calls" ? WORDS : REPLY },
  ...(turn === "text"
    ? []
    : CALLS.map(({ id, name, args }) => ({ type: "tool_use", id, name, input: JSON.parse(args) as object }))),
];
const anthropicUsage = {
  input_tokens: 60,
  cache_read_input_tokens: 40,
  cache_creation_input_tokens: 0,
  output_tokens: 20,
};

const anthropic: VendorAnswers = {
  provider: { preset: "anthropic" },
  model: "claude-sonnet-4-5",
  streamType: "text/event-stream",
  streams: byField,
  whole(turn) {
    const stop_reason = turn === "calls" ? "tool_use" : "end_turn";
    const head = { id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-4-5" };
    return { ...head, content: anthropicContent(turn), stop_reason, usage: anthropicUsage };
  },
  stream(turn) {
    const blocks = anthropicContent(turn).flatMap((block, index) => {
      const delta = (fields: object) => ({ type: "content_block_delta", index, delta: fields });
      const { type, thinking, signature, text, input } = block as Record<string, unknown>;
      const deltas = {
        thinking: [delta({ type: "thinking_delta", thinking }), delta({ type: "signature_delta", signature })],
        text: [delta({ type: "text_delta", text })],
        tool_use: [delta({ type: "input_json_delta", partial_json: JSON.stringify(input) })],
      }[String(type)];
      const empty = { thinking: { type, thinking: "", signature: "" }, text: { type, text: "" } }[String(type)];
      return [
        { type: "content_block_start", index, content_block: empty ?? { ...block, input: {} } },
        ...(deltas ?? []),
        { type: "content_block_stop", index },
      ];
    });
    const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-4-5", content: [] };
    return toSse(
      [
        { type: "message_start", message: { ...message, usage: { ...anthropicUsage, output_tokens: 1 } } },
        ...blocks,
        {
          type: "message_delta",
          delta: { stop_reason: turn === "calls" ? "tool_use" : "end_turn" },
          usage: { output_tokens: 20 },
        },
        { type: "message_stop" },
      ],
      true,
    );
  },
};

const geminiChunk = (parts: readonly object[], more: object = {}) => ({
  candidates: [{ content: { role: "model", parts }, index: 0, ...more }],
  usageMetadata: {
    promptTokenCount: 100,
    cachedContentTokenCount: 40,
    candidatesTokenCount: 15,
    thoughtsTokenCount: 5,
    totalTokenCount: 120,
  },
  modelVersion: "gemini-2.5-pro",
  responseId: "r-1",
});
const geminiParts = (turn: Turn): object[] => {
  const [first, ...others] = CALLS.map(({ name, args }) => ({
    functionCall: { name, args: JSON.parse(args) as object },
  }));
  const thoughtSignature = markOf("gemini");
  const thought = { text: "Hm.", thought: true };
  return turn === "calls"
    ? [thought, { text: WORDS }, { ...first, thoughtSignature }, ...others]
    : [thought, { text: REPLY, thoughtSignature }];
};

const gemini: VendorAnswers = {
  provider: { preset: "gemini" },
  model: "gemini-2.5-pro",
  streamType: "text/event-stream",
  streams: (path) => path.includes("streamGenerateContent"),
  whole: (turn) => geminiChunk(geminiParts(turn), { finishReason: "STOP" }),
  stream(turn) {
    const parts = geminiParts(turn);
    return toSse(
      parts.map((part, at) => geminiChunk([part], at === parts.length - 1 ? { finishReason: "STOP" } : {})),
      false,
    );
  },
};

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"),
  (text) => Buffer.from(text, "utf8"),
);
const converseMessage = ([event, payload]: readonly [string, object]): Uint8Array => {
  const string = (value: string) => ({ type: "string" as const, value });
  const headers = { ":event-type": string(event), ":message-type": string("event") };
  return codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) });
};
const converseUsage = { inputTokens: 60, cacheReadInputTokens: 40, outputTokens: 20, totalTokens: 120 };

const bedrockConverse: VendorAnswers = {
  provider: { preset: "bedrock", aws: { region: "us-east-1" } },
  model: "anthropic.claude-sonnet-4-5-20250929-v1:0",
  streamType: "application/vnd.amazon.eventstream",
  streams: (path) => path.endsWith("/converse-stream"),
  whole(turn) {
    const calls = CALLS.map(({ id, name, args }) => ({
      toolUse: { toolUseId: id, name, input: JSON.parse(args) as object },
    }));
    const content = [
      { reasoningContent: { reasoningText: { text: "Hm.", signature: markOf("bedrock-converse") } } },
      { text: turn === "calls" ? WORDS : REPLY },
      ...(turn === "calls" ? calls : []),
    ];
    return {
      output: { message: { role: "assistant", content } },
      stopReason: turn === "calls" ? "tool_use" : "end_turn",
      usage: converseUsage,
    };
  },
  stream(turn) {
    const delta = (contentBlockIndex: number, fields: object) =>
      ["contentBlockDelta", { contentBlockIndex, delta: fields }] as const;
    const stop = (contentBlockIndex: number) => ["contentBlockStop", { contentBlockIndex }] as const;
    const calls = CALLS.flatMap(({ id, name, args }, n) => [
      ["contentBlockStart", { contentBlockIndex: n + 2, start: { toolUse: { toolUseId: id, name } } }] as const,
      delta(n + 2, { toolUse: { input: args } }),
      stop(n + 2),
    ]);
    const messages: (readonly [string, object])[] = [
      ["messageStart", { role: "assistant" }],
      delta(0, { reasoningContent: { text: "Hm." } }),
      delta(0, { reasoningContent: { signature: markOf("bedrock-converse") } }),
      stop(0),
      delta(1, { text: turn === "calls" ? WORDS : REPLY }),
      stop(1),
      ...(turn === "calls" ? calls : []),
      ["messageStop", { stopReason: turn === "calls" ? "tool_use" : "end_turn" }],
      ["metadata", { usage: converseUsage, metrics: { latencyMs: 1 } }],
    ];
    return Buffer.concat(messages.map(converseMessage));
  },
};

const cohereUsage = { tokens: { input_tokens: 100, output_tokens: 20, reasoning_tokens: 5 }, cached_tokens: 40 };

const cohere: VendorAnswers = {
  provider: { preset: "cohere" },
  model: "command-a-reasoning-08-2025",
  streamType: "text/event-stream",
  streams: byField,
  whole(turn) {
    const tool_calls = CALLS.map(({ id, name, args }) => ({
      id,
      type: "function",
      function: { name, arguments: args },
    }));
    const message =
      turn === "calls"
        ? { role: "assistant", tool_plan: "Hm.", tool_calls }
        : {
            role: "assistant",
            content: [
              { type: "thinking", thinking: "Hm." },
              { type: "text", text: REPLY },
            ],
          };
    const finish_reason = turn === "calls" ? "TOOL_CALL" : "COMPLETE";
    return { id: "r-1", message, finish_reason, usage: cohereUsage };
  },
  stream(turn) {
    const calls = CALLS.flatMap(({ id, name, args }, index) => [
      {
        type: "tool-call-start",
        index,
        delta: { message: { tool_calls: { id, type: "function", function: { name, arguments: "" } } } },
      },
      { type: "tool-call-delta", index, delta: { message: { tool_calls: { function: { arguments: args } } } } },
      { type: "tool-call-end", index },
    ]);
    const said = [
      { type: "content-start", index: 0, delta: { message: { content: { type: "thinking", thinking: "" } } } },
      { type: "content-delta", index: 0, delta: { message: { content: { thinking: "Hm." } } } },
      { type: "content-end", index: 0 },
      { type: "content-start", index: 1, delta: { message: { content: { type: "text", text: "" } } } },
      { type: "content-delta", index: 1, delta: { message: { content: { text: REPLY } } } },
      { type: "content-end", index: 1 },
    ];
    const plan = { type: "tool-plan-delta", delta: { message: { tool_plan: "Hm." } } };
    return toSse(
      [
        { type: "message-start", id: "r-1", delta: { message: { role: "assistant" } } },
        ...(turn === "calls" ? [plan, ...calls] : said),
        {
          type: "message-end",
          delta: { finish_reason: turn === "calls" ? "TOOL_CALL" : "COMPLETE", usage: cohereUsage },
        },
        "[DONE]",
      ],
      true,
    );
  },
};

interface OllamaMessage {
  readonly content: string;
  readonly thinking?: string;
  readonly tool_calls?: object[];
}

const ollamaLines = (turn: Turn): object[] => {
  const line = (message: object, more: object = {}) => ({ model: "qwen3", message, done: false, ...more });
  const calls = CALLS.map(({ name, args }) => ({ function: { name, arguments: JSON.parse(args) as object } }));
  return [
    line({ role: "assistant", content: "", thinking: "Hm." }),
    line({ role: "assistant", content: turn === "calls" ? WORDS : REPLY }),
    ...(turn === "calls" ? [line({ role: "assistant", content: "", tool_calls: calls })] : []),
    line(
      { role: "assistant", content: "" },
      { done: true, done_reason: "stop", prompt_eval_count: 100, eval_count: 20 },
    ),
  ];
};

const ollama: VendorAnswers = {
  provider: { preset: "ollama-native" },
  model: "qwen3",
  streamType: "application/x-ndjson",
  streams: (_, body) => body.stream !== false,
  whole(turn) {
    const messages = ollamaLines(turn).map((line) => (line as { message: OllamaMessage }).message);
    const join = (field: "content" | "thinking"): string => messages.map((message) => message[field] ?? "").join("");
    const tool_calls = messages.flatMap((message) => message.tool_calls ?? []);
    const message = { role: "assistant", content: join("content"), thinking: join("thinking"), tool_calls };
    return { ...ollamaLines(turn).at(-1), message };
  },
  stream: (turn) =>
    Buffer.from(
      ollamaLines(turn)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(""),
    ),
};

/** By the dialect's name. */
export const vendorAnswers: Readonly<Record<string, VendorAnswers>> = {
  "openai-chat": openAiChat,
  "openai-responses": openAiResponses,
  anthropic,
  gemini,
  "bedrock-converse": bedrockConverse,
  cohere,
  ollama,
};

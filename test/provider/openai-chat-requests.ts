/** Recorded chat completion requests as prompts of the contract: what a caller would have asked of the gateway. */
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { type MessageSchema, type Part, type PartSchema, Role } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema, ReasoningEffort, ToolChoiceMode } from "../../gen/sluice/v1/prompt_pb.ts";
import { ImageDetail, type Prompt } from "../../src/domain/contract.ts";
import { blocks, list, record, textOf, type Wire } from "./wire-json.ts";

type PartInit = Exclude<MessageInitShape<typeof PartSchema>, Part>;
type PromptInit = MessageInitShape<typeof PromptSchema>;

const EFFORTS: Readonly<Record<string, ReasoningEffort>> = {
  none: ReasoningEffort.NONE,
  minimal: ReasoningEffort.MINIMAL,
  low: ReasoningEffort.LOW,
  medium: ReasoningEffort.MEDIUM,
  high: ReasoningEffort.HIGH,
};

const MODES: Readonly<Record<string, ToolChoiceMode>> = {
  auto: ToolChoiceMode.AUTO,
  none: ToolChoiceMode.NONE,
  required: ToolChoiceMode.REQUIRED,
  any: ToolChoiceMode.REQUIRED,
};

const ROLES: Readonly<Record<string, Role>> = {
  system: Role.SYSTEM,
  developer: Role.SYSTEM,
  assistant: Role.ASSISTANT,
  tool: Role.TOOL,
};

const DETAILS: Readonly<Record<string, ImageDetail>> = { low: ImageDetail.LOW, high: ImageDetail.HIGH };

/** Which field says how much is reasoned, where the provider's preset writes it for the contract's amounts. */
const REASONING_FIELDS: Readonly<Record<string, readonly string[]>> = {
  deepseek: ["thinking", "reasoning_effort"],
  openrouter: ["reasoning"],
  alibaba: ["enable_thinking"],
};

/** The prompt behind a request. What has no common form goes in through `provider_options`. */
export function toPrompt(request: Wire, provider: string): Prompt {
  const {
    model,
    messages,
    stream: _,
    stream_options: __,
    n: ___,
    tools,
    tool_choice,
    response_format,
    ...rest
  } = request;
  const { max_tokens, max_completion_tokens, temperature, top_p, top_k, stop, seed, random_seed, ...more } = rest;
  const { frequency_penalty, presence_penalty, logprobs, top_logprobs, parallel_tool_calls, ...others } = more;
  const told = REASONING_FIELDS[provider] ?? ["reasoning_effort"];
  const reasoning = told.some((field) => others[field] !== undefined);
  const options = Object.entries(others).filter(([field]) => !(reasoning && told.includes(field)));
  const own = list(tools).filter(({ type }) => type === "function");
  const hosted = list(tools).filter(({ type }) => type !== "function");
  if (hosted.length > 0) options.push(["tools", hosted]);
  const chosenSeed = seed ?? random_seed;
  return create(PromptSchema, {
    model: textOf(model) || "m",
    messages: list(messages).map(toMessage),
    tools: own.map(toTool),
    ...(tool_choice === undefined ? {} : { toolChoice: { choice: toChoice(tool_choice) } }),
    ...(typeof parallel_tool_calls === "boolean" ? { parallelToolCalls: parallel_tool_calls } : {}),
    ...number("maxOutputTokens", max_tokens ?? max_completion_tokens),
    ...number("temperature", temperature),
    ...number("topP", top_p),
    ...number("topK", top_k),
    ...number("frequencyPenalty", frequency_penalty),
    ...number("presencePenalty", presence_penalty),
    ...(chosenSeed === undefined ? {} : { seed: BigInt(Number(chosenSeed)) }),
    stopSequences: typeof stop === "string" ? [stop] : (list(stop) as unknown[]).map(String),
    ...(logprobs === true ? { logprobs: { top: Number(top_logprobs ?? 0) } } : {}),
    ...toFormat(record(response_format)),
    ...(reasoning ? { reasoning: { amount: toAmount(others) } } : {}),
    providerOptions: options.length === 0 ? {} : { [provider]: Object.fromEntries(options) as JsonObject },
  });
}

function number<Name extends keyof PromptInit>(name: Name, value: unknown): { [name in Name]?: number } {
  return (typeof value === "number" ? { [name]: value } : {}) as { [name in Name]?: number };
}

function toAmount({ thinking, reasoning_effort, reasoning, enable_thinking }: Wire) {
  const budget = record(reasoning).max_tokens;
  if (budget !== undefined) return { case: "budgetTokens" as const, value: Number(budget) };
  const off = record(thinking).type === "disabled" || enable_thinking === false;
  const effort = off ? ReasoningEffort.NONE : EFFORTS[textOf(reasoning_effort)];
  return { case: "effort" as const, value: effort ?? ReasoningEffort.MEDIUM };
}

function toTool(tool: Wire) {
  const { name, description, parameters, strict } = record(tool.function);
  return {
    name: String(name),
    description: textOf(description),
    parametersJsonSchema: parameters === undefined ? "" : JSON.stringify(parameters),
    ...(typeof strict === "boolean" ? { strict } : {}),
  };
}

function toChoice(choice: unknown) {
  const mode = MODES[textOf(choice)];
  return mode === undefined
    ? { case: "toolName" as const, value: String(record(record(choice).function).name) }
    : { case: "mode" as const, value: mode };
}

function toFormat({ type, json_schema }: Wire): Pick<PromptInit, "responseFormat"> {
  if (type === "json_object") return { responseFormat: { format: { case: "jsonObject", value: {} } } };
  if (type !== "json_schema") return {};
  const { name, description, schema, strict } = record(json_schema);
  const value = {
    name: textOf(name),
    description: textOf(description),
    schemaJson: JSON.stringify(schema),
    ...(typeof strict === "boolean" ? { strict } : {}),
  };
  return { responseFormat: { format: { case: "jsonSchema", value } } };
}

function toMessage(message: Wire): MessageInitShape<typeof MessageSchema> {
  const role = ROLES[textOf(message.role)] ?? Role.USER;
  const parts = blocks(message.content);
  if (role === Role.TOOL) {
    const texts = parts.map(({ text }) => ({ content: { case: "text" as const, value: textOf(text) } }));
    const value = { callId: String(message.tool_call_id), parts: texts };
    return { role, parts: [{ content: { case: "toolResult", value } }] };
  }
  const thought = textOf(message.reasoning_content) || textOf(message.reasoning);
  const calls = list(message.tool_calls).map(toToolCall);
  const said = parts.filter(({ type, text }) => type !== "text" || text !== "" || calls.length === 0);
  return { role, parts: [...(thought === "" ? [] : [reasoningOf(thought)]), ...said.map(toPart), ...calls] };
}

function reasoningOf(text: string): PartInit {
  return { content: { case: "reasoning", value: { text } } };
}

function toToolCall(call: Wire): PartInit {
  const { name, arguments: argumentsJson } = record(call.function);
  const value = { callId: String(call.id), name: String(name), argumentsJson: textOf(argumentsJson) };
  return { content: { case: "toolCall", value } };
}

function toPart(part: Wire): PartInit {
  if (part.type === "thinking") {
    return reasoningOf(
      list(part.thinking)
        .map(({ text }) => textOf(text))
        .join(""),
    );
  }
  return { content: toContent(part), ...(isMarked(part) ? { cacheBreakpoint: {} } : {}) };
}

function isMarked(part: Wire): boolean {
  return part.cache_control !== undefined || part.prompt_cache_breakpoint !== undefined;
}

function toContent(part: Wire): NonNullable<PartInit["content"]> {
  switch (part.type) {
    case "image_url": {
      const { url = part.image_url, detail } = record(part.image_url);
      const known = DETAILS[textOf(detail)];
      return { case: "image", value: { ...toMedia(String(url)), ...(known === undefined ? {} : { detail: known }) } };
    }
    case "file": {
      const { filename, file_data } = record(part.file);
      return { case: "file", value: { filename: textOf(filename), ...toMedia(String(file_data)) } };
    }
    case "file_url":
      return { case: "file", value: toMedia(String(record(part.file_url).url)) };
    default:
      return { case: "text", value: textOf(part.text) };
  }
}

function toMedia(url: string) {
  const [, mimeType = "", data] = /^data:([^;]+);base64,(.*)$/s.exec(url) ?? [];
  const source =
    data === undefined
      ? { case: "uri" as const, value: url }
      : { case: "data" as const, value: Buffer.from(data, "base64") };
  return { mimeType, source };
}

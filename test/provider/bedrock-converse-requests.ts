/** Recorded Converse requests as prompts of the contract. */
import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { type MessageSchema, type Part, type PartSchema, Role } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema, ReasoningEffort, ToolChoiceMode } from "../../gen/sluice/v1/prompt_pb.ts";
import type { Prompt } from "../../src/domain/contract.ts";
import { list, record, textOf, type Wire } from "./wire-json.ts";

type PartInit = Exclude<MessageInitShape<typeof PartSchema>, Part>;
type MessageInit = MessageInitShape<typeof MessageSchema>;

const mimeTypes: Readonly<Record<string, string>> = { png: "image/png", jpeg: "image/jpeg", txt: "text/plain" };

/** A request as its prompt. What the contract has no field for goes in through `provider_options`. */
export function toPrompt(request: Wire): Prompt {
  const {
    messages,
    system,
    inferenceConfig,
    toolConfig,
    outputConfig,
    additionalModelRequestFields,
    modelId,
    ...rest
  } = request;
  const { maxTokens, temperature, topP, stopSequences } = record(inferenceConfig);
  const options: Record<string, unknown> = { ...rest };
  const init: MessageInitShape<typeof PromptSchema> = {
    model: textOf(modelId) || "bedrock/m",
    messages: [...toSystem(list(system)), ...list(messages).map(toMessage)],
    ...(maxTokens === undefined ? {} : { maxOutputTokens: Number(maxTokens) }),
    ...(temperature === undefined ? {} : { temperature: Number(temperature) }),
    ...(topP === undefined ? {} : { topP: Number(topP) }),
    stopSequences: list(stopSequences).map(String),
    ...toTools(record(toolConfig), options),
    ...toFormat(record(outputConfig)),
    ...toReasoning(record(additionalModelRequestFields), options),
  };
  return create(PromptSchema, { ...init, providerOptions: { bedrock: options as JsonObject } });
}

/** The request without what says nothing: empty lists, settings of nothing, and a success that goes without saying. */
export function normalize(request: Wire): Wire {
  const text = JSON.stringify(request, (key, value: unknown) => {
    if (key === "modelId") return undefined;
    if (key === "status" && value === "success") return undefined;
    if (["system", "stopSequences"].includes(key) && Array.isArray(value) && value.length === 0) return undefined;
    if (key === "inferenceConfig" && Object.keys(record(value)).length === 0) return undefined;
    return value;
  });
  return JSON.parse(text) as Wire;
}

function toSystem(blocks: readonly Wire[]): MessageInit[] {
  return blocks.length === 0 ? [] : [{ role: Role.SYSTEM, parts: toParts(blocks) }];
}

function toMessage({ role, content }: Wire): MessageInit {
  const blocks = list(content);
  if (role === "assistant") return { role: Role.ASSISTANT, parts: toParts(blocks) };
  const results = blocks.some(({ toolResult }) => toolResult !== undefined);
  return { role: results ? Role.TOOL : Role.USER, parts: toParts(blocks) };
}

/** A cache point marks the part before it. */
function toParts(blocks: readonly Wire[]): PartInit[] {
  const parts: PartInit[] = [];
  for (const block of blocks) {
    if (block.cachePoint !== undefined) parts.push({ ...parts.pop(), cacheBreakpoint: {} });
    else parts.push({ content: toContent(block) });
  }
  return parts;
}

function toContent(block: Wire): NonNullable<PartInit["content"]> {
  if (block.toolUse !== undefined) {
    const { toolUseId, name, input } = record(block.toolUse);
    const argumentsJson = JSON.stringify(input);
    return { case: "toolCall", value: { callId: String(toolUseId), name: String(name), argumentsJson } };
  }
  if (block.toolResult !== undefined) {
    const { toolUseId, content, status } = record(block.toolResult);
    const parts = list(content).map((inner) => ({ content: toMedia(inner) }));
    return { case: "toolResult", value: { callId: String(toolUseId), parts, isError: status === "error" } };
  }
  return toMedia(block);
}

function toMedia(block: Wire) {
  if (block.image !== undefined) {
    const { format, source } = record(block.image);
    return {
      case: "image" as const,
      value: { mimeType: mimeTypes[String(format)] ?? "", source: toSource(record(source)) },
    };
  }
  if (block.document !== undefined) {
    const { format, name, source } = record(block.document);
    const mimeType = mimeTypes[String(format)] ?? "";
    return { case: "file" as const, value: { mimeType, filename: String(name), source: toSource(record(source)) } };
  }
  return { case: "text" as const, value: String(block.text) };
}

function toSource({ bytes, s3Location }: Wire) {
  if (typeof bytes === "string") return { case: "data" as const, value: Buffer.from(bytes, "base64") };
  return { case: "uri" as const, value: String(record(s3Location).uri) };
}

function toTools({ tools, toolChoice }: Wire, options: Record<string, unknown>) {
  const own = list(tools).filter(({ toolSpec }) => toolSpec !== undefined);
  const theirs = list(tools).filter(({ toolSpec }) => toolSpec === undefined);
  if (theirs.length > 0) options.toolConfig = { tools: theirs };
  const choice = record(toolChoice);
  const mode = choice.any === undefined ? ToolChoiceMode.AUTO : ToolChoiceMode.REQUIRED;
  return {
    tools: own.map(({ toolSpec }) => {
      const { name, description, inputSchema } = record(toolSpec);
      const parametersJsonSchema = JSON.stringify(record(inputSchema).json);
      return { name: String(name), description: textOf(description), parametersJsonSchema };
    }),
    ...(toolChoice === undefined ? {} : { toolChoice: { choice: { case: "mode" as const, value: mode } } }),
  };
}

function toFormat({ textFormat }: Wire) {
  if (textFormat === undefined) return {};
  const { name, description, schema } = record(record(record(textFormat).structure).jsonSchema);
  const value = { name: String(name), description: textOf(description), schemaJson: String(schema) };
  return { responseFormat: { format: { case: "jsonSchema" as const, value } } };
}

function toReasoning({ thinking, reasoningConfig, ...rest }: Wire, options: Record<string, unknown>) {
  if (Object.keys(rest).length > 0) options.additionalModelRequestFields = rest;
  if (thinking !== undefined) {
    const value = Number(record(thinking).budget_tokens);
    return { reasoning: { amount: { case: "budgetTokens" as const, value } } };
  }
  if (reasoningConfig === undefined) return {};
  return { reasoning: { amount: { case: "effort" as const, value: ReasoningEffort.LOW } } };
}

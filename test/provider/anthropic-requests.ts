/** Turns recorded requests into the contract's prompts, and both into one form that can be compared. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { MessageSchema, PartSchema, ToolResultPartSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { type Prompt, ReasoningEffort, Role, ToolChoiceMode } from "../../src/domain/contract.ts";
import { blocks, list, record, textOf, type Wire } from "./wire-json.ts";

type Part = MessageInitShape<typeof PartSchema>;

const EFFORTS: Readonly<Record<string, ReasoningEffort>> = {
  low: ReasoningEffort.LOW,
  medium: ReasoningEffort.MEDIUM,
  high: ReasoningEffort.HIGH,
};

const MODES: Readonly<Record<string, ToolChoiceMode>> = {
  auto: ToolChoiceMode.AUTO,
  any: ToolChoiceMode.REQUIRED,
  none: ToolChoiceMode.NONE,
};

/** What is the contract's of a request; the rest goes through `provider_options`. */
export function toPrompt(request: Wire, provider: string): Prompt {
  const { model, messages, system, max_tokens, stream: _, anthropic_version: __, tools, ...rest } = request;
  const { tool_choice, thinking, output_format, output_config, temperature, top_p, top_k, stop_sequences, ...others } =
    rest;
  const ownTools = list(tools).filter((tool) => tool.input_schema !== undefined);
  const hostedTools = list(tools).filter((tool) => tool.input_schema === undefined);
  const { format = output_format, effort } = record(output_config);
  const adaptive = record(thinking).type === "adaptive";
  const options = {
    ...others,
    ...(hostedTools.length > 0 ? { tools: hostedTools } : {}),
    ...(effort !== undefined && !adaptive ? { output_config } : {}),
  };
  return create(PromptSchema, {
    model: String(model),
    messages: [
      ...(system === undefined ? [] : [{ role: Role.SYSTEM, parts: blocks(system).map(toPart) }]),
      ...list(messages).map(toMessage),
    ],
    maxOutputTokens: Number(max_tokens),
    tools: ownTools.map(({ name, description, input_schema, strict }) => ({
      name: String(name),
      description: textOf(description),
      parametersJsonSchema: JSON.stringify(input_schema),
      ...(strict === undefined ? {} : { strict: strict === true }),
    })),
    stopSequences: (stop_sequences as string[] | undefined) ?? [],
    ...(temperature === undefined ? {} : { temperature: Number(temperature) }),
    ...(top_p === undefined ? {} : { topP: Number(top_p) }),
    ...(top_k === undefined ? {} : { topK: Number(top_k) }),
    ...(tool_choice === undefined ? {} : toChoice(record(tool_choice))),
    ...(thinking === undefined ? {} : { reasoning: { amount: toAmount(record(thinking), effort) } }),
    ...(format === undefined ? {} : { responseFormat: { format: toFormat(record(format)) } }),
    providerOptions: Object.keys(options).length === 0 ? {} : { [provider]: options as never },
  });
}

function toChoice({ type, name, disable_parallel_tool_use: single }: Wire) {
  const mode = MODES[String(type)];
  return {
    toolChoice: {
      choice:
        mode === undefined
          ? { case: "toolName" as const, value: String(name) }
          : { case: "mode" as const, value: mode },
    },
    ...(single === undefined ? {} : { parallelToolCalls: single !== true }),
  };
}

function toAmount({ type, budget_tokens }: Wire, effort: unknown) {
  return type === "adaptive"
    ? { case: "effort" as const, value: EFFORTS[String(effort)] ?? ReasoningEffort.HIGH }
    : { case: "budgetTokens" as const, value: Number(budget_tokens ?? 0) };
}

function toFormat(format: Wire) {
  return { case: "jsonSchema" as const, value: { schemaJson: JSON.stringify(format.schema) } };
}

function toMessage({ role, content }: Wire): MessageInitShape<typeof MessageSchema> {
  const parts = blocks(content).map(toPart);
  if (role === "assistant") return { role: Role.ASSISTANT, parts };
  const results = parts.every((part) => part.content?.case === "toolResult");
  return { role: results ? Role.TOOL : Role.USER, parts };
}

function toPart(block: Wire): Part {
  return { content: toContent(block), ...state(block), ...(block.cache_control ? { cacheBreakpoint: {} } : {}) };
}

function toContent(block: Wire): NonNullable<Part["content"]> {
  switch (block.type) {
    case "text":
      return { case: "text", value: String(block.text) };
    case "image": {
      // A picture that was uploaded before is a file of the contract's.
      const fileId = record(block.source).file_id;
      if (fileId === undefined) return { case: "image", value: media(block) };
      const source = { case: "providerFileId" as const, value: textOf(fileId) };
      return { case: "file", value: { source, mimeType: "image/png" } };
    }
    case "document":
      return { case: "file", value: { ...media(block), filename: textOf(block.title) } };
    case "tool_use":
      return {
        case: "toolCall",
        value: { callId: String(block.id), name: String(block.name), argumentsJson: JSON.stringify(block.input) },
      };
    case "tool_result":
      return {
        case: "toolResult",
        value: {
          callId: String(block.tool_use_id),
          parts: blocks(block.content ?? []).map(
            (inner) => ({ content: toContent(inner) }) as MessageInitShape<typeof ToolResultPartSchema>,
          ),
          isError: block.is_error === true,
        },
      };
    default:
      return { case: "reasoning", value: { text: textOf(block.thinking) } };
  }
}

function state(block: Wire): Pick<Part, "providerState"> {
  if (["text", "image", "document", "tool_use", "tool_result"].includes(String(block.type))) return {};
  const { thinking: _, ...data } = block;
  return { providerState: { dialect: "anthropic", data: JSON.stringify(data) } };
}

function media({ source }: Wire) {
  const { type, media_type, data, url } = record(source);
  const bytes = type === "text" ? Buffer.from(String(data)) : Buffer.from(String(data), "base64");
  return {
    mimeType: textOf(media_type),
    source: type === "url" ? { case: "uri" as const, value: String(url) } : { case: "data" as const, value: bytes },
  };
}

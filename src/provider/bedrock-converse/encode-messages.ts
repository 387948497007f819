import { type Message, type Part, Role, type ToolResult } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import { type CallIdRule, fitCallId } from "../call-ids.ts";
import type { DialectTarget } from "../dialect.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { unsupported } from "../unsupported.ts";
import { DocumentNames, encodeAudio, encodeFile, encodeImage } from "./encode-media.ts";
import type { Family } from "./quirks.ts";
import { DIALECT, type WireBlock, type WireMessage } from "./wire-types.ts";

/** The wire takes letters, digits and `_.:-`, at most 64. */
const CALL_IDS: CallIdRule = { fits: /^[a-zA-Z0-9_.:-]{1,64}$/, length: 32 };

interface Context {
  readonly target: DialectTarget;
  readonly family: Family;
  readonly names: DocumentNames;
}

export interface EncodedMessages {
  readonly system: WireBlock[];
  readonly messages: WireMessage[];
}

/**
 * Instructions go into a field of their own, before the conversation. There, user and assistant alternate: what
 * follows one another of the same speaker, results of tools among the user's, becomes one message.
 */
export function encodeMessages(messages: readonly Message[], target: DialectTarget, family: Family): EncodedMessages {
  const context: Context = { target, family, names: new DocumentNames() };
  const system: WireBlock[] = [];
  const encoded: WireMessage[] = [];
  messages.forEach((message, at) => {
    const field = `prompt.messages[${at}]`;
    const blocks = message.parts.flatMap((part, n) => encodePart(message.role, part, `${field}.parts[${n}]`, context));
    if (message.role === Role.SYSTEM) {
      if (encoded.length > 0) throw unsupported(`${field}.role`, target, "put instructions before the conversation");
      system.push(...blocks);
      return;
    }
    const role = message.role === Role.ASSISTANT ? "assistant" : "user";
    // An answer of which nothing is for this wire, such as another's reasoning: it refuses empty messages.
    if (blocks.length === 0) return;
    const last = encoded.at(-1);
    if (last?.role === role) last.content.push(...blocks);
    else encoded.push({ role, content: blocks });
  });
  return { system, messages: encoded };
}

function encodePart(role: Role, part: Part, field: string, context: Context): readonly WireBlock[] {
  const blocks = encoders[role]?.(part, field, context) ?? [];
  const marked = part.cacheBreakpoint !== undefined && context.family.cachePoints;
  return marked ? [...blocks, { cachePoint: { type: "default" } }] : blocks;
}

/** The contract's name of what a part is. */
function nameOf(kind: string | undefined): string {
  return (kind ?? "content").replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

type EncodePart = (part: Part, field: string, context: Context) => readonly WireBlock[];

/** What each speaker may say. */
const encoders: { readonly [role: number]: EncodePart } = {
  [Role.SYSTEM]: ({ content }, field, { target }) => {
    if (content.case !== "text") throw unsupported(`${field}.${nameOf(content.case)}`, target);
    return [{ text: content.value }];
  },
  [Role.USER]: ({ content }, field, context) => [encodeContent(content, field, context)],
  [Role.TOOL]: ({ content }, field, context) => {
    if (content.case !== "toolResult") throw unsupported(field, context.target);
    return [encodeToolResult(content.value, `${field}.tool_result`, context)];
  },
  [Role.ASSISTANT]: (part, field, { target }) => {
    const { content } = part;
    switch (content.case) {
      // A block of nothing, such as one that only cites, is refused by the wire.
      case "text":
        return content.value === "" ? [] : [{ text: content.value }];
      case "toolCall":
        return [encodeToolCall(content.value, `${field}.tool_call`)];
      case "reasoning":
        return encodeReasoning(part, content.value.text);
      default:
        throw unsupported(`${field}.${nameOf(content.case)}`, target);
    }
  },
};

type Content = Extract<Part["content"], { case: "text" | "image" | "audio" | "file" }>;

function encodeContent(content: Content | { case: string | undefined }, field: string, context: Context): WireBlock {
  const { target, names } = context;
  const known = content as Content;
  switch (known.case) {
    case "text":
      return { text: known.value };
    case "image":
      return encodeImage(known.value, `${field}.image`, target);
    case "audio":
      return encodeAudio(known.value, `${field}.audio`, target);
    case "file":
      return encodeFile(known.value, `${field}.file`, target, names);
    default:
      throw unsupported(`${field}.${nameOf(content.case)}`, target);
  }
}

type ToolCall = Extract<Part["content"], { case: "toolCall" }>["value"];

function encodeToolCall({ callId, name, argumentsJson }: ToolCall, field: string): WireBlock {
  const input = asRecord(parseJson(argumentsJson === "" ? "{}" : argumentsJson));
  if (input === undefined) {
    throw invalidRequest([{ field: `${field}.arguments_json`, description: "is no JSON object, which Bedrock wants" }]);
  }
  return { toolUse: { toolUseId: fitCallId(callId, CALL_IDS), name, input } };
}

function encodeToolResult(result: ToolResult, field: string, context: Context): WireBlock {
  const content = result.parts.map((part, n) => {
    const at = `${field}.parts[${n}]`;
    if (part.content.case === "audio") throw unsupported(`${at}.audio`, context.target, "give the result as text");
    return encodeContent(part.content, at, context);
  });
  const status = result.isError ? { status: "error" } : {};
  return { toolResult: { toolUseId: fitCallId(result.callId, CALL_IDS), content, ...status } };
}

/**
 * Reasoning goes back only with the state that this dialect gave it: without its signature it is refused, as it is by
 * the models that do not sign (DeepSeek R1, gpt-oss; langchain-aws#401, 2026-11).
 */
function encodeReasoning({ providerState }: Part, text: string): readonly WireBlock[] {
  const state: JsonRecord | undefined =
    providerState?.dialect === DIALECT ? asRecord(parseJson(providerState.data)) : undefined;
  if (state === undefined) return [];
  const blocks = asArray(state.blocks).map((block) => asRecord(block) ?? {});
  if (blocks.length > 0) return blocks;
  const redactedContent = asString(state.redactedContent);
  if (redactedContent !== undefined) return [{ reasoningContent: { redactedContent } }];
  const signature = asString(state.signature);
  return signature === undefined ? [] : [{ reasoningContent: { reasoningText: { text, signature } } }];
}

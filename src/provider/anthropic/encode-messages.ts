import { type Message, type Part, Role, type ToolCall, type ToolResult } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import { type CallIdRule, fitCallId } from "../call-ids.ts";
import { parseExactly } from "../exact-json.ts";
import { asRecord, asString, type JsonRecord } from "../json.ts";
import { fieldOf, unsupported } from "../unsupported.ts";
import { encodeFile, encodeImage } from "./encode-media.ts";
import type { Scope } from "./scope.ts";
import { DIALECT, type WireBlock, type WireMessage } from "./wire-types.ts";

/** The API takes no more in one request. Source: Claude API docs, "Prompt caching", read 2026-11. */
const MAX_CACHE_MARKS = 4;

/** "String should match pattern '^[a-zA-Z0-9_-]+$'" (langchain pull request 37756, 2026-11). */
const CALL_IDS: CallIdRule = { fits: /^[a-zA-Z0-9_-]+$/, length: 32 };

interface Conversation {
  readonly system: WireBlock[];
  readonly messages: { role: WireMessage["role"]; content: WireBlock[] }[];
  marks: number;
}

/** The conversation: system messages at its beginning stand apart, neighbours of one role are one message. */
export function encodeMessages(scope: Scope): Pick<Conversation, "system" | "messages"> {
  const conversation: Conversation = { system: [], messages: [], marks: 0 };
  const { messages } = scope.prompt;
  for (const [at, message] of messages.entries()) {
    const field = `prompt.messages[${at}]`;
    const role = roleOf(message, at, scope);
    const blocks = message.parts.flatMap((part, n) => {
      const path = `${field}.parts[${n}]`;
      const block = encodePart(part, message.role, path, scope);
      return part.cacheBreakpoint === undefined ? (block ?? []) : mark(block, path, conversation, scope);
    });
    if (blocks.length === 0) continue;
    const last = conversation.messages.at(-1);
    if (role === "system" && last === undefined) conversation.system.push(...blocks);
    else if (last?.role === role) last.content.push(...blocks);
    else conversation.messages.push({ role, content: blocks });
  }
  return conversation;
}

function roleOf({ role }: Message, at: number, scope: Scope): WireMessage["role"] {
  if (role === Role.ASSISTANT) return "assistant";
  if (role !== Role.SYSTEM) return "user";
  const { messages } = scope.prompt;
  const before = messages.slice(0, at).findLast((other) => other.role !== Role.SYSTEM)?.role;
  if (before === undefined) return "system";
  // A system message inside a conversation must follow what the user or a tool said, and precede an answer or the end.
  const after = messages.slice(at).find((other) => other.role !== Role.SYSTEM)?.role;
  const placed = before !== Role.ASSISTANT && (after === undefined || after === Role.ASSISTANT);
  if (scope.family.lateSystem && placed) return "system";
  const advice = scope.family.lateSystem
    ? "put it right after a message of the user or of a tool, and before an answer or at the end"
    : "put system messages before all others or choose another model";
  throw unsupported(`prompt.messages[${at}].role`, scope.target, advice);
}

function mark(block: WireBlock | undefined, path: string, conversation: Conversation, scope: Scope): WireBlock {
  const field = `${path}.cache_breakpoint`;
  if (block === undefined || block.type.endsWith("thinking")) {
    throw unsupported(field, scope.target, "mark a part with text, media or a tool instead");
  }
  conversation.marks += 1;
  if (conversation.marks > MAX_CACHE_MARKS) throw unsupported(field, scope.target, "mark at most 4 parts");
  return { ...block, cache_control: { type: "ephemeral" } };
}

/** One part; undefined where nothing of it belongs on this wire. */
function encodePart(part: Part, role: Role, path: string, scope: Scope): WireBlock | undefined {
  const { content } = part;
  const answered = role === Role.ASSISTANT;
  if (content.case === "text") return encodeText(part, content.value, answered, path);
  if (answered) {
    if (content.case === "reasoning") return encodeReasoning(part, content.value.text, path);
    if (content.case === "toolCall") return encodeToolCall(part, content.value, `${path}.tool_call`);
  } else if (role === Role.TOOL) {
    if (content.case === "toolResult") return encodeToolResult(content.value, `${path}.tool_result`, scope);
  } else if (role === Role.USER) {
    if (content.case === "image") return encodeImage(content.value, `${path}.image`, scope);
    if (content.case === "file") return encodeFile(content.value, `${path}.file`, scope);
  }
  throw unsupported(`${path}.${fieldOf(content.case)}`, scope.target);
}

/** State that this dialect gave out with a part. */
function ownState(part: Part, path: string): JsonRecord | undefined {
  if (part.providerState?.dialect !== DIALECT) return undefined;
  const state = asRecord(parseExactly(part.providerState.data));
  if (state !== undefined) return state;
  throw invalidRequest([{ field: `${path}.provider_state.data`, description: "was changed; give it back as it came" }]);
}

function encodeText(part: Part, text: string, answered: boolean, path: string): WireBlock | undefined {
  // The API refuses empty texts; an earlier answer may hold some, of other providers above all.
  if (answered && text === "") return undefined;
  const citations = answered ? ownState(part, path)?.citations : undefined;
  return { type: "text", text, ...(citations === undefined ? {} : { citations }) };
}

/** Thinking goes back only with its signature: that of other providers has none that this one could check. */
function encodeReasoning(part: Part, text: string, path: string): WireBlock | undefined {
  const state = ownState(part, path);
  const type = asString(state?.type);
  if (state === undefined || type === undefined) return undefined;
  return type === "thinking" ? { type, thinking: text, signature: state.signature } : { ...state, type };
}

function encodeToolCall(part: Part, { callId, name, argumentsJson }: ToolCall, path: string): WireBlock {
  const input = asRecord(parseExactly(argumentsJson || "{}"));
  if (input === undefined) {
    throw invalidRequest([{ field: `${path}.arguments_json`, description: "is no JSON object" }]);
  }
  return { ...ownState(part, path), type: "tool_use", id: fitCallId(callId, CALL_IDS), name, input };
}

function encodeToolResult(result: ToolResult, path: string, scope: Scope): WireBlock {
  const blocks = result.parts.map((part, n): WireBlock => {
    const field = `${path}.parts[${n}]`;
    const { content } = part;
    switch (content.case) {
      case "text":
        return { type: "text", text: content.value };
      case "image":
        return encodeImage(content.value, `${field}.image`, scope);
      case "file":
        return encodeFile(content.value, `${field}.file`, scope);
      default:
        throw unsupported(`${field}.${fieldOf(content.case)}`, scope.target);
    }
  });
  return {
    type: "tool_result",
    tool_use_id: fitCallId(result.callId, CALL_IDS),
    ...(blocks.length === 0 ? {} : { content: shorten(blocks) }),
    ...(result.isError ? { is_error: true } : {}),
  };
}

/** One text is a string, as every server of this dialect takes it; anything else is a list. */
export function shorten(blocks: WireBlock[]): string | WireBlock[] {
  const [first] = blocks;
  const plain = blocks.length === 1 && first?.type === "text" && Object.keys(first).length === 2;
  return plain ? String(first.text) : blocks;
}

import { type Message, type Part, Role, type ToolCall, type ToolResult } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import { parseExactly } from "../exact-json.ts";
import { asRecord, asString, type JsonRecord } from "../json.ts";
import { fieldOf, unsupported } from "../unsupported.ts";
import { encodeMedia, encodeResultMedia } from "./encode-media.ts";
import type { Scope } from "./scope.ts";
import { ownState } from "./state.ts";
import type { SdkMessage, SdkPart } from "./wire-types.ts";

/**
 * Options by which packages mark the end of a prefix that is to be cached, by the name of their options. Others cache by
 * themselves. Source: the packages' documentation, read 2026-11.
 */
const cacheMarks: Readonly<Record<string, JsonRecord>> = {
  anthropic: { cacheControl: { type: "ephemeral" } },
  bedrock: { cachePoint: { type: "default" } },
  amazonBedrock: { cachePoint: { type: "default" } },
  openrouter: { cacheControl: { type: "ephemeral" } },
};

/** The conversation. A system message of several parts is as many messages: the specification has text alone there. */
export function encodeMessages(scope: Scope): SdkMessage[] {
  return scope.prompt.messages.flatMap((message, at): SdkMessage[] => {
    const field = `prompt.messages[${at}]`;
    if (message.role === Role.SYSTEM) return encodeSystem(message, field, scope);
    const content = message.parts.flatMap((part, n) => {
      const path = `${field}.parts[${n}]`;
      const encoded = encodePart(part, message.role, path, scope);
      return encoded === undefined ? [] : [withOptions(encoded, part, path, scope)];
    });
    return content.length === 0 ? [] : [{ role: roles[message.role] ?? "user", content }];
  });
}

const roles: { readonly [role: number]: SdkMessage["role"] } = { [Role.ASSISTANT]: "assistant", [Role.TOOL]: "tool" };

function encodeSystem({ parts }: Message, field: string, scope: Scope): SdkMessage[] {
  return parts.map((part, n) => {
    const path = `${field}.parts[${n}]`;
    if (part.content.case !== "text") throw unsupported(`${path}.${fieldOf(part.content.case)}`, scope.target);
    const options = part.cacheBreakpoint === undefined ? {} : mark({}, scope);
    const message: SdkMessage = { role: "system", content: part.content.value, ...options };
    scope.asked.watch(message, "content", `${path}.text`);
    return message;
  });
}

/** Adds what the package said of the part when it gave it, and the mark for its cache. Watches that it is read. */
function withOptions(encoded: SdkPart, part: Part, path: string, scope: Scope): SdkPart {
  const given = part.content.case === "toolResult" ? undefined : ownState(part, scope.owner, path)?.metadata;
  const options = part.cacheBreakpoint === undefined ? given : (mark(given ?? {}, scope).providerOptions ?? given);
  if (options !== undefined) encoded.providerOptions = options;
  const payload = payloads[encoded.type];
  // Reasoning is for the model's use: a package whose provider has no place for it may leave it out.
  if (payload !== undefined) scope.asked.watch(encoded, payload, `${path}.${fieldOf(part.content.case)}`);
  return encoded;
}

/** Where a part's substance is. */
const payloads: Readonly<Record<string, string>> = {
  text: "text",
  file: "data",
  "tool-call": "input",
  "tool-result": "output",
};

function mark(given: JsonRecord, { optionsName }: Scope): { providerOptions?: JsonRecord } {
  const cache = cacheMarks[optionsName];
  if (cache === undefined) return {};
  return { providerOptions: { ...given, [optionsName]: { ...asRecord(given[optionsName]), ...cache } } };
}

/** One part; undefined where nothing of it is for this package. */
function encodePart(part: Part, role: Role, path: string, scope: Scope): SdkPart | undefined {
  const { content } = part;
  const field = `${path}.${fieldOf(content.case)}`;
  if (role === Role.TOOL) {
    if (content.case === "toolResult") return encodeToolResult(content.value, field, scope);
    throw unsupported(field, scope.target);
  }
  const answered = role === Role.ASSISTANT;
  switch (content.case) {
    case "text":
      // Models refuse empty texts; an earlier answer may hold some, of other providers above all.
      return answered && content.value === "" ? undefined : { type: "text", text: content.value };
    case "image":
    case "audio":
    case "file":
      return encodeMedia(content, field, scope);
    case "reasoning":
      if (answered) return encodeReasoning(part, content.value.text, path, scope);
      break;
    case "toolCall":
      if (answered) return encodeToolCall(content.value, field);
      break;
    case "toolResult":
    case undefined:
  }
  throw unsupported(field, scope.target);
}

/** Reasoning goes back to the package that gave it only: others cannot check it. */
function encodeReasoning(part: Part, text: string, path: string, { owner }: Scope): SdkPart | undefined {
  const state = ownState(part, owner, path);
  if (state === undefined) return undefined;
  const type = asString(state.part?.type);
  return type === undefined ? { type: "reasoning", text } : { ...state.part, type };
}

function encodeToolCall({ callId, name, argumentsJson }: ToolCall, field: string): SdkPart {
  const input = asRecord(parseExactly(argumentsJson || "{}"));
  if (input === undefined) {
    throw invalidRequest([{ field: `${field}.arguments_json`, description: "is no JSON object" }]);
  }
  return { type: "tool-call", toolCallId: callId, toolName: name, input };
}

function encodeToolResult(result: ToolResult, field: string, scope: Scope): SdkPart {
  const toolName = result.name || nameOf(result.callId, scope);
  if (toolName === undefined) {
    throw invalidRequest([{ field: `${field}.name`, description: "is needed: no tool call here has this call_id" }]);
  }
  return { type: "tool-result", toolCallId: result.callId, toolName, output: encodeOutput(result, field, scope) };
}

function nameOf(callId: string, { prompt }: Scope): string | undefined {
  for (const { parts } of prompt.messages) {
    for (const { content } of parts) {
      if (content.case === "toolCall" && content.value.callId === callId) return content.value.name;
    }
  }
  return undefined;
}

function encodeOutput({ parts, isError }: ToolResult, field: string, scope: Scope): SdkPart {
  const texts = parts.flatMap(({ content }) => (content.case === "text" ? [content.value] : []));
  if (texts.length === parts.length && (isError || parts.length <= 1)) {
    return { type: isError ? "error-text" : "text", value: texts.join("\n") };
  }
  if (isError) throw unsupported(`${field}.is_error`, scope.target, "say how the tool failed in text alone");
  const value = parts.map(({ content }, n): SdkPart => {
    const path = `${field}.parts[${n}].${fieldOf(content.case)}`;
    if (content.case === "text") return { type: "text", text: content.value };
    if (content.case === undefined) throw unsupported(path, scope.target);
    return encodeResultMedia(content, path, scope);
  });
  return { type: "content", value };
}

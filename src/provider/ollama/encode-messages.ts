import { type Image, ImageDetail, type Message, type Part, Role, type ToolResult } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import { base64 } from "../data-uri.ts";
import type { DialectTarget } from "../dialect.ts";
import { asRecord, type JsonRecord, parseJson } from "../json.ts";
import { fieldOf, unsupported } from "../unsupported.ts";
import type { WireMessage, WireToolCall } from "./wire-types.ts";

export function encodeMessages(messages: readonly Message[], target: DialectTarget): readonly WireMessage[] {
  const toolNames = namesOfCalls(messages);
  return messages.flatMap((message, at): WireMessage[] => {
    const field = `prompt.messages[${at}]`;
    switch (message.role) {
      case Role.SYSTEM:
        return [{ role: "system", ...encodeContent(message.parts, field, target) }];
      case Role.ASSISTANT:
        return [encodeAssistant(message, field, target)];
      case Role.TOOL:
        return message.parts.map((part, n) => {
          if (part.content.case !== "toolResult") throw unsupported(`${field}.parts[${n}]`, target);
          const { value } = part.content;
          const name = value.name || toolNames.get(value.callId);
          return encodeToolResult(value, name, `${field}.parts[${n}].tool_result`, target);
        });
      default:
        return [{ role: "user", ...encodeContent(message.parts, field, target) }];
    }
  });
}

/** Models are told which tool a result is of by its name. */
function namesOfCalls(messages: readonly Message[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const { parts } of messages) {
    for (const { content } of parts)
      if (content.case === "toolCall") names.set(content.value.callId, content.value.name);
  }
  return names;
}

type Piece = Part | ToolResult["parts"][number];

/** Text is one string, pictures are a list beside it. */
function encodeContent(
  parts: readonly Piece[],
  field: string,
  target: DialectTarget,
): Pick<WireMessage, "content" | "images"> {
  const texts: string[] = [];
  const images: string[] = [];
  parts.forEach(({ content }, n) => {
    const path = `${field}.parts[${n}].${fieldOf(content.case)}`;
    if (content.case === "text") texts.push(content.value);
    else if (content.case === "image") images.push(encodeImage(content.value, path, target));
    else throw unsupported(path, target);
  });
  return { content: texts.join("\n"), ...(images.length === 0 ? {} : { images }) };
}

function encodeImage({ source, detail }: Image, field: string, target: DialectTarget): string {
  if (source.case !== "data") throw unsupported(`${field}.uri`, target, "send its bytes instead");
  if (detail !== ImageDetail.UNSPECIFIED) throw unsupported(`${field}.detail`, target, "leave it out");
  return base64(source.value);
}

/** An earlier answer. */
function encodeAssistant(message: Message, field: string, target: DialectTarget): WireMessage {
  const calls: WireToolCall[] = [];
  const thinking: string[] = [];
  const texts: string[] = [];
  message.parts.forEach(({ content }, n) => {
    const path = `${field}.parts[${n}].${fieldOf(content.case)}`;
    switch (content.case) {
      case "text":
        texts.push(content.value);
        break;
      case "reasoning":
        thinking.push(content.value.text);
        break;
      case "toolCall": {
        const { callId, name, argumentsJson } = content.value;
        const args = parseArguments(argumentsJson, path);
        calls.push({ id: callId, function: { index: calls.length, name, arguments: args } });
        break;
      }
      default:
        throw unsupported(path, target);
    }
  });
  const thought = thinking.join("");
  return {
    role: "assistant",
    content: texts.join(""),
    ...(thought === "" ? {} : { thinking: thought }),
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** Arguments are an object on this wire. */
function parseArguments(json: string, field: string): JsonRecord {
  const parsed = json === "" ? {} : asRecord(parseJson(json));
  if (parsed !== undefined) return parsed;
  throw invalidRequest([{ field: `${field}.arguments_json`, description: "is no JSON object, which Ollama wants" }]);
}

function encodeToolResult(
  result: ToolResult,
  name: string | undefined,
  field: string,
  target: DialectTarget,
): WireMessage {
  return {
    role: "tool",
    ...encodeContent(result.parts, field, target),
    ...(name === undefined ? {} : { tool_name: name }),
    tool_call_id: result.callId,
  };
}

import {
  type Audio,
  type File,
  type Image,
  ImageDetail,
  type Message,
  type Part,
  Role,
  type ToolResult,
  type ToolResultPart,
} from "../../domain/contract.ts";
import { fitCallId } from "../call-ids.ts";
import { dataUri } from "../data-uri.ts";
import type { DialectTarget } from "../dialect.ts";
import { asArray, parseJson } from "../json.ts";
import { encodeInputAudio } from "../openai-audio.ts";
import { fieldOf, unsupported } from "../unsupported.ts";
import { DIALECT } from "./decode.ts";
import type { Feature, Quirks } from "./quirks.ts";
import type { WireContentPart, WireMessage, WireToolCall } from "./wire-types.ts";

export function encodeMessages(messages: readonly Message[], target: DialectTarget, quirks: Quirks): WireMessage[] {
  return messages.flatMap((message, at) => {
    const field = `prompt.messages[${at}]`;
    switch (message.role) {
      case Role.SYSTEM:
        return [{ role: "system" as const, content: encodeContent(message.parts, field, target, quirks) }];
      case Role.ASSISTANT:
        return encodeAssistant(message, field, target, quirks);
      case Role.TOOL:
        return message.parts.map((part, n) => {
          if (part.content.case !== "toolResult") throw unsupported(`${field}.parts[${n}]`, target);
          return encodeToolResult(part, part.content.value, `${field}.parts[${n}].tool_result`, target, quirks);
        });
      default:
        return [{ role: "user" as const, content: encodeContent(message.parts, field, target, quirks) }];
    }
  });
}

/** One text is a string, as every server takes it; anything else is a list. */
function encodeContent(
  parts: readonly Part[],
  field: string,
  target: DialectTarget,
  quirks: Quirks,
  place: "prompt" | "answer" = "prompt",
): string | WireContentPart[] {
  const [first] = parts;
  const mark = quirks.cacheMark(target.model, place);
  const marked = mark !== undefined && parts.some((part) => part.cacheBreakpoint !== undefined);
  if (parts.length === 1 && first?.content.case === "text" && !marked) return first.content.value;
  const list = parts.map((part, n) => {
    const encoded = encodePiece(part.content, `${field}.parts[${n}]`, target, quirks);
    return part.cacheBreakpoint === undefined ? encoded : { ...encoded, ...mark };
  });
  if (quirks.textLists || list.some((part) => part.type !== "text")) return list;
  return list.map((part) => String(part.text)).join("\n");
}

function encodePiece(
  content: Part["content"] | ToolResultPart["content"],
  field: string,
  target: DialectTarget,
  quirks: Quirks,
): WireContentPart {
  switch (content.case) {
    case "text":
      return { type: "text", text: content.value };
    case "image":
      return encodeImage(content.value, `${field}.image`, target, quirks);
    case "audio":
      return encodeAudio(content.value, `${field}.audio`, target, quirks);
    case "file":
      return encodeFile(content.value, `${field}.file`, target, quirks);
    default:
      throw unsupported(`${field}.${fieldOf(content.case)}`, target);
  }
}

function encodeImage(image: Image, field: string, target: DialectTarget, quirks: Quirks): WireContentPart {
  const lacks = (feature: Feature): boolean => quirks.unsupported.has(feature);
  if (lacks("image")) throw unsupported(field, target);
  if (image.source.case === "uri" && lacks("image.uri")) {
    throw unsupported(`${field}.uri`, target, "send its bytes or choose another model");
  }
  const detail = { [ImageDetail.LOW]: "low", [ImageDetail.HIGH]: "high" }[image.detail as number];
  if (detail !== undefined && lacks("image.detail")) throw unsupported(`${field}.detail`, target);
  return { type: "image_url", image_url: { url: urlOf(image), ...(detail === undefined ? {} : { detail }) } };
}

function urlOf({ source, mimeType }: Image): string {
  return source.case === "data" ? dataUri(mimeType, source.value) : (source.value ?? "");
}

function encodeAudio(audio: Audio, field: string, target: DialectTarget, quirks: Quirks): WireContentPart {
  if (quirks.unsupported.has("audio")) throw unsupported(field, target);
  return encodeInputAudio(audio, field, target);
}

function encodeFile(file: File, field: string, target: DialectTarget, quirks: Quirks): WireContentPart {
  const { source } = file;
  if (source.case === "uri") {
    if (quirks.fileUri === undefined)
      throw unsupported(`${field}.uri`, target, "send its bytes or choose another model");
    return quirks.fileUri(source.value, file.filename);
  }
  if (quirks.unsupported.has("file")) throw unsupported(field, target);
  if (source.case === "providerFileId") return { type: "file", file: { file_id: source.value } };
  const data = source.value ?? new Uint8Array();
  return { type: "file", file: { filename: file.filename || "file", file_data: dataUri(file.mimeType, data) } };
}

/**
 * An earlier answer. Its reasoning goes back only where the wire has a place for it: an answer of another provider
 * may be given back to any.
 */
function encodeAssistant(message: Message, field: string, target: DialectTarget, quirks: Quirks): WireMessage[] {
  const texts: Part[] = [];
  const calls: WireToolCall[] = [];
  const reasoning: string[] = [];
  const details: unknown[] = [];
  const images: WireContentPart[] = [];
  const sound = message.parts.find(({ content }) => content.case === "audio")?.providerState;
  const spoken = sound?.dialect === DIALECT && !quirks.unsupported.has("audio") ? sound.id : "";
  message.parts.forEach((part, n) => {
    // The provider knows by its id what was said, words and all.
    if (spoken !== "" && part.providerState?.id === spoken) return;
    const own = part.providerState?.dialect === DIALECT ? parseJson(part.providerState.data) : undefined;
    switch (part.content.case) {
      case "text":
        texts.push(part);
        break;
      case "toolCall": {
        const { callId, name, argumentsJson } = part.content.value;
        calls.push({
          id: encodeCallId(callId, quirks),
          type: "function",
          function: { name, arguments: argumentsJson || "{}" },
          ...(own === undefined ? {} : { extra_content: own }),
        });
        break;
      }
      case "reasoning":
        reasoning.push(part.content.value.text);
        details.push(...asArray(own));
        break;
      case "image":
        if (!quirks.answerExtras) throw unsupported(`${field}.parts[${n}].image`, target);
        images.push({ type: "image_url", image_url: { url: urlOf(part.content.value) } });
        break;
      default:
        throw unsupported(`${field}.parts[${n}].${fieldOf(part.content.case)}`, target);
    }
  });
  const encoded: WireMessage = { role: "assistant" };
  const content = texts.length === 0 ? null : encodeContent(texts, field, target, quirks, "answer");
  const thought = reasoning.join("");
  if (thought !== "" && quirks.reasoningField === "thinking-part") {
    const thinking: WireContentPart = { type: "thinking", thinking: [{ type: "text", text: thought }] };
    const rest = typeof content === "string" ? [{ type: "text", text: content }] : (content ?? []);
    encoded.content = [thinking, ...rest];
  } else {
    encoded.content = content;
    if (thought !== "" && quirks.reasoningField !== undefined) encoded[quirks.reasoningField] = thought;
  }
  // Others refuse messages with a field that they don't know (MiniMax, Groq; seen 2026).
  if (details.length > 0 && quirks.answerExtras) encoded.reasoning_details = details;
  if (images.length > 0) encoded.images = images;
  if (spoken !== "") encoded.audio = { id: spoken };
  if (calls.length > 0) encoded.tool_calls = calls;
  // An answer of which nothing is for this server, such as another's reasoning.
  const isEmpty = encoded.content === null && Object.keys(encoded).length === 2;
  return isEmpty ? [] : [encoded];
}

function encodeToolResult(
  part: Part,
  result: ToolResult,
  field: string,
  target: DialectTarget,
  quirks: Quirks,
): WireMessage {
  const list = result.parts.map(({ content }, n): WireContentPart => {
    const path = `${field}.parts[${n}]`;
    if (content.case === "text" || quirks.toolMedia) return encodePiece(content, path, target, quirks);
    throw unsupported(`${path}.${fieldOf(content.case)}`, target, "give the result as text");
  });
  const last = list.at(-1);
  const mark = part.cacheBreakpoint === undefined ? undefined : quirks.cacheMark(target.model, "prompt");
  if (last !== undefined && mark !== undefined) list[list.length - 1] = { ...last, ...mark };
  const plain = list.every(({ type }) => type === "text") && mark === undefined;
  const asText = plain && (list.length <= 1 || !quirks.textLists);
  const content = asText ? list.map(({ text }) => String(text)).join("\n") : list;
  return { role: "tool", tool_call_id: encodeCallId(result.callId, quirks), content };
}

function encodeCallId(callId: string, { callIds }: Quirks): string {
  return callIds === undefined ? callId : fitCallId(callId, callIds);
}

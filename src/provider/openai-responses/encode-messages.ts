import {
  type File,
  type Image,
  ImageDetail,
  type Message,
  type Part,
  Role,
  type ToolResult,
  type ToolResultPart,
} from "../../domain/contract.ts";
import { type CallIdRule, fitCallId } from "../call-ids.ts";
import { base64, dataUri } from "../data-uri.ts";
import type { DialectTarget } from "../dialect.ts";
import { asRecord } from "../json.ts";
import { encodeInputAudio } from "../openai-audio.ts";
import { BREAKPOINT } from "../openai-cache-marks.ts";
import { fieldOf, unsupported } from "../unsupported.ts";
import { PICTURE_ITEM } from "./extras.ts";
import type { Feature, Quirks } from "./quirks.ts";
import { canReturn, readOwn } from "./state.ts";
import type { WireContentPart, WireItem } from "./wire-types.ts";

/** "string too long. Expected a string with maximum length 64" (9router pull request 3167, 2026-11). */
const CALL_IDS: CallIdRule = { fits: /^.{1,64}$/s, length: 64 };

/** What messages are written for. */
export interface InputContext {
  readonly target: DialectTarget;
  readonly quirks: Quirks;
  /** The provider stores its answers, so that an id alone says what an item was. */
  readonly stored: boolean;
}

/** Instructions stay where they are: as messages of the input they can be anywhere in it. */
export function encodeInput(messages: readonly Message[], context: InputContext): WireItem[] {
  return messages.flatMap((message, at): WireItem[] => {
    const field = `prompt.messages[${at}]`;
    switch (message.role) {
      case Role.SYSTEM:
        return [{ role: "system", content: encodeContent(message.parts, field, context) }];
      case Role.ASSISTANT:
        return encodeAnswer(message.parts, field, context);
      case Role.TOOL:
        return message.parts.map((part, n) => {
          if (part.content.case !== "toolResult") throw unsupported(`${field}.parts[${n}]`, context.target);
          return encodeOutput(part, part.content.value, `${field}.parts[${n}].tool_result`, context);
        });
      default:
        return [{ role: "user", content: encodeContent(message.parts, field, context) }];
    }
  });
}

/** One text is a string, as every server takes it; anything else is a list. */
function encodeContent(parts: readonly Part[], field: string, context: InputContext): string | WireContentPart[] {
  const [first] = parts;
  if (parts.length === 1 && first?.content.case === "text" && !isMarked(first, context)) return first.content.value;
  return parts.map((part, n) => {
    const encoded = encodePiece(part.content, `${field}.parts[${n}]`, context);
    return isMarked(part, context) ? marked(encoded) : encoded;
  });
}

function isMarked(part: Part, { quirks, target }: InputContext): boolean {
  return part.cacheBreakpoint !== undefined && quirks.takesCacheMarks(target.model);
}

function marked(part: WireContentPart): WireContentPart {
  return { ...part, ...BREAKPOINT };
}

function encodePiece(
  content: Part["content"] | ToolResultPart["content"],
  field: string,
  context: InputContext,
): WireContentPart {
  const has = (feature: Feature, lacking: string): void => {
    if (context.quirks.unsupported.has(feature)) throw unsupported(lacking, context.target);
  };
  switch (content.case) {
    case "text":
      return { type: "input_text", text: content.value };
    case "image":
      return encodeImage(content.value);
    case "audio":
      has("audio", `${field}.audio`);
      return encodeInputAudio(content.value, `${field}.audio`, context.target);
    case "file":
      if (content.value.source.case === "data") has("file.data", `${field}.file.data`);
      return encodeFile(content.value);
    default:
      throw unsupported(`${field}.${fieldOf(content.case)}`, context.target);
  }
}

const details: { readonly [detail: number]: string } = { [ImageDetail.LOW]: "low", [ImageDetail.HIGH]: "high" };

function encodeImage({ source, mimeType, detail }: Image): WireContentPart {
  const url = source.case === "data" ? dataUri(mimeType, source.value) : (source.value ?? "");
  // The wire's default, said because vLLM wants the field (vLLM's schema, 2026-11).
  return { type: "input_image", image_url: url, detail: details[detail] ?? "auto" };
}

function encodeFile({ source, filename, mimeType }: File): WireContentPart {
  const named = filename === "" ? {} : { filename };
  switch (source.case) {
    case "providerFileId":
      return { type: "input_file", file_id: source.value };
    case "uri":
      return { type: "input_file", file_url: source.value, ...named };
    default: {
      const data = dataUri(mimeType, source.value ?? new Uint8Array());
      return { type: "input_file", filename: filename || "file", file_data: data };
    }
  }
}

/**
 * An earlier answer, item by item in its order. Reasoning goes back only with the state that came with it: an answer
 * of another provider may be given back to any.
 */
function encodeAnswer(parts: readonly Part[], field: string, { target, quirks, stored }: InputContext): WireItem[] {
  const items: WireItem[] = [];
  let open: { readonly id: string; readonly content: WireContentPart[] } | undefined;
  parts.forEach((part, n) => {
    const own = readOwn(part.providerState, quirks.stateName);
    const before = open;
    open = undefined;
    switch (part.content.case) {
      case "text": {
        if (own === undefined) {
          items.push({ role: "assistant", content: part.content.value });
          return;
        }
        const content = encodeText(part.content.value, own.data.part);
        if (before !== undefined && before.id !== "" && before.id === own.id) {
          before.content.push(content);
          open = before;
          return;
        }
        open = { id: own.id, content: [content] };
        items.push({
          ...idOf(own.id),
          status: "completed",
          ...asRecord(own.data.item),
          type: "message",
          role: "assistant",
          content: open.content,
        });
        return;
      }
      case "toolCall": {
        const { callId, name, argumentsJson } = part.content.value;
        items.push({
          ...(own === undefined ? {} : { ...idOf(own.id), status: "completed", ...own.data }),
          type: "function_call",
          call_id: fitCallId(callId, CALL_IDS),
          name,
          arguments: argumentsJson || "{}",
        });
        return;
      }
      case "reasoning":
        if (own !== undefined && canReturn(own.data, stored)) items.push(own.data);
        return;
      case "image": {
        const { source } = part.content.value;
        if (own?.data.type !== PICTURE_ITEM || source.case !== "data") break;
        items.push({ ...own.data, result: base64(source.value) });
        return;
      }
      default:
    }
    throw unsupported(`${field}.parts[${n}].${fieldOf(part.content.case)}`, target);
  });
  return items;
}

function idOf(id: string): { readonly id?: string } {
  return id === "" ? {} : { id };
}

/** A text of the model as it came: it may have been a refusal, or have had annotations. */
function encodeText(text: string, kept: unknown): WireContentPart {
  const rest = asRecord(kept);
  if (rest?.type === "refusal") return { type: "refusal", refusal: text };
  return { annotations: [], ...rest, type: "output_text", text };
}

function encodeOutput(part: Part, result: ToolResult, field: string, context: InputContext): WireItem {
  const call_id = fitCallId(result.callId, CALL_IDS);
  return { type: "function_call_output", call_id, output: encodeResult(part, result, field, context) };
}

function encodeResult(
  part: Part,
  { parts }: ToolResult,
  field: string,
  context: InputContext,
): string | WireContentPart[] {
  const texts = parts.flatMap(({ content }) => (content.case === "text" ? [content.value] : []));
  const isText = texts.length === parts.length;
  if (context.quirks.unsupported.has("tool_result.parts")) {
    if (isText) return texts.join("\n");
    const n = parts.findIndex(({ content }) => content.case !== "text");
    const kind = fieldOf(parts[n]?.content.case);
    throw unsupported(`${field}.parts[${n}].${kind}`, context.target, "give the result as text");
  }
  const isCached = isMarked(part, context);
  if (isText && texts.length <= 1 && !isCached) return texts.join("");
  return parts.map(({ content }, n) => {
    const encoded = encodePiece(content, `${field}.parts[${n}]`, context);
    return isCached && n === parts.length - 1 ? marked(encoded) : encoded;
  });
}

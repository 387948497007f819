import { Buffer } from "node:buffer";
import {
  type File,
  type Image,
  ImageDetail,
  type Message,
  type Part,
  Role,
  type ToolResult,
} from "../../domain/contract.ts";
import { dataUri } from "../data-uri.ts";
import type { DialectTarget } from "../dialect.ts";
import { fieldOf, unsupported } from "../unsupported.ts";
import { DIALECT, TOOL_PLAN } from "./decode.ts";
import type { WireContent, WireDocument, WireMessage, WireToolCall } from "./wire-types.ts";

/** A conversation on this wire: users' documents are not in their messages but beside them all. */
export interface EncodedMessages {
  readonly messages: readonly WireMessage[];
  readonly documents: readonly WireDocument[];
}

export function encodeMessages(messages: readonly Message[], target: DialectTarget): EncodedMessages {
  const documents: WireDocument[] = [];
  const encoded = messages.flatMap((message, at): WireMessage[] => {
    const field = `prompt.messages[${at}]`;
    switch (message.role) {
      case Role.SYSTEM:
        return [{ role: "system", content: encodeContent(message.parts, field, target, documents) }];
      case Role.ASSISTANT:
        return encodeAssistant(message, field, target);
      case Role.TOOL:
        return message.parts.map((part, n) => {
          if (part.content.case !== "toolResult") throw unsupported(`${field}.parts[${n}]`, target);
          return encodeToolResult(part.content.value, `${field}.parts[${n}].tool_result`, target);
        });
      default:
        return [{ role: "user", content: encodeContent(message.parts, field, target, documents) }];
    }
  });
  return { messages: encoded, documents };
}

/** One text is a string; anything else is a list. Files of text join the request's documents. */
function encodeContent(
  parts: readonly Part[],
  field: string,
  target: DialectTarget,
  documents: WireDocument[],
): string | WireContent[] {
  const [first] = parts;
  if (parts.length === 1 && first?.content.case === "text") return first.content.value;
  return parts.flatMap(({ content }, n): WireContent[] => {
    const path = `${field}.parts[${n}]`;
    switch (content.case) {
      case "text":
        return [{ type: "text", text: content.value }];
      case "image":
        return [encodeImage(content.value)];
      case "file":
        documents.push({ id: `doc:${documents.length}`, ...encodeDocument(content.value, `${path}.file`, target) });
        return [];
      default:
        throw unsupported(`${path}.${fieldOf(content.case)}`, target);
    }
  });
}

function encodeImage(image: Image): WireContent {
  const url = image.source.case === "data" ? dataUri(image.mimeType, image.source.value) : (image.source.value ?? "");
  const detail = { [ImageDetail.LOW]: "low", [ImageDetail.HIGH]: "high" }[image.detail as number];
  return { type: "image_url", image_url: { url, ...(detail === undefined ? {} : { detail }) } };
}

/** Types of files that are text: what Cohere can cite. It reads no PDFs. */
const TEXTUAL = /^(text\/|application\/(json|xml|yaml|x-yaml)\b)/i;

function encodeDocument(file: File, field: string, target: DialectTarget): WireDocument {
  const { source } = file;
  if (source.case !== "data") {
    throw unsupported(
      `${field}.${source.case === "uri" ? "uri" : "provider_file_id"}`,
      target,
      "send its bytes instead",
    );
  }
  if (!TEXTUAL.test(file.mimeType)) throw unsupported(`${field}.mime_type`, target, "send the document's text instead");
  const { buffer, byteOffset, byteLength } = source.value;
  const text = Buffer.from(buffer, byteOffset, byteLength).toString("utf8");
  return { data: { ...(file.filename === "" ? {} : { title: file.filename }), text } };
}

/** An earlier answer. Reasoning of any provider has a place here; what this one planned has another. */
function encodeAssistant(message: Message, field: string, target: DialectTarget): WireMessage[] {
  const content: WireContent[] = [];
  const calls: WireToolCall[] = [];
  const plan: string[] = [];
  message.parts.forEach((part, n) => {
    const { content: said, providerState: state } = part;
    switch (said.case) {
      case "text":
        content.push({ type: "text", text: said.value });
        break;
      case "reasoning":
        if (state?.dialect === DIALECT && state.data === TOOL_PLAN) plan.push(said.value.text);
        else if (said.value.text !== "") content.push({ type: "thinking", thinking: said.value.text });
        break;
      case "toolCall": {
        const { callId, name, argumentsJson } = said.value;
        calls.push({ id: callId, type: "function", function: { name, arguments: argumentsJson || "{}" } });
        break;
      }
      default:
        throw unsupported(`${field}.parts[${n}].${fieldOf(said.case)}`, target);
    }
  });
  // An answer of which nothing is for this wire, such as another's encrypted reasoning.
  if (content.length + plan.length + calls.length === 0) return [];
  const [first] = content;
  const alone = content.length === 1 && first?.type === "text" ? String(first.text) : content;
  return [
    {
      role: "assistant",
      ...(content.length === 0 ? {} : { content: alone }),
      ...(plan.length === 0 ? {} : { tool_plan: plan.join("") }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
  ];
}

/** What a tool said: one text is a string; several pieces are a list, and files of text are documents to cite. */
function encodeToolResult({ callId, parts }: ToolResult, field: string, target: DialectTarget): WireMessage {
  const role = "tool";
  const [first] = parts;
  if (first === undefined) return { role, tool_call_id: callId, content: "" };
  if (parts.length === 1 && first.content.case === "text") {
    return { role, tool_call_id: callId, content: first.content.value };
  }
  const content = parts.map(({ content: said }, n): WireContent => {
    const path = `${field}.parts[${n}].${fieldOf(said.case)}`;
    switch (said.case) {
      case "text":
        return { type: "text", text: said.value };
      case "file":
        return { type: "document", document: encodeDocument(said.value, path, target) };
      default:
        throw unsupported(path, target, "give the result as text");
    }
  });
  return { role, tool_call_id: callId, content };
}

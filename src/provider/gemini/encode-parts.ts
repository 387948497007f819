import { Buffer } from "node:buffer";
import type { Audio, File, Image, Part, ToolResultPart } from "../../domain/contract.ts";
import type { DialectTarget } from "../dialect.ts";
import { unsupported } from "../unsupported.ts";
import type { Flavour } from "./quirks.ts";
import type { WirePart } from "./wire-types.ts";

/** Whom parts are written for. */
export interface Context {
  readonly target: DialectTarget;
  readonly flavour: Flavour;
}

type Content = Part["content"] | ToolResultPart["content"];

/** Text and media, which are the same in messages of all roles and in results of tools. */
export function encodeContent(content: Content, field: string, context: Context): WirePart {
  switch (content.case) {
    case "text":
      return { text: content.value };
    case "image":
    case "audio":
    case "file":
      return encodeMedia(content.value, `${field}.${content.case}`, context);
    default:
      throw unsupported(`${field}.${snake(content.case ?? "content")}`, context.target);
  }
}

function encodeMedia(media: Image | Audio | File, field: string, { target, flavour }: Context): WirePart {
  const { source, mimeType } = media;
  const filename = "filename" in media && flavour.filenameField !== undefined ? media.filename : "";
  const named = filename === "" ? {} : { [flavour.filenameField ?? ""]: filename };
  if (source.case === "data") return { inlineData: { mimeType, data: toBase64(source.value), ...named } };
  if (source.case === "providerFileId") {
    if (flavour.fileUri === undefined) throw unsupported(`${field}.provider_file_id`, target, "give a uri instead");
    return fileData(flavour.fileUri(source.value), mimeType, named);
  }
  const uri = source.value ?? "";
  const inline = /^data:([^;,]+);base64,(.*)$/s.exec(uri);
  if (inline !== null) return { inlineData: { mimeType: mimeType || inline[1], data: inline[2], ...named } };
  if (mimeType === "" && flavour.mimeTypeRequired) {
    throw unsupported(`${field}.uri`, target, "give its mime_type, too");
  }
  return fileData(uri, mimeType, named);
}

function fileData(fileUri: string, mimeType: string, named: WirePart): WirePart {
  return { fileData: { ...(mimeType === "" ? {} : { mimeType }), fileUri, ...named } };
}

function toBase64(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64");
}

function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

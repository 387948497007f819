import { Buffer } from "node:buffer";
import { type File, type Image, ImageDetail } from "../../domain/contract.ts";
import { base64 } from "../data-uri.ts";
import { unsupported } from "../unsupported.ts";
import type { Scope } from "./scope.ts";
import type { WireBlock } from "./wire-types.ts";

/** Feature that files by their id need. Source: Claude API docs, "Files API", read 2026-11. */
const FILES_BETA = "files-api-2025-04-14";

export function encodeImage(image: Image, field: string, scope: Scope): WireBlock {
  if (image.detail !== ImageDetail.UNSPECIFIED) throw unsupported(`${field}.detail`, scope.target);
  const { source } = image;
  if (source.case === "uri") return { type: "image", source: uriSource(source.value, field, scope) };
  return { type: "image", source: bytesSource(image.mimeType, source.value ?? new Uint8Array()) };
}

/** PDFs and plain text are documents; a file that was uploaded before can be a picture, too. */
export function encodeFile(file: File, field: string, scope: Scope): WireBlock {
  const { source, filename } = file;
  const mimeType = file.mimeType.toLowerCase();
  const title = filename === "" ? {} : { title: filename };
  switch (source.case) {
    case "uri":
      return { type: "document", source: uriSource(source.value, field, scope), ...title };
    case "providerFileId": {
      if (!scope.quirks.fileIds) throw unsupported(`${field}.provider_file_id`, scope.target, "send its bytes instead");
      scope.betas.add(FILES_BETA);
      const uploaded = { type: "file", file_id: source.value };
      return mimeType.startsWith("image/")
        ? { type: "image", source: uploaded }
        : { type: "document", source: uploaded, ...title };
    }
    default: {
      const data = source.value ?? new Uint8Array();
      if (mimeType === "application/pdf") return { type: "document", source: bytesSource(mimeType, data), ...title };
      if (!mimeType.startsWith("text/")) {
        throw unsupported(`${field}.mime_type`, scope.target, "send application/pdf or text");
      }
      const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("utf8");
      return { type: "document", source: { type: "text", media_type: "text/plain", data: text }, ...title };
    }
  }
}

function bytesSource(mimeType: string, data: Uint8Array): WireBlock {
  return { type: "base64", media_type: mimeType, data: base64(data) };
}

/** An address that the platform fetches, or bytes that are written as one. */
function uriSource(uri: string, field: string, scope: Scope): WireBlock {
  const inline = /^data:([^;,]+);base64,/i.exec(uri);
  if (inline !== null) return { type: "base64", media_type: inline[1], data: uri.slice(inline[0].length) };
  if (!scope.quirks.mediaUri) throw unsupported(`${field}.uri`, scope.target, "send its bytes instead");
  return { type: "url", url: uri };
}

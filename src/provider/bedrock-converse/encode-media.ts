import { Buffer } from "node:buffer";
import { type Audio, type File, type Image, ImageDetail } from "../../domain/contract.ts";
import type { DialectTarget } from "../dialect.ts";
import type { JsonRecord } from "../json.ts";
import { unsupported } from "../unsupported.ts";
import type { WireBlock } from "./wire-types.ts";

/** Formats that the wire names; the rest it does not take. Source: models of the AWS SDK 3.1164, 2026-11. */
const imageFormats: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpeg",
  "image/jpg": "jpeg",
  "image/gif": "gif",
  "image/webp": "webp",
};

const audioFormats: Readonly<Record<string, string>> = {
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/wave": "wav",
  "audio/vnd.wave": "wav",
  "audio/aac": "aac",
  "audio/flac": "flac",
  "audio/ogg": "ogg",
  "audio/opus": "opus",
  "audio/webm": "webm",
  "audio/mp4": "m4a",
  "audio/x-m4a": "m4a",
};

const documentFormats: Readonly<Record<string, string>> = {
  "application/pdf": "pdf",
  "text/csv": "csv",
  "application/msword": "doc",
  "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
  "application/vnd.ms-excel": "xls",
  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
  "text/html": "html",
  "text/plain": "txt",
  "text/markdown": "md",
};

const videoFormats: Readonly<Record<string, string>> = {
  "video/mp4": "mp4",
  "video/quicktime": "mov",
  "video/webm": "webm",
  "video/x-matroska": "mkv",
  "video/x-flv": "flv",
  "video/mpeg": "mpeg",
  "video/x-ms-wmv": "wmv",
  "video/3gpp": "three_gp",
};

interface Media {
  readonly source: { readonly case: string | undefined; readonly value?: Uint8Array | string | undefined };
  readonly mimeType: string;
}

export function encodeImage(image: Image, field: string, target: DialectTarget): WireBlock {
  if (image.detail !== ImageDetail.UNSPECIFIED) throw unsupported(`${field}.detail`, target);
  const format = formatOf(image, imageFormats, field, target);
  return { image: { format, source: encodeSource(image, field, target) } };
}

export function encodeAudio(audio: Audio, field: string, target: DialectTarget): WireBlock {
  const format = formatOf(audio, audioFormats, field, target);
  return { audio: { format, source: encodeSource(audio, field, target) } };
}

/** Documents, and videos: the contract has no part of their own for these. */
export function encodeFile(file: File, field: string, target: DialectTarget, names: DocumentNames): WireBlock {
  if (file.source.case === "providerFileId") throw unsupported(`${field}.provider_file_id`, target, "send its bytes");
  const source = encodeSource(file, field, target);
  if (file.mimeType.toLowerCase().startsWith("video/")) {
    return { video: { format: formatOf(file, videoFormats, field, target), source } };
  }
  const format = formatOf(file, documentFormats, field, target);
  return { document: { format, name: names.take(file.filename), source } };
}

/** By the MIME type, or where an address stands for the bytes and has none, by its ending. */
function formatOf(
  media: Media,
  formats: Readonly<Record<string, string>>,
  field: string,
  target: DialectTarget,
): string {
  const mimeType = media.mimeType.toLowerCase().split(";", 1)[0]?.trim() ?? "";
  const ending = mimeType === "" ? /\.([a-z0-9]+)$/i.exec(String(media.source.value))?.[1]?.toLowerCase() : undefined;
  const byEnding = ending === "jpg" ? "jpeg" : Object.values(formats).find((format) => format === ending);
  const format = formats[mimeType] ?? byEnding;
  if (format !== undefined) return format;
  throw unsupported(`${field}.mime_type`, target, `it takes ${[...new Set(Object.keys(formats))].join(", ")}`);
}

function encodeSource({ source }: Media, field: string, target: DialectTarget): JsonRecord {
  const { value } = source;
  if (value instanceof Uint8Array) {
    return { bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64") };
  }
  if (value?.startsWith("s3://") === true) return { s3Location: { uri: value } };
  throw unsupported(`${field}.uri`, target, "send its bytes, or the address of an object in Amazon S3 (s3:)");
}

/**
 * Names of a request's documents. The wire wants one for each, no two alike, of letters, digits, single spaces, hyphens
 * and brackets: file names lose their ending, which the format says, and what else does not fit becomes a hyphen.
 */
export class DocumentNames {
  readonly #taken = new Set<string>();

  take(filename: string): string {
    const stem = filename
      .replace(/\.[a-z0-9]{1,5}$/i, "")
      .replace(/\s+/g, " ")
      .replace(/[^a-zA-Z0-9 ()[\]-]/g, "-")
      .slice(0, 180)
      .trim();
    let name = stem || `Document ${this.#taken.size + 1}`;
    for (let n = 2; this.#taken.has(name); n++) name = `${stem || "Document"} (${n})`;
    this.#taken.add(name);
    return name;
  }
}

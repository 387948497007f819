import { asRecord, asString, type JsonRecord } from "../json.ts";
import type { SdkPart, Version } from "./wire-types.ts";

/** Where the bytes of a picture, of sound or of a document are. */
export type FileSource =
  | { readonly kind: "bytes"; readonly data: Uint8Array; readonly base64: string }
  | { readonly kind: "uri"; readonly uri: string }
  /** Uploaded before, under this id at this provider. */
  | { readonly kind: "reference"; readonly provider: string; readonly id: string };

/** How a version of the specification writes what the versions write differently. Undefined: it cannot. */
export interface Form {
  /** Tools can be held to their schema. */
  readonly strictTools: boolean;
  /** There is a common word for how much to reason. */
  readonly reasoning: boolean;
  /** `data` of a file in a message. */
  fileData(source: FileSource): unknown;
  /** A file in a tool's result. */
  resultFile(source: FileSource, mediaType: string, filename: string): SdkPart | undefined;
}

function plainData(source: FileSource): unknown {
  if (source.kind === "bytes") return source.data;
  return source.kind === "uri" ? new URL(source.uri) : undefined;
}

function taggedData(source: FileSource): unknown {
  switch (source.kind) {
    case "bytes":
      return { type: "data", data: source.data };
    case "uri":
      return { type: "url", url: new URL(source.uri), originalUrl: source.uri };
    case "reference":
      return { type: "reference", reference: { [source.provider]: source.id } };
  }
}

const named = (filename: string): { filename?: string } => (filename === "" ? {} : { filename });

export const forms: Readonly<Record<Version, Form>> = {
  v2: {
    strictTools: false,
    reasoning: false,
    fileData: plainData,
    resultFile: (source, mediaType) =>
      source.kind === "bytes" ? { type: "media", data: source.base64, mediaType } : undefined,
  },
  v3: {
    strictTools: true,
    reasoning: false,
    fileData: plainData,
    resultFile(source, mediaType, filename) {
      const kind = mediaType.startsWith("image") ? "image" : "file";
      switch (source.kind) {
        case "bytes":
          return { type: `${kind}-data`, data: source.base64, mediaType, ...(kind === "file" ? named(filename) : {}) };
        case "uri":
          return { type: `${kind}-url`, url: source.uri };
        case "reference":
          return { type: kind === "image" ? "image-file-id" : "file-id", fileId: { [source.provider]: source.id } };
      }
    },
  },
  v4: {
    strictTools: true,
    reasoning: true,
    fileData: taggedData,
    resultFile: (source, mediaType, filename) => ({
      type: "file",
      data: taggedData(source),
      mediaType,
      ...named(filename),
    }),
  },
};

/** A part of an answer as version 4 has it, whatever version the model implements. */
export function upgradePart(part: JsonRecord, version: Version): JsonRecord {
  if (version === "v4") return part;
  switch (part.type) {
    case "file":
      return { ...part, data: { type: "data", data: part.data } };
    case "stream-start":
      return version === "v2" ? { ...part, warnings: upgradeWarnings(part.warnings) } : part;
    case "finish":
      return version === "v2"
        ? { ...part, finishReason: upgradeFinish(part.finishReason), usage: upgradeUsage(part.usage) }
        : part;
    default:
      return part;
  }
}

function upgradeWarnings(warnings: unknown): unknown {
  if (!Array.isArray(warnings)) return warnings;
  return warnings.map((warning: unknown) => {
    const { type, setting, tool, details } = asRecord(warning) ?? {};
    if (type === "unsupported-setting") return { type: "unsupported", feature: setting, details };
    if (type === "unsupported-tool") {
      return { type: "unsupported", feature: `tool ${asString(asRecord(tool)?.name) ?? ""}`, details };
    }
    return warning;
  });
}

/** Version 2 has no words of the provider, and `unknown` where it said none. */
function upgradeFinish(word: unknown): JsonRecord {
  return word === "unknown" ? { unified: "other", raw: undefined } : { unified: word, raw: word };
}

/**
 * Version 2 leaves open whether the prompt's tokens include the cached ones: most packages count them in. Those that
 * don't are seen only where there are more cached tokens than all.
 */
function upgradeUsage(value: unknown): JsonRecord {
  const { inputTokens, outputTokens, reasoningTokens, cachedInputTokens: cached } = asRecord(value) ?? {};
  const outside = typeof inputTokens === "number" && typeof cached === "number" && cached > inputTokens;
  return {
    inputTokens: { total: outside ? inputTokens + cached : inputTokens, cacheRead: cached },
    outputTokens: { total: outputTokens, reasoning: reasoningTokens },
  };
}

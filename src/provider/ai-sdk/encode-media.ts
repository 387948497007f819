import { type Audio, type File, type Image, ImageDetail } from "../../domain/contract.ts";
import { base64 } from "../data-uri.ts";
import { unsupported } from "../unsupported.ts";
import type { Scope } from "./scope.ts";
import type { FileSource } from "./versions.ts";
import type { SdkPart } from "./wire-types.ts";

/** A picture, sound or document, as packages know them: all are files. */
interface Media {
  readonly source: FileSource;
  readonly mediaType: string;
  readonly filename: string;
}

/** Media in a message. */
export function encodeMedia(kind: MediaKind, field: string, scope: Scope): SdkPart {
  const { source, mediaType, filename } = read(kind, field, scope);
  const data = scope.form.fileData(source);
  if (data === undefined) throw unsupported(`${field}.provider_file_id`, scope.target, "send its bytes instead");
  return { type: "file", data, mediaType, ...(filename === "" ? {} : { filename }) };
}

/** Media in a tool's result. */
export function encodeResultMedia(kind: MediaKind, field: string, scope: Scope): SdkPart {
  const { source, mediaType, filename } = read(kind, field, scope);
  const part = scope.form.resultFile(source, mediaType, filename);
  if (part === undefined) throw unsupported(field, scope.target, "send its bytes instead");
  return part;
}

export type MediaKind =
  | { readonly case: "image"; readonly value: Image }
  | { readonly case: "audio"; readonly value: Audio }
  | { readonly case: "file"; readonly value: File };

function read(kind: MediaKind, field: string, scope: Scope): Media {
  const { source, mimeType } = kind.value;
  if (kind.case === "image" && kind.value.detail !== ImageDetail.UNSPECIFIED) {
    throw unsupported(`${field}.detail`, scope.target);
  }
  // A picture or sound is one whatever its form; of a document packages must know it.
  if (mimeType === "" && kind.case === "file") {
    throw unsupported(`${field}.mime_type`, scope.target, "say what the document is, such as application/pdf");
  }
  return {
    source: readSource(source, scope),
    mediaType: mimeType || `${kind.case}/*`,
    filename: kind.case === "file" ? kind.value.filename : "",
  };
}

function readSource(source: MediaKind["value"]["source"], { optionsName }: Scope): FileSource {
  switch (source.case) {
    case "uri":
      return { kind: "uri", uri: source.value };
    case "providerFileId":
      return { kind: "reference", provider: optionsName, id: source.value };
    default: {
      const data = source.value ?? new Uint8Array();
      return {
        kind: "bytes",
        data,
        get base64() {
          return base64(data);
        },
      };
    }
  }
}

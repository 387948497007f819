import type { Audio } from "../domain/contract.ts";
import { base64 } from "./data-uri.ts";
import type { DialectTarget } from "./dialect.ts";
import { unsupported } from "./unsupported.ts";

/** Formats that the wire names for sound; the rest it does not take. */
const formats: Readonly<Record<string, string>> = {
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/wave": "wav",
  "audio/vnd.wave": "wav",
  "audio/mpeg": "mp3",
  "audio/mp3": "mp3",
};

/** A content part for sound, alike in chat completions and responses. Throws `FEATURE_UNSUPPORTED`. */
export function encodeInputAudio(audio: Audio, field: string, target: DialectTarget) {
  if (audio.source.case !== "data") throw unsupported(`${field}.uri`, target, "send its bytes instead");
  const format = formats[audio.mimeType.toLowerCase()];
  if (format === undefined) throw unsupported(`${field}.mime_type`, target, "send audio/wav or audio/mpeg");
  return { type: "input_audio", input_audio: { data: base64(audio.source.value), format } };
}

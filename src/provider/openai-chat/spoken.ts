import { Buffer } from "node:buffer";
import type { BlockKind } from "../../domain/event.ts";
import { asRecord, asString } from "../json.ts";

/** What a file of sound begins with. What begins otherwise has no head: the samples that streams are made of. */
const heads: readonly (readonly [head: RegExp, mimeType: string])[] = [
  [/^RIFF/, "audio/wav"],
  [/^fLaC/, "audio/flac"],
  [/^OggS/, "audio/ogg"],
  [/^(ID3|\xff[\xe0-\xff])/, "audio/mpeg"],
];

/**
 * An answer that is spoken: `audio` of a message, in a stream in pieces, of which each is base64 of its own. Its words come
 * beside it. Source: OpenAI API reference, "Create chat completion", read 2026-11.
 */
export class Spoken {
  /** By this id the provider knows it in the next turn, for a while. */
  id = "";
  readonly #pieces: Buffer[] = [];

  /** Takes a piece, and returns what was said in it. */
  add(value: unknown): string {
    const piece = asRecord(value);
    if (piece === undefined) return "";
    this.id ||= asString(piece.id) ?? "";
    const data = asString(piece.data) ?? "";
    if (data !== "") this.#pieces.push(Buffer.from(data, "base64"));
    return asString(piece.transcript) ?? "";
  }

  /** The sound, once all of it came; undefined where there is none. */
  take(): BlockKind | undefined {
    if (this.#pieces.length === 0) return undefined;
    const data = Buffer.concat(this.#pieces);
    const start = data.toString("latin1", 0, 4);
    const mimeType = heads.find(([head]) => head.test(start))?.[1] ?? "audio/pcm";
    return {
      case: "audio",
      value: { $typeName: "sluice.v1.Audio", source: { case: "data", value: data }, mimeType },
    };
  }
}

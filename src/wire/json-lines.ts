import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Frame, FrameParser } from "./frame.ts";

/**
 * JSON lines (NDJSON): a frame for each line that is not blank. Lines end in LF or CR LF; bytes that are no UTF-8
 * become U+FFFD. `push` throws `UPSTREAM_RESPONSE_TOO_LARGE` for a line above `maxEventChars`.
 */
export function createJsonLinesParser(maxEventChars: number): FrameParser {
  const decoder = new TextDecoder("utf-8");
  /** The line that has begun, in the pieces in which it came: joining each time would cost the square of its length. */
  let pieces: string[] = [];
  let chars = 0;

  function add(piece: string): void {
    chars += piece.length;
    if (chars > maxEventChars) {
      throw new GatewayError(
        ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE,
        `The upstream sent a line larger than ${maxEventChars} characters (limits.max_event_bytes).`,
      );
    }
    if (piece !== "") pieces.push(piece);
  }

  /** The line is whole: its frame, unless it is blank. */
  function end(frames: Frame[]): void {
    const line = pieces.length === 1 ? (pieces[0] ?? "") : pieces.join("");
    pieces = [];
    chars = 0;
    const data = line.endsWith("\r") ? line.slice(0, -1) : line;
    if (data.trim() !== "") frames.push({ data });
  }

  function feed(text: string): readonly Frame[] {
    let from = 0;
    let frames: Frame[] | undefined;
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
      frames ??= [];
      add(text.slice(from, at));
      end(frames);
      from = at + 1;
    }
    add(text.slice(from));
    return frames ?? NO_FRAMES;
  }

  return {
    push: (chunk) => feed(decoder.decode(chunk, { stream: true })),
    // The last line may lack its line feed. One cut in the middle comes out too: its JSON does not parse, so the
    // dialect fails it.
    finish: () => feed(`${decoder.decode()}\n`),
  };
}

const NO_FRAMES: readonly Frame[] = [];

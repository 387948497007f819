import { createParser } from "eventsource-parser";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Frame, FrameParser } from "./frame.ts";

/**
 * Server-sent events, by the WHATWG's rules for lines (CR, LF, CRLF), comments, byte order mark and UTF-8 (what is
 * invalid becomes U+FFFD). `push` throws `UPSTREAM_RESPONSE_TOO_LARGE` for an event above `maxEventChars`.
 */
export function createSseParser(maxEventChars: number): FrameParser {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let frames: Frame[] = [];
  let overflowed = false;
  const parser = createParser({
    maxBufferSize: maxEventChars,
    onEvent: (message) => frames.push(message),
    onError: (error) => {
      overflowed ||= error.type === "max-buffer-size-exceeded";
    },
  });

  function feed(text: string): readonly Frame[] {
    if (text !== "") parser.feed(text);
    if (overflowed) throw eventTooLarge(maxEventChars);
    if (frames.length === 0) return NO_FRAMES;
    const complete = frames;
    frames = [];
    return complete;
  }

  return {
    push: (chunk) => feed(decoder.decode(chunk, { stream: true })),
    // A stream may lack its last blank line. An event cut in the middle comes out too: its JSON does not parse, so
    // the dialect fails it.
    finish: () => feed(`${decoder.decode()}\n\n`),
  };
}

export function eventTooLarge(maxEventChars: number): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE,
    `The upstream sent an event larger than ${maxEventChars} characters (limits.max_event_bytes).`,
  );
}

const NO_FRAMES: readonly Frame[] = [];

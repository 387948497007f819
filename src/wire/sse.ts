import { createParser } from "eventsource-parser";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Frame, FrameParser } from "./frame.ts";

/** Lines that are no field of an event are to be ignored; a body of them is none of events, and each costs time. */
const MAX_STRANGE_LINES = 1000;

/**
 * Server-sent events, by the WHATWG's rules for lines (CR, LF, CRLF), comments, byte order mark and UTF-8 (what is
 * invalid becomes U+FFFD). `push` throws `UPSTREAM_RESPONSE_TOO_LARGE` for an event above `maxEventChars`, and
 * `UPSTREAM_MALFORMED` for what is no event stream.
 */
export function createSseParser(maxEventChars: number): FrameParser {
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let frames: Frame[] = [];
  let overflowed = false;
  let strangeLines = 0;
  // What came whole before lines that are none comes out, however the bytes were split.
  let failure: GatewayError | undefined;
  const parser = createParser({
    maxBufferSize: maxEventChars,
    onEvent: (message) => frames.push(message),
    onError: (error) => {
      overflowed ||= error.type === "max-buffer-size-exceeded";
      if (++strangeLines > MAX_STRANGE_LINES) throw noEventStream();
    },
  });

  function feed(text: string): readonly Frame[] {
    if (failure !== undefined) throw failure;
    try {
      if (text !== "") parser.feed(text);
    } catch (error) {
      failure = toGatewayError(error);
    }
    if (overflowed) throw eventTooLarge(maxEventChars);
    if (frames.length === 0) {
      if (failure !== undefined) throw failure;
      return NO_FRAMES;
    }
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

function noEventStream(): GatewayError {
  return new GatewayError(ErrorReason.UPSTREAM_MALFORMED, "The upstream's answer is no event stream. Try again.");
}

const NO_FRAMES: readonly Frame[] = [];

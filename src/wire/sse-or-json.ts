import { Buffer } from "node:buffer";
import type { Frame, FrameParser } from "./frame.ts";
import { createSseParser, eventTooLarge } from "./sse.ts";

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const OPENING_BRACE = 0x7b;
const OPENING_BRACKET = 0x5b;

/**
 * Server-sent events that may end in JSON as it is, without `data:`. So Google's servers write an error in the middle
 * of a stream (recorded at Vertex, 2026-11): a parser of events skips it, and the stream looks whole. From a line
 * that begins with a brace or bracket on, all of it is one frame, an `error`.
 */
export function createSseOrJsonParser(maxEventChars: number): FrameParser {
  const events = createSseParser(maxEventChars);
  let json: Uint8Array[] | undefined;
  let jsonBytes = 0;
  let atLineStart = true;

  function addJson(bytes: Uint8Array, to: Uint8Array[]): void {
    jsonBytes += bytes.length;
    if (jsonBytes > maxEventChars) throw eventTooLarge(maxEventChars);
    to.push(bytes);
  }

  return {
    push(chunk) {
      if (json !== undefined) {
        addJson(chunk, json);
        return NO_FRAMES;
      }
      const at = findJson(chunk, atLineStart);
      if (at === -1) {
        if (chunk.length > 0) atLineStart = isLineEnd(chunk[chunk.length - 1]);
        return events.push(chunk);
      }
      json = [];
      addJson(chunk.subarray(at), json);
      return [...events.push(chunk.subarray(0, at)), ...events.finish()];
    },
    finish() {
      if (json === undefined) return events.finish();
      return [{ event: "error", data: Buffer.concat(json).toString("utf8") }];
    },
  };
}

/** Where a line begins with a brace or bracket; -1 where none does. */
function findJson(chunk: Uint8Array, atLineStart: boolean): number {
  if (atLineStart && isOpener(chunk[0])) return 0;
  // Most chunks end with a line or two: there is nothing behind them to look through.
  let end = chunk.length;
  while (end > 0 && isLineEnd(chunk[end - 1])) end--;
  const afterLineFeed = findAfter(LINE_FEED, chunk, end);
  const afterReturn = findAfter(CARRIAGE_RETURN, chunk, end);
  if (afterLineFeed === -1 || afterReturn === -1) return Math.max(afterLineFeed, afterReturn);
  return Math.min(afterLineFeed, afterReturn);
}

/** From one end of a line to the next, up to `end`: JSON has none inside, so that there are few. */
function findAfter(lineEnd: number, chunk: Uint8Array, end: number): number {
  for (let at = chunk.indexOf(lineEnd); at !== -1 && at < end; at = chunk.indexOf(lineEnd, at + 1)) {
    if (isOpener(chunk[at + 1])) return at + 1;
  }
  return -1;
}

function isOpener(byte: number | undefined): boolean {
  return byte === OPENING_BRACE || byte === OPENING_BRACKET;
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === LINE_FEED || byte === CARRIAGE_RETURN;
}

const NO_FRAMES: readonly Frame[] = [];

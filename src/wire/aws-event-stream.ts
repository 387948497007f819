import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Frame, FrameParser } from "./frame.ts";

/** Total length, length of the headers, and the checksum of these two. */
const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** A message without headers and payload: its prelude and its checksum. */
const SMALLEST_BYTES = PRELUDE_BYTES + CHECKSUM_BYTES;

/** Event of a message that says, in its headers alone, that the stream failed. */
const ERROR_EVENT = "error";

/**
 * Amazon's binary event streams: messages with headers, a payload and two checksums. A frame's event is the message's
 * `:event-type` or `:exception-type`, its data the payload. Throws `UPSTREAM_MALFORMED` for a wrong checksum or length,
 * `UPSTREAM_RESPONSE_TOO_LARGE` for a message above `maxEventBytes`, and at the end `UPSTREAM_TRUNCATED` for a message
 * that was cut. Source: smithy.io, "Amazon Event Stream Specification", read 2026-11.
 */
export function createAwsEventStreamParser(maxEventBytes: number): FrameParser {
  // Joined only once enough is there: a long message in a million pieces would else be copied a million times.
  let chunks: Uint8Array[] = [];
  let buffered = 0;
  let needed = PRELUDE_BYTES;
  // What came whole before a message that cannot be read comes out, however the bytes were split.
  let failure: Error | undefined;

  return {
    push(chunk) {
      if (failure !== undefined) throw failure;
      chunks.push(chunk);
      buffered += chunk.length;
      if (buffered < needed) return NO_FRAMES;
      const bytes = chunks.length === 1 ? asBuffer(chunk) : Buffer.concat(chunks, buffered);
      const frames: Frame[] = [];
      let at = 0;
      needed = PRELUDE_BYTES;
      try {
        while (bytes.length - at >= PRELUDE_BYTES) {
          const length = readLength(bytes, at, maxEventBytes);
          if (bytes.length - at < length) {
            needed = length;
            break;
          }
          frames.push(readMessage(bytes, at, at + length));
          at += length;
        }
      } catch (error) {
        failure = error instanceof Error ? error : malformed(error);
        if (frames.length === 0) throw failure;
      }
      chunks = at === bytes.length ? [] : [bytes.subarray(at)];
      buffered = bytes.length - at;
      return frames;
    },
    finish() {
      if (failure !== undefined) throw failure;
      if (buffered === 0) return NO_FRAMES;
      throw new GatewayError(
        ErrorReason.UPSTREAM_TRUNCATED,
        "The upstream's answer ended in the middle of a message. Try again.",
      );
    },
  };
}

const NO_FRAMES: readonly Frame[] = [];

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** The prelude has a checksum of its own, so that a wrong length is never waited for. */
function readLength(bytes: Buffer, at: number, maxEventBytes: number): number {
  const length = bytes.readUInt32BE(at);
  if (crc32(bytes.subarray(at, at + 8)) !== bytes.readUInt32BE(at + 8) || length < SMALLEST_BYTES) throw malformed();
  if (length > maxEventBytes) {
    throw new GatewayError(
      ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE,
      `The upstream sent an event larger than ${maxEventBytes} bytes (limits.max_event_bytes).`,
    );
  }
  return length;
}

/** By hand, because the codec of Amazon's client takes three times as long: its checksums are JavaScript. */
function readMessage(bytes: Buffer, from: number, to: number): Frame {
  const end = to - CHECKSUM_BYTES;
  const bodyAt = from + PRELUDE_BYTES + bytes.readUInt32BE(from + 4);
  if (bodyAt > end || crc32(bytes.subarray(from, end)) !== bytes.readUInt32BE(end)) throw malformed();
  const headers = readHeaders(bytes, from + PRELUDE_BYTES, bodyAt);
  if (headers[":message-type"] === "error") {
    const data = JSON.stringify({ __type: headers[":error-code"] ?? "", message: headers[":error-message"] ?? "" });
    return { event: ERROR_EVENT, data };
  }
  return { event: headers[":event-type"] ?? headers[":exception-type"], data: bytes.toString("utf8", bodyAt, end) };
}

type Headers = { [name: string]: string | undefined };

const STRING = 7;
/** Bytes of a value by its type: true, false, byte, short, integer, long, bytes, string, timestamp, UUID. */
const SIZES: readonly (number | "counted")[] = [0, 0, 1, 2, 4, 8, "counted", "counted", 8, 16];

/** Headers that are strings; no others say anything here. */
function readHeaders(bytes: Buffer, from: number, to: number): Headers {
  const headers: Headers = {};
  let at = from;
  while (at < to) {
    const typeAt = at + 1 + bytes.readUInt8(at);
    const type = typeAt < to ? bytes.readUInt8(typeAt) : -1;
    const size = SIZES[type];
    const counted = size === "counted" && typeAt + 3 <= to ? 2 : 0;
    const valueAt = typeAt + 1 + counted;
    const length = size === "counted" ? (counted === 0 ? undefined : bytes.readUInt16BE(typeAt + 1)) : size;
    if (length === undefined || valueAt + length > to) throw malformed();
    if (type === STRING) {
      headers[bytes.toString("latin1", at + 1, typeAt)] = bytes.toString("utf8", valueAt, valueAt + length);
    }
    at = valueAt + length;
  }
  return headers;
}

function malformed(cause?: unknown): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_MALFORMED,
    "The upstream's answer is no event stream, or its bytes were damaged on the way. Try again.",
    { cause },
  );
}

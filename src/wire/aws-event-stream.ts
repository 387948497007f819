import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Frame, FrameParser } from "./frame.ts";

/** Total length, length of the headers, and the checksum of these two. */
const PRELUDE_BYTES = 12;
/** A message without headers and payload: its prelude and its checksum. */
const SMALLEST_BYTES = PRELUDE_BYTES + 4;

/** Event of a message that says, in its headers alone, that the stream failed. */
const ERROR_EVENT = "error";

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === "string" ? bytes : Buffer.from(bytes).toString("utf8")),
  (text) => Buffer.from(text, "utf8"),
);

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
      const bytes = chunks.length === 1 ? chunk : Buffer.concat(chunks, buffered);
      const frames: Frame[] = [];
      let at = 0;
      needed = PRELUDE_BYTES;
      try {
        while (bytes.length - at >= PRELUDE_BYTES) {
          const length = readLength(bytes.subarray(at, at + PRELUDE_BYTES), maxEventBytes);
          if (bytes.length - at < length) {
            needed = length;
            break;
          }
          frames.push(readMessage(bytes.subarray(at, at + length)));
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

/** The prelude has a checksum of its own, so that a wrong length is never waited for. */
function readLength(prelude: Uint8Array, maxEventBytes: number): number {
  const view = new DataView(prelude.buffer, prelude.byteOffset, prelude.byteLength);
  const length = view.getUint32(0);
  if (crc32(prelude.subarray(0, 8)) !== view.getUint32(8) || length < SMALLEST_BYTES) throw malformed();
  if (length > maxEventBytes) {
    throw new GatewayError(
      ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE,
      `The upstream sent an event larger than ${maxEventBytes} bytes (limits.max_event_bytes).`,
    );
  }
  return length;
}

function readMessage(bytes: Uint8Array): Frame {
  let message: ReturnType<typeof codec.decode>;
  try {
    message = codec.decode(bytes);
  } catch (error) {
    throw malformed(error);
  }
  const header = (name: string): string | undefined => {
    const value = message.headers[name]?.value;
    return typeof value === "string" ? value : undefined;
  };
  if (header(":message-type") === "error") {
    const data = JSON.stringify({ __type: header(":error-code") ?? "", message: header(":error-message") ?? "" });
    return { event: ERROR_EVENT, data };
  }
  const { body } = message;
  return {
    event: header(":event-type") ?? header(":exception-type"),
    data: Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8"),
  };
}

function malformed(cause?: unknown): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_MALFORMED,
    "The upstream's answer is no event stream, or its bytes were damaged on the way. Try again.",
    { cause },
  );
}

import { EventStreamCodec } from "@smithy/eventstream-codec";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { createFrameParser } from "../../src/wire/framing.ts";

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"),
  (text) => Buffer.from(text, "utf8"),
);

function message(headers: Readonly<Record<string, string>>, payload: string): Uint8Array {
  const typed = Object.entries(headers).map(([name, value]) => [name, { type: "string" as const, value }] as const);
  return codec.encode({ headers: Object.fromEntries(typed), body: Buffer.from(payload) });
}

const HELLO = message(
  { ":event-type": "contentBlockDelta", ":content-type": "application/json", ":message-type": "event" },
  '{"delta":{"text":"Grüße 🌍"},"p":"abcdef"}',
);
const EMPTY = message({ ":event-type": "ping", ":message-type": "event" }, "");
const FAILED = message(
  { ":exception-type": "throttlingException", ":message-type": "exception" },
  '{"message":"Too many tokens"}',
);
const BROKEN = message(
  { ":message-type": "error", ":error-code": "InternalFailure", ":error-message": "Something broke" },
  "",
);

const stream = Buffer.concat([HELLO, EMPTY, FAILED, BROKEN]);
const expected: readonly Frame[] = [
  { event: "contentBlockDelta", data: '{"delta":{"text":"Grüße 🌍"},"p":"abcdef"}' },
  { event: "ping", data: "" },
  { event: "throttlingException", data: '{"message":"Too many tokens"}' },
  { event: "error", data: '{"__type":"InternalFailure","message":"Something broke"}' },
];

interface Read {
  readonly frames: readonly Frame[];
  readonly reason: ErrorReason | undefined;
}

function read(chunks: readonly Uint8Array[], maxEventBytes = 65_536): Read {
  const parser = createFrameParser("aws-event-stream", maxEventBytes);
  const frames: Frame[] = [];
  try {
    for (const chunk of chunks) frames.push(...parser.push(chunk));
    frames.push(...parser.finish());
    return { frames, reason: undefined };
  } catch (error) {
    if (error instanceof GatewayError) return { frames, reason: error.reason };
    throw error;
  }
}

describe("an Amazon event stream", () => {
  test("becomes frames, exceptions and errors among them", () => {
    expect(read([stream])).toEqual({ frames: expected, reason: undefined });
  });

  test("becomes the same frames for every split into two, and byte by byte", () => {
    for (let at = 1; at < stream.length; at++) {
      const split = read([stream.subarray(0, at), stream.subarray(at)]);
      expect(split, `split at byte ${at}`).toEqual({ frames: expected, reason: undefined });
    }
    const bytes = Array.from(stream, (_, at) => stream.subarray(at, at + 1));
    expect(read(bytes)).toEqual({ frames: expected, reason: undefined });
  });

  test("is truncated where it is cut, unless between two messages", () => {
    let end = 0;
    const ends = [HELLO, EMPTY, FAILED, BROKEN].map((one) => (end += one.length));
    for (let at = 0; at < stream.length; at++) {
      const whole = ends.filter((one) => one <= at).length;
      expect(read([stream.subarray(0, at)]), `cut at byte ${at}`).toEqual({
        frames: expected.slice(0, whole),
        reason: at === 0 || ends.includes(at) ? undefined : ErrorReason.UPSTREAM_TRUNCATED,
      });
    }
  });

  test("is malformed where any byte is damaged, and gives no frame of what is", () => {
    for (let at = 0; at < HELLO.length; at++) {
      const damaged = Buffer.from(HELLO);
      damaged[at] = (damaged[at] ?? 0) ^ 0x01;
      expect(read([damaged]), `byte ${at}`).toEqual({ frames: [], reason: ErrorReason.UPSTREAM_MALFORMED });
    }
  });

  test("gives what came before the damage, however it was split", () => {
    const damaged = Buffer.from(stream);
    damaged[HELLO.length + EMPTY.length + 40] = 0xff;
    for (let at = 0; at < damaged.length; at++) {
      expect(read([damaged.subarray(0, at), damaged.subarray(at)]), `split at byte ${at}`).toEqual({
        frames: expected.slice(0, 2),
        reason: ErrorReason.UPSTREAM_MALFORMED,
      });
    }
  });

  test("is malformed where it is something else, without waiting for the length that this would mean", () => {
    expect(read([Buffer.from("<html><body>Bad gateway</body></html>")])).toEqual({
      frames: [],
      reason: ErrorReason.UPSTREAM_MALFORMED,
    });
  });

  test("may hold a message as long as the limit, and none above it", () => {
    expect(read([HELLO], HELLO.length).reason).toBe(undefined);
    expect(read([HELLO.subarray(0, 12)], HELLO.length - 1).reason).toBe(ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE);
  });

  test("in a million pieces is not copied a million times", () => {
    const long = message({ ":event-type": "contentBlockDelta" }, "x".repeat(1_000_000));
    const parser = createFrameParser("aws-event-stream", 2_000_000);
    let frames = 0;
    for (let at = 0; at < long.length; at++) frames += parser.push(long.subarray(at, at + 1)).length;
    expect(frames).toBe(1);
  });
});

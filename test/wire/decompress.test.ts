import { Buffer } from "node:buffer";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { decompress, type Read } from "../../src/wire/decompress.ts";
import { type HeaderValue, readAll } from "../../src/wire/send.ts";

const text = "The water runs down. ".repeat(1000);

/** A body in chunks of this size; `pulled` counts its bytes that were asked for. */
function bodyOf(bytes: Buffer, size = 64): { read: Read; pulled: () => number } {
  let at = 0;
  return {
    read() {
      const chunk = bytes.subarray(at, at + size);
      at += chunk.length;
      return Promise.resolve(chunk.length === 0 ? undefined : chunk);
    },
    pulled: () => at,
  };
}

function open(encoding: HeaderValue, read: Read): Read {
  const opened = decompress(encoding, read);
  onTestFinished(() => opened.close());
  return opened.read;
}

async function inflate(encoding: HeaderValue, bytes: Buffer, size?: number): Promise<string> {
  return (await readAll(open(encoding, bodyOf(bytes, size).read), 1_000_000)).toString();
}

const malformed = expect.objectContaining({ reason: ErrorReason.UPSTREAM_MALFORMED });

describe("a body", () => {
  test.each([
    ["gzip", "gzip", gzipSync(text)],
    ["gzip by its old name", "x-gzip", gzipSync(text)],
    ["gzip in capitals", "GZIP", gzipSync(text)],
    ["gzip of several members", "gzip", Buffer.concat([gzipSync(text.slice(0, 999)), gzipSync(text.slice(999))])],
    ["deflate", "deflate", deflateSync(text)],
    ["brotli", "br", brotliCompressSync(text)],
    ["gzip with nothing around it", "identity, gzip", gzipSync(text)],
    ["no encoding", undefined, Buffer.from(text)],
    ["an empty encoding", "", Buffer.from(text)],
    ["identity", "identity", Buffer.from(text)],
  ])("of %s is read whole, in large and in tiny chunks", async (_, encoding, bytes) => {
    expect(await inflate(encoding, bytes)).toBe(text);
    expect(await inflate(encoding, bytes, 1)).toBe(text);
  });

  test.each(["zstd", "compress", "constructor", "gzip, gzip", "gzip,br", "x".repeat(10_000)])(
    "of %s is refused",
    (encoding) => {
      expect(() => open(encoding, bodyOf(Buffer.alloc(0)).read)).toThrow(malformed);
    },
  );

  test("with two headers of its encoding is refused", () => {
    expect(() => open(["gzip", "gzip"], bodyOf(Buffer.alloc(0)).read)).toThrow(malformed);
  });
});

test("what has come is given out before the rest comes", async () => {
  const waiting = Promise.withResolvers<Buffer | undefined>();
  // Two members: the first is whole on its own.
  const chunks = [Promise.resolve(gzipSync("first")), waiting.promise];
  const read = open("gzip", () => chunks.shift() ?? Promise.resolve(undefined));
  expect((await read())?.toString()).toBe("first");
  waiting.resolve(gzipSync("second"));
  expect((await read())?.toString()).toBe("second");
  expect(await read()).toBeUndefined();
});

test("a bomb is pulled no further than it is read", async () => {
  const mib = gzipSync(Buffer.alloc(1024 * 1024));
  const { read, pulled } = bodyOf(Buffer.concat(Array.from({ length: 256 }, () => mib)), 4096);
  await expect(readAll(open("gzip", read), 1024 * 1024)).rejects.toEqual(
    expect.objectContaining({ reason: ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE }),
  );
  // 256 MiB unpacked; what is pulled ahead is bounded by the streams' own buffers.
  expect(pulled()).toBeLessThan(40 * mib.length + 65_536);
});

describe("a damaged body", () => {
  const packed = gzipSync(text);
  const wrong = Buffer.from(packed);
  wrong[wrong.length - 8] = (wrong[wrong.length - 8] ?? 0) ^ 1;

  test.each([
    ["cut", packed.subarray(0, -9)],
    ["of another checksum", wrong],
    ["not gzip at all", Buffer.from(text)],
  ])("%s is malformed, without its bytes in the message", async (_, bytes) => {
    const error: unknown = await inflate("gzip", bytes).catch((thrown: unknown) => thrown);
    expect(error).toEqual(malformed);
    expect((error as GatewayError).message).toBe("The upstream's compressed answer is damaged.");
  });
});

describe.each([0, 1])("a body that fails after %i chunks", (good) => {
  test("gives its own error", async () => {
    const failure = new GatewayError(ErrorReason.UPSTREAM_TRUNCATED, "The connection broke.");
    const chunks = Array.from({ length: good }, () => gzipSync("first"));
    const read = open("gzip", () => {
      const chunk = chunks.shift();
      return chunk === undefined ? Promise.reject(failure) : Promise.resolve(chunk);
    });
    await expect(readAll(read, 1_000_000)).rejects.toBe(failure);
  });
});

test("a body that fails while nobody reads harms nobody", async () => {
  const broken = Promise.withResolvers<Buffer | undefined>();
  const asked = Promise.withResolvers<void>();
  const unpacked = decompress("gzip", () => {
    asked.resolve();
    return broken.promise;
  });
  const reading = unpacked.read().catch((error: unknown) => error);
  await asked.promise;
  unpacked.close();
  broken.reject(new GatewayError(ErrorReason.UPSTREAM_TRUNCATED, "The connection broke."));
  expect(await reading).toBeInstanceOf(GatewayError);
});

test("may be closed before it is read, and again", () => {
  const { close } = decompress("gzip", () => Promise.resolve(undefined));
  close();
  close();
});

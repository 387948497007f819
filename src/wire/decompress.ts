import type { Buffer } from "node:buffer";
import { Readable } from "node:stream";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { HeaderValue } from "./send.ts";

/** Pulls the next bytes of a body; undefined at its end. */
export type Read = () => Promise<Buffer | undefined>;

const decoders = {
  gzip: createGunzip,
  "x-gzip": createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
} as const;

function isKnown(encoding: string): encoding is keyof typeof decoders {
  return Object.hasOwn(decoders, encoding);
}

/**
 * Reads a body that the upstream compressed, though it was asked not to. At most one encoding: several are how a few
 * bytes become gigabytes. The reader bounds the output: only what is asked for is decompressed.
 * `close` frees the decompressor and must be called.
 */
export function decompress(contentEncoding: HeaderValue, read: Read): { read: Read; close: () => void } {
  const names = (Array.isArray(contentEncoding) ? contentEncoding.join(",") : (contentEncoding ?? ""))
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && name !== "identity");
  const [encoding, ...more] = names;
  if (encoding === undefined) return { read, close: () => {} };
  if (more.length > 0 || !isKnown(encoding)) {
    throw new GatewayError(
      ErrorReason.UPSTREAM_MALFORMED,
      `The upstream's answer is encoded as "${names.join(", ").slice(0, 64)}", which the gateway does not take.`,
    );
  }

  let failure: Error | undefined;
  async function* compressed(): AsyncGenerator<Buffer> {
    try {
      for (let chunk = await read(); chunk !== undefined; chunk = await read()) yield chunk;
    } catch (error) {
      failure = error instanceof Error ? error : undefined;
      throw error;
    }
  }
  const source = Readable.from(compressed(), { objectMode: false });
  const inflated = decoders[encoding]();
  source.on("error", (error) => inflated.destroy(error));
  const chunks = source.pipe(inflated)[Symbol.asyncIterator]();
  return {
    async read() {
      try {
        const next = await chunks.next();
        return next.done === true ? undefined : next.value;
      } catch (error) {
        if (failure !== undefined) throw failure;
        throw new GatewayError(ErrorReason.UPSTREAM_MALFORMED, "The upstream's compressed answer is damaged.", {
          cause: error,
        });
      }
    },
    close() {
      source.destroy();
      inflated.destroy();
    },
  };
}

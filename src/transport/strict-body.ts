import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { brotliDecompress, gunzip } from "node:zlib";
import { type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { type GatewayError, invalidRequest } from "../domain/error.ts";

/** The flag byte and length before each message of gRPC-Web and of Connect's streams. */
const ENVELOPE_BYTES = 5;

/** The compressions that the door takes, by their names in headers. */
const decompressors = new Map([
  ["gzip", promisify(gunzip)],
  ["br", promisify(brotliDecompress)],
]);

export interface RequestForm {
  readonly method: DescMethod;
  readonly contentType: string;
  /** How the message, or with an envelope each flagged one, is compressed; undefined where it is not. */
  readonly encoding: string | undefined;
  readonly maxMessageBytes: number;
}

/**
 * Looks at the one message of a request before connect-node (2.2) does: it takes bytes that are no UTF-8 for
 * replacement characters, and says INTERNAL to what is no protobuf. Throws `INVALID_REQUEST` for both. What is too
 * large or cannot be decompressed goes through unseen, to be refused there.
 */
export async function* strictBody(body: AsyncIterable<Uint8Array>, form: RequestForm): AsyncGenerator<Uint8Array> {
  const limit = form.maxMessageBytes + ENVELOPE_BYTES;
  const chunks: Uint8Array[] = [];
  let total = 0;
  let seen = false;
  for await (const chunk of body) {
    if (seen) {
      yield chunk;
      continue;
    }
    chunks.push(chunk);
    total += chunk.length;
    if (total > limit) {
      seen = true;
      yield* chunks;
    }
  }
  if (seen) return;
  const bytes = Buffer.concat(chunks, total);
  const message = await findMessage(bytes, form);
  const problem = message === undefined ? undefined : findProblem(message, form);
  if (problem !== undefined) throw problem;
  yield bytes;
}

/** The message without its envelope and compression; undefined where there is none. */
async function findMessage(
  bytes: Buffer,
  { contentType, encoding, maxMessageBytes }: RequestForm,
): Promise<Buffer | undefined> {
  const enveloped = /^application\/(connect|grpc-web)/.test(contentType);
  if (enveloped && (bytes.length < ENVELOPE_BYTES || (bytes[0] ?? 0) > 1)) return undefined;
  const message = enveloped ? bytes.subarray(ENVELOPE_BYTES) : bytes;
  const compressed = enveloped ? bytes[0] === 1 : encoding !== undefined && encoding !== "identity";
  if (!compressed || message.length === 0) return message;
  try {
    return await decompressors.get(encoding ?? "")?.(message, { maxOutputLength: maxMessageBytes });
  } catch {
    return undefined;
  }
}

function findProblem(message: Buffer, { method, contentType }: RequestForm): GatewayError | undefined {
  if (contentType.includes("json")) {
    return isUtf8(message)
      ? undefined
      : invalidRequest([{ field: "", description: "the request is not valid for encoding utf-8" }]);
  }
  try {
    fromBinary(method.input, message);
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : "malformed";
    return invalidRequest([{ field: "", description: `the request is no ${method.input.typeName}: ${why}` }]);
  }
}

import { isUtf8 } from "node:buffer";
import { type DescMethod, fromBinary } from "@bufbuild/protobuf";
import { type GatewayError, invalidRequest } from "../domain/error.ts";

/** The flag byte and length before each message of gRPC-Web and of Connect's streams. */
const ENVELOPE_BYTES = 5;

export interface RequestForm {
  readonly method: DescMethod;
  readonly contentType: string;
  /** Compressed bytes are left to connect-node. */
  readonly compressed: boolean;
  readonly maxMessageBytes: number;
}

/**
 * Looks at the one message of a request before connect-node (2.2) does: it takes bytes that are no UTF-8 for
 * replacement characters, and says INTERNAL to what is no protobuf. Throws `INVALID_REQUEST` for both. What is too
 * large goes through unseen, to be refused there.
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
  const problem = findProblem(bytes, form);
  if (problem !== undefined) throw problem;
  yield bytes;
}

function findProblem(bytes: Buffer, { method, contentType, compressed }: RequestForm): GatewayError | undefined {
  if (compressed) return undefined;
  const enveloped = /^application\/(connect|grpc-web)/.test(contentType);
  if (enveloped && (bytes[0] !== 0 || bytes.length < ENVELOPE_BYTES)) return undefined;
  const message = enveloped ? bytes.subarray(ENVELOPE_BYTES) : bytes;
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

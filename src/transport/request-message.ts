import type { IncomingHttpHeaders } from "node:http";
import { promisify } from "node:util";
import { brotliDecompress, gunzip } from "node:zlib";
import { type DescMethod, fromBinary, fromJsonString, type MessageShape } from "@bufbuild/protobuf";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, invalidRequest } from "../domain/error.ts";

/** The flag byte and length before each message of gRPC, gRPC-Web and Connect's streams. */
const ENVELOPE_BYTES = 5;

/** The compressions that the door takes, by their names in headers. */
const decompressors = new Map([
  ["gzip", promisify(gunzip)],
  ["br", promisify(brotliDecompress)],
]);

/** How the one message of a request comes. */
export interface RequestForm {
  readonly enveloped: boolean;
  readonly json: boolean;
  /** How the message, or with an envelope each flagged one, is compressed; undefined where it is not. */
  readonly encoding: string | undefined;
  /** What the caller promises to send; undefined where it does not say. */
  readonly contentLength: number | undefined;
}

/**
 * Takes the form of a request out of its headers, so that they fit what `emptyMessage` makes of its body. Each of the
 * protocols names the compression in a header of its own.
 */
export function takeForm(headers: IncomingHttpHeaders): RequestForm {
  const type = headers["content-type"] ?? "";
  const enveloped = /^application\/(connect|grpc)/.test(type);
  const name = !enveloped
    ? "content-encoding"
    : type.startsWith("application/connect")
      ? "connect-content-encoding"
      : "grpc-encoding";
  const encoding = headers[name]?.toString();
  const length = headers["content-length"];
  delete headers[name];
  delete headers["content-length"];
  return {
    enveloped,
    json: type.includes("json"),
    encoding: encoding === "identity" ? undefined : encoding,
    contentLength: length === undefined ? undefined : Number(length),
  };
}

/** A request without fields, in a form without compression. */
export function emptyMessage({ enveloped, json }: RequestForm): Uint8Array {
  const message = Buffer.from(json ? "{}" : "");
  return enveloped ? Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]) : message;
}

/**
 * Reads the one message of a request in connect-node's (2.2) stead: that takes bytes that are no UTF-8 for replacement
 * characters, says INTERNAL to what is no protobuf, and its errors have no details. Throws `INVALID_REQUEST`,
 * `REQUEST_TOO_LARGE`, and `NOT_IMPLEMENTED` for a compression that is not known.
 */
export async function readMessage(
  body: AsyncIterable<Uint8Array>,
  { input }: DescMethod,
  form: RequestForm,
  maxBytes: number,
): Promise<MessageShape<DescMethod["input"]>> {
  const bytes = await decompress(await readBody(body, form, maxBytes), form, maxBytes);
  try {
    if (!form.json) return fromBinary(input, bytes);
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    // A field that is spelt wrong is an error, not something to drop.
    return fromJsonString(input, text, { ignoreUnknownFields: false });
  } catch (error) {
    const why = error instanceof Error ? error.message : "malformed";
    throw invalid(`the request is no ${input.typeName}: ${why}`);
  }
}

/** Reads on to the end of what is too large, without keeping it: a caller that still sends would not see the answer. */
async function readBody(body: AsyncIterable<Uint8Array>, form: RequestForm, maxBytes: number): Promise<Buffer> {
  const limit = form.enveloped ? maxBytes + ENVELOPE_BYTES : maxBytes;
  if ((form.contentLength ?? 0) > limit) throw tooLarge(maxBytes);
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of body) {
    total += chunk.length;
    if (total <= limit) chunks.push(chunk);
    else chunks.length = 0;
  }
  if (total > limit) throw tooLarge(maxBytes);
  return Buffer.concat(chunks, total);
}

/** Undoes envelope and compression. */
async function decompress(bytes: Buffer, { enveloped, encoding }: RequestForm, maxBytes: number): Promise<Buffer> {
  if (enveloped) {
    const whole = bytes.length >= ENVELOPE_BYTES && bytes.readUInt32BE(1) === bytes.length - ENVELOPE_BYTES;
    if (!whole || (bytes[0] ?? 0) > 1) throw invalid("the request is not one whole message in an envelope");
  }
  const decompressor = decompressors.get(encoding ?? "");
  if (encoding !== undefined && decompressor === undefined) {
    const known = [...decompressors.keys()].join(" and ");
    throw new GatewayError(
      ErrorReason.NOT_IMPLEMENTED,
      `unknown compression ${JSON.stringify(encoding)}: use ${known}`,
    );
  }
  const message = enveloped ? bytes.subarray(ENVELOPE_BYTES) : bytes;
  const compressed = enveloped ? bytes[0] === 1 : encoding !== undefined;
  if (!compressed || message.length === 0) return message;
  if (decompressor === undefined) throw invalid("the request is compressed, but no header says how");
  try {
    return await decompressor(message, { maxOutputLength: maxBytes });
  } catch (error) {
    if (error instanceof RangeError) throw tooLarge(maxBytes);
    throw invalid(`the request cannot be decompressed with ${encoding}`);
  }
}

function invalid(description: string): GatewayError {
  return invalidRequest([{ field: "", description }]);
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError(
    ErrorReason.REQUEST_TOO_LARGE,
    `The request is larger than ${maxBytes} bytes: shorten it, or have limits.max_message_bytes raised.`,
  );
}

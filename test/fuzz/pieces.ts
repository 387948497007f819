/** Cuts a body where its frames end, and reads and writes the JSON in a piece. */
import { Buffer } from "node:buffer";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import type { Framing } from "../../src/wire/framing.ts";

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"),
  (text) => Buffer.from(text, "utf8"),
);

export function cutPieces(body: Buffer, framing: Framing): Buffer[] {
  return framing === "aws-event-stream"
    ? cutMessages(body)
    : cutAt(body, framing === "json-lines" ? "\n" : /\r?\n\r?\n/);
}

function cutMessages(body: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  while (body.length - at >= 16) {
    const length = body.readUInt32BE(at);
    if (length < 16 || at + length > body.length) break;
    pieces.push(body.subarray(at, at + length));
    at += length;
  }
  if (at < body.length) pieces.push(body.subarray(at));
  return pieces;
}

function cutAt(body: Buffer, separator: string | RegExp): Buffer[] {
  const end = typeof separator === "string" ? separator : "\n\n";
  const texts = body.toString("utf8").split(separator);
  return texts.filter((text, at) => text !== "" || at < texts.length - 1).map((text) => Buffer.from(text + end));
}

/** Puts another JSON in the place of a piece's; the piece as it is where it has none. */
export function rewrite(piece: Buffer, framing: Framing, change: (json: string) => string | undefined): Buffer {
  if (framing === "aws-event-stream") return rewriteMessage(piece, change);
  const text = piece.toString("utf8");
  if (framing === "json-lines") return Buffer.from(`${change(text) ?? text.trimEnd()}\n`);
  const data = /^data: ?(.*)$/m.exec(text)?.[1];
  const changed = data === undefined ? undefined : change(data);
  return changed === undefined ? piece : Buffer.from(text.replace(/^data: ?.*$/m, () => `data: ${changed}`));
}

function rewriteMessage(piece: Buffer, change: (json: string) => string | undefined): Buffer {
  try {
    const { headers, body } = codec.decode(piece);
    const changed = change(Buffer.from(body).toString("utf8"));
    return changed === undefined ? piece : Buffer.from(codec.encode({ headers, body: Buffer.from(changed) }));
  } catch {
    return piece;
  }
}

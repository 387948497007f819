import type { Exchange } from "../behaviour.ts";
import { answerHeaders } from "../send.ts";

/**
 * Sends a body with every byte in an HTTP chunk of its own, then closes the connection. The framing is written here and not by
 * node:http, which takes microseconds for each chunk, and a body may be a million of them. However the packets arrive, a client's
 * HTTP parser sees the bytes one at a time.
 */
export async function sendBytewise(exchange: Exchange, parts: Iterable<string | Uint8Array>): Promise<void> {
  const { reply } = exchange;
  const headers = { ...answerHeaders(exchange), "transfer-encoding": "chunked", connection: "close" };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  reply.bypass();
  await reply.write(`HTTP/1.1 200 OK\r\n${lines.join("")}\r\n`);
  await reply.endAll(chunked(parts));
}

function* chunked(parts: Iterable<string | Uint8Array>): Generator<string | Uint8Array> {
  for (const part of parts) {
    const bytes = Buffer.from(part);
    const framed = Buffer.from("1\r\n_\r\n".repeat(bytes.length), "latin1");
    for (const [index, byte] of bytes.entries()) framed[index * 6 + 3] = byte;
    yield framed;
  }
  yield "0\r\n\r\n";
}

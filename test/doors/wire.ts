/** Calls as bytes: what no well-behaved client would send, and all of what comes back. */
import { once } from "node:events";
import * as http2 from "node:http2";
import * as net from "node:net";
import type * as tls from "node:tls";

/** Host and port of a `host:port` address. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}

/** Sends bytes on a connection of their own; resolves with everything that came until it was closed. */
export async function sendRaw(address: string, bytes: string | Uint8Array): Promise<string> {
  const socket = net.connect(portOf(address), "127.0.0.1");
  socket.write(bytes);
  let received = "";
  for await (const chunk of socket.setEncoding("latin1")) received += String(chunk);
  return received;
}

/** A message with the five bytes that gRPC and Connect's streams put before it. */
export function frame(message: Uint8Array, flags = 0): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** Splits a body into its messages. */
export function unframe(body: Buffer): { readonly flags: number; readonly message: Buffer }[] {
  const frames: { flags: number; message: Buffer }[] = [];
  for (let at = 0; at + 5 <= body.length; ) {
    const length = body.readUInt32BE(at + 1);
    frames.push({ flags: body.readUInt8(at), message: body.subarray(at + 5, at + 5 + length) });
    at += 5 + length;
  }
  return frames;
}

type Headers = Readonly<Record<string, string | string[] | undefined>>;

export interface RawAnswer {
  readonly headers: Headers;
  /** gRPC's status is here, or among the headers where there is nothing else. */
  readonly trailers: Headers;
  readonly body: Buffer;
  /** Why the stream was reset; 0 where it was not. */
  readonly resetCode: number;
}

export interface Connection {
  readonly session: http2.ClientHttp2Session;
  /** Makes one request and resolves once its stream has closed. */
  readonly send: (headers: http2.OutgoingHttpHeaders, body?: Uint8Array) => Promise<RawAnswer>;
  readonly close: () => Promise<void>;
}

/** Opens an HTTP/2 connection and waits for the server's settings. */
export async function connectHttp2(origin: string, options: tls.ConnectionOptions = {}): Promise<Connection> {
  const session = http2.connect(origin, options);
  session.on("error", () => {});
  await once(session, "remoteSettings");
  return {
    session,
    send: (headers, body) => sendOn(session, headers, body),
    async close() {
      if (session.closed && session.destroyed) return;
      const closed = once(session, "close");
      session.destroy();
      await closed;
    },
  };
}

function sendOn(
  session: http2.ClientHttp2Session,
  headers: http2.OutgoingHttpHeaders,
  body?: Uint8Array,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "POST", ...headers }, { endStream: body === undefined });
    const chunks: Buffer[] = [];
    let answered: Headers = {};
    let trailers: Headers = {};
    let failure: Error | undefined;
    stream.on("response", (given) => {
      answered = given as Headers;
    });
    stream.on("trailers", (given) => {
      trailers = given as Headers;
    });
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", (error) => {
      failure = error;
    });
    stream.on("close", () => {
      if (failure !== undefined && answered[":status"] === undefined && stream.rstCode === 0) reject(failure);
      else resolve({ headers: answered, trailers, body: Buffer.concat(chunks), resetCode: stream.rstCode ?? 0 });
    });
    if (body !== undefined) stream.end(body);
  });
}

/** Makes one gRPC call of bytes, on a connection of its own. */
export async function sendGrpc(
  address: string,
  path: string,
  message: Uint8Array | undefined,
  headers: http2.OutgoingHttpHeaders = {},
): Promise<RawAnswer> {
  const connection = await connectHttp2(`http://${address}`);
  try {
    return await connection.send(
      { ":path": path, "content-type": "application/grpc", te: "trailers", ...headers },
      message === undefined ? new Uint8Array() : frame(message),
    );
  } finally {
    await connection.close();
  }
}

/** Posts to a door by HTTP/1.1, on a connection of its own. */
export async function post(
  address: string,
  path: string,
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`http://${address}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", connection: "close", ...headers },
    body: body as NonNullable<RequestInit["body"]>,
  });
}

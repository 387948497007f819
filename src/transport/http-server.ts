import * as http from "node:http";
import * as http2 from "node:http2";
import type * as net from "node:net";
import type { Clock } from "../domain/clock.ts";
import type { Address, TlsFiles } from "./address.ts";

/** A caller has this long to send its first bytes, its headers, and its whole request: slower ones only hold connections. */
const FIRST_BYTES_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 60_000;

/** What an HTTP/2 connection begins with (RFC 9113, 3.4). No request of HTTP/1.1 begins like it. */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** How peers that vanished are found: by a ping after silence, which they do not answer. */
interface Keepalive {
  /** How long a connection may be silent before it is asked, ms. */
  readonly silenceMs: number;
  /** How long its peer has to answer, ms. */
  readonly pongMs: number;
}

/** As on the gRPC door. */
const KEEPALIVE: Keepalive = { silenceMs: 30_000, pongMs: 10_000 };

export interface HttpServer {
  readonly port: number;
  /** Takes no new connections and ends idle ones; resolves once all have ended. */
  drain(): Promise<void>;
  close(): void;
}

export interface HttpServerOptions {
  readonly address: Address;
  readonly tls: TlsFiles | undefined;
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
  readonly clock: Clock;
  /** For HTTP/2; connections of HTTP/1.1 have the timeouts of their requests. Default: 30 s, then 10 s. */
  readonly keepalive?: Keepalive;
  readonly onRequest: http.RequestListener;
}

/**
 * A server of HTTP/1.1 that also takes HTTP/2: by ALPN with TLS, by its preface without. Server reflection streams
 * both ways at once, which HTTP/1.1 cannot do, so `buf curl` asks for it by HTTP/2.
 */
export async function openHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const sockets = new Set<net.Socket>();
  const server =
    options.tls === undefined ? createPlain(options, sessions) : createSecure(options, options.tls, sessions);
  server.headersTimeout = HEADERS_TIMEOUT_MS;
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  server.on("connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const { host, port } = options.address;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  return {
    port: (server.address() as net.AddressInfo).port,
    drain: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        for (const session of sessions) session.close();
      }),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

type AnyServer = Pick<
  http.Server,
  "headersTimeout" | "requestTimeout" | "on" | "once" | "off" | "listen" | "address" | "close" | "closeIdleConnections"
>;

function createPlain(options: HttpServerOptions, sessions: Set<http2.ServerHttp2Session>): AnyServer {
  const first = http.createServer(
    { maxHeaderSize: options.maxHeaderBytes, connectionsCheckingInterval: 5000 },
    options.onRequest,
  );
  const second = http2.createServer({ settings: http2Settings(options) }, asHttp2(options.onRequest));
  track(second, sessions, options);
  // The HTTP/1.1 server listens; its own handler of connections gets only those that are its own.
  const handlers = first.listeners("connection");
  first.removeAllListeners("connection");
  first.on("connection", (socket) => {
    choose(socket, (isHttp2) => {
      if (isHttp2) {
        // HTTP/1.1 answers callers that have ended their side; on HTTP/2 they are gone.
        socket.allowHalfOpen = false;
        second.emit("connection", socket);
      } else for (const handler of handlers) handler.call(first, socket);
    });
  });
  return first;
}

function createSecure(
  options: HttpServerOptions,
  { cert, key, clientCa }: TlsFiles,
  sessions: Set<http2.ServerHttp2Session>,
): AnyServer {
  const client = clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: true };
  const server = http2.createSecureServer(
    { allowHTTP1: true, settings: http2Settings(options), cert, key, ...client },
    asHttp2(options.onRequest),
  );
  track(server, sessions, options);
  // Missing in the types, but there, because of `allowHTTP1`.
  return Object.assign(server, { maxHeaderSize: options.maxHeaderBytes }) as unknown as AnyServer;
}

function http2Settings({ maxStreamsPerConnection, maxHeaderBytes }: HttpServerOptions): http2.Settings {
  return { maxConcurrentStreams: maxStreamsPerConnection, maxHeaderListSize: maxHeaderBytes };
}

/** Node's compatibility API: its requests and responses are those of HTTP/1.1 in all that the door uses. */
function asHttp2(
  onRequest: http.RequestListener,
): (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void {
  return onRequest as never;
}

function track(
  server: http2.Http2Server | http2.Http2SecureServer,
  sessions: Set<http2.ServerHttp2Session>,
  { clock, keepalive = KEEPALIVE }: HttpServerOptions,
): void {
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => session.destroy());
    endWhenGone(session, keepalive, clock);
  });
}

/** Ends a session whose peer is silent and answers no ping. */
function endWhenGone(session: http2.ServerHttp2Session, { silenceMs, pongMs }: Keepalive, clock: Clock): void {
  const listen = (): void => {
    session.setTimeout(silenceMs, ask);
  };
  const ask = (): void => {
    const givingUp = clock.schedule(pongMs, () => session.destroy());
    session.ping((error) => {
      givingUp.cancel();
      // Also called, with an error, for a session that ends before the answer.
      if (error === null) listen();
    });
  };
  listen();
}

/** Looks at a connection's first bytes and puts them back for whoever is chosen. */
function choose(socket: net.Socket, chosen: (isHttp2: boolean) => void): void {
  let seen = Buffer.alloc(0);
  const decide = (isHttp2: boolean): void => {
    socket.setTimeout(0);
    socket.off("timeout", destroy);
    socket.off("readable", look);
    socket.off("error", destroy);
    socket.off("end", destroy);
    if (seen.length > 0) socket.unshift(seen);
    chosen(isHttp2);
  };
  const destroy = (): void => {
    socket.destroy();
  };
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    seen = Buffer.concat([seen, chunk]);
    const compared = Math.min(seen.length, PREFACE.length);
    if (!seen.subarray(0, compared).equals(PREFACE.subarray(0, compared))) decide(false);
    else if (compared === PREFACE.length) decide(true);
  };
  socket.setTimeout(FIRST_BYTES_TIMEOUT_MS);
  socket.on("timeout", destroy);
  socket.on("readable", look);
  socket.on("error", destroy);
  socket.on("end", destroy);
}

/** Upstreams that the simulator cannot be: bare sockets, TLS, answers written by hand. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, createServer as createSocketServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import type { Certificate } from "./certificates.ts";

export interface Upstream {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Connections that are open. */
  readonly open: number;
}

async function listen(server: Server): Promise<Upstream> {
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on("connection", (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
  };
}

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** An HTTP server that answers once it has read the request; over TLS where there is a certificate. */
export function answerWith(answer: Answer, certificate?: Certificate): Promise<Upstream> {
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const chunks: Buffer[] = [];
    response.on("error", () => {});
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => answer(request, response, Buffer.concat(chunks).toString("utf8")));
  };
  const server = certificate === undefined ? createServer(serve) : createSecureServer(certificate, serve);
  return listen(server);
}

/** A server of bare sockets. */
export function accept(onSocket: (socket: Socket) => void): Promise<Upstream> {
  return listen(createSocketServer(onSocket));
}

/** A port in front of another one; its connections can be counted. */
export function forwardTo(port: number): Promise<Upstream> {
  return accept((socket) => {
    const onward = connect(port, "127.0.0.1");
    onward.on("error", () => socket.destroy());
    onward.on("close", () => socket.destroy());
    socket.on("close", () => onward.destroy());
    socket.pipe(onward).pipe(socket);
  });
}

/** A port of this machine that refuses connections. */
export async function closedPort(): Promise<number> {
  const server = createSocketServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

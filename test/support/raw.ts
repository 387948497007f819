/** Upstreams that the simulator cannot be: bare sockets, TLS, answers written by hand. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from "node:net";

export interface Upstream {
  readonly port: number;
  /** Connections so far. */
  readonly connections: number;
  /** Connections that are open. */
  readonly open: number;
  /** Ends every socket. */
  close(): Promise<void>;
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
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return connections;
    },
    get open() {
      return sockets.size;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/** An HTTP server that answers once it has read the request; over TLS where there is a certificate. */
export function openAnswering(answer: Answer, certificate?: KeyPair): Promise<Upstream> {
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
export function openSockets(onSocket: (socket: Socket) => void): Promise<Upstream> {
  return listen(createSocketServer(onSocket));
}

/** A port of this machine that refuses connections. */
export async function closedPort(): Promise<number> {
  const server = createSocketServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

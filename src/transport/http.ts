import type * as http from "node:http";
import type { Clock } from "../domain/clock.ts";
import type { BoundService } from "../service/context.ts";
import { parseAddress, type TlsFiles } from "./address.ts";
import { applyCors } from "./cors.ts";
import type { Door } from "./door.ts";
import { createRpcHandler } from "./http-rpc.ts";
import { openHttpServer } from "./http-server.ts";

export interface HttpDoorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly BoundService[];
  readonly tls: TlsFiles | undefined;
  readonly maxMessageBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
  /** Origins whose pages may call; `*` for all, empty for none. */
  readonly corsOrigins: readonly string[];
  /** Text of `/metrics`; undefined where there is no such page. */
  readonly metricsPage: { read(): Promise<string> } | undefined;
  /** Whether this instance wants calls. */
  readonly isReady: () => boolean;
  /** Also takes gRPC itself. */
  readonly grpc: boolean;
  /** Turns away what pages in browsers send: one that runs on this machine reaches its loopback, whoever wrote the page. */
  readonly refusesPages: boolean;
  readonly clock: Clock;
}

/** Connect and gRPC-Web, on connect-node; and the pages for load balancers. */
export async function openHttpDoor(options: HttpDoorOptions): Promise<Door> {
  let draining = false;
  const serveRpc = createRpcHandler(options);
  // HTTP/2 has GOAWAY for this, and no such header.
  const closeWhenDraining = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    if (draining) response.setHeader("connection", "close");
    // One that began earlier has promised to keep its connection.
    response.once("close", () => {
      if (draining) request.socket.destroySoon();
    });
  };
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    if (request.httpVersionMajor === 1) closeWhenDraining(request, response);
    if (!isValidHost(authorityOf(request))) {
      respond(response, 400, "The Host header is missing or malformed.\n");
      return;
    }
    if (options.refusesPages && request.headers.origin !== undefined) {
      respond(response, 403, "Pages in browsers may not call here.\n");
      return;
    }
    const path = request.url?.split("?", 1)[0] ?? "";
    const { metricsPage } = options;
    if (path === "/metrics" && metricsPage !== undefined) void serveMetrics(request, response, metricsPage);
    else if (path === "/healthz") respond(response, 200, "ok\n");
    else if (path === "/readyz")
      respond(response, options.isReady() ? 200 : 503, options.isReady() ? "ready\n" : "stopping\n");
    else if (!applyCors(request, response, options.corsOrigins) && !serveRpc(path, request, response))
      respond(response, 404, "There is no such method here.\n");
  };
  const server = await openHttpServer({
    address: parseAddress(options.address),
    tls: options.tls,
    maxStreamsPerConnection: options.maxStreamsPerConnection,
    maxHeaderBytes: options.maxHeaderBytes,
    clock: options.clock,
    onRequest,
  });
  return {
    address: options.address.replace(/:\d+$/, `:${server.port}`),
    drain: () => {
      draining = true;
      return server.drain();
    },
    close: () => server.close(),
  };
}

function authorityOf(request: http.IncomingMessage): string | undefined {
  const authority = request.httpVersionMajor === 1 ? undefined : request.headers[":authority"];
  return typeof authority === "string" ? authority : request.headers.host;
}

/**
 * Whether a Host header names a host. connect-node (2.2) builds a URL of it outside of any promise: a malformed one
 * would end the process.
 */
function isValidHost(host: string | undefined): boolean {
  return host !== undefined && /^[\w.:[\]-]{1,255}$/.test(host) && URL.canParse(`http://${host}`);
}

/** Never rejects. No origin is allowed to read it, whatever `cors_origins` says: it is no page for browsers. */
async function serveMetrics(
  { method }: http.IncomingMessage,
  response: http.ServerResponse,
  page: { read(): Promise<string> },
): Promise<void> {
  if (method !== "GET" && method !== "HEAD") {
    response.setHeader("allow", "GET, HEAD");
    respond(response, 405, "This page is only for reading.\n");
    return;
  }
  let text = "";
  try {
    // Reading starts a new period of what is measured between two readings.
    if (method === "GET") text = await page.read();
  } catch {
    respond(response, 503, "There are no metrics any more.\n");
    return;
  }
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  response.end(text);
}

function respond(response: http.ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}

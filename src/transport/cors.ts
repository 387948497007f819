import type { IncomingMessage, ServerResponse } from "node:http";
import { cors } from "@connectrpc/connect";
import { REQUEST_ID_HEADER } from "./request-id.ts";

const METHODS = cors.allowedMethods.join(", ");
const REQUEST_HEADERS = [...cors.allowedHeaders, "authorization", "traceparent", "tracestate"].join(", ");
const RESPONSE_HEADERS = [...cors.exposedHeaders, REQUEST_ID_HEADER].join(", ");

/** How long a browser may remember what it was allowed, s. Chromium takes no more than two hours. */
const PREFLIGHT_MAX_AGE_S = 7200;

/**
 * Lets pages of these origins call. Returns true where it has answered: a browser's question in advance (preflight).
 * Without an allowed origin nothing is added, and the browser keeps the page out.
 */
export function applyCors(request: IncomingMessage, response: ServerResponse, origins: readonly string[]): boolean {
  const { origin } = request.headers;
  const preflight = request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
  const allowed = origin !== undefined && (origins.includes("*") || origins.includes(origin));
  if (origins.length > 0) response.setHeader("vary", "Origin");
  if (allowed) {
    response.setHeader("access-control-allow-origin", origins.includes("*") ? "*" : origin);
    response.setHeader("access-control-expose-headers", RESPONSE_HEADERS);
  }
  if (!preflight) return false;
  if (!allowed) {
    response.writeHead(403, { "content-type": "text/plain; charset=utf-8" });
    response.end("This origin may not call. Add it to listen.cors_origins.\n");
    return true;
  }
  response.writeHead(204, {
    "access-control-allow-methods": METHODS,
    "access-control-allow-headers": REQUEST_HEADERS,
    "access-control-max-age": String(PREFLIGHT_MAX_AGE_S),
  });
  response.end();
  return true;
}

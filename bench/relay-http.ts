/** The floor: a process that passes bytes on, over HTTP/1.1, and looks at none of them. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { parseArgs } from "node:util";
import { type Dispatcher, Pool } from "undici";

const { values } = parseArgs({ options: { upstream: { type: "string" } } });
const upstream = new URL(values.upstream ?? "");
const pool = new Pool(upstream.origin, { connections: 2000, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });

/** Belong to one connection: each side writes its own. */
const hopByHop = ["connection", "keep-alive", "transfer-encoding", "date"];

function relay(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const headers = { "content-type": request.headers["content-type"] ?? "application/json" };
  pool.dispatch(
    { method: "POST", path: request.url ?? "/", headers, body },
    {
      onRequestStart: (controller) =>
        response.once("close", () => {
          if (!response.writableEnded) controller.abort(new Error("the caller left"));
        }),
      onResponseStart: (_controller, status, received) => {
        const kept = Object.entries(received).filter(([name]) => !hopByHop.includes(name));
        response.writeHead(status, Object.fromEntries(kept));
      },
      onResponseData: (controller: Dispatcher.DispatchController, chunk) => {
        if (response.write(chunk)) return;
        controller.pause();
        response.once("drain", () => controller.resume());
      },
      onResponseEnd: () => response.end(),
      onResponseError: () => response.destroy(),
    },
  );
}

const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => relay(request, response, Buffer.concat(chunks)));
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.stdout.write(`${JSON.stringify({ msg: "ready", address: `127.0.0.1:${port}` })}\n`);
});

/** A server that notes what a vendor's client sends, and answers it. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";

export interface Arrived {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Answer {
  readonly type: string;
  readonly body: Uint8Array | string;
}

export interface ScriptedServer {
  readonly url: string;
  /** The last request. */
  readonly last: () => Arrived;
}

export async function openServer(answer: (arrived: Arrived) => Answer): Promise<ScriptedServer> {
  const arrivals: Arrived[] = [];
  const server = createServer((request, response) => {
    void text(request).then((sent) => {
      const arrived = { path: request.url ?? "", headers: request.headers, body: sent };
      arrivals.push(arrived);
      const { type, body } = answer(arrived);
      response.writeHead(200, { "content-type": type });
      response.end(body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    last: () => {
      const arrived = arrivals.at(-1);
      if (arrived === undefined) throw new Error("Nothing arrived.");
      return arrived;
    },
  };
}

/** A server in the place of each dialect's vendor, and a gateway before them all. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { startGateway, type TestGateway } from "./gateway.ts";
import { type Turn, type VendorAnswers, vendorAnswers } from "./vendor-answers.ts";

export interface Vendors {
  readonly gateway: TestGateway;
  /** What each was sent last, by its dialect. */
  readonly sent: ReadonlyMap<string, string>;
  /** How they answer. */
  turn: Turn;
  /** Of a stream, what is sent before it stays open and silent; undefined for all. */
  cutAt: ((stream: Uint8Array) => number) | undefined;
  close(): Promise<void>;
}

/** Variables that their keys are looked for in. */
const KEYS = ["OPENROUTER", "OPENAI", "ANTHROPIC", "GEMINI", "CO"].map((name) => [`${name}_API_KEY`, "key"] as const);

/** Providers are named after their dialects; each has the same price. */
export async function openVendors(): Promise<Vendors> {
  const sent = new Map<string, string>();
  const servers: Server[] = [];
  const providers: Record<string, object> = {};
  const prices: Record<string, object> = {};

  const vendors = { sent, turn: "calls" as Turn, cutAt: undefined as Vendors["cutAt"] };
  const send = (response: ServerResponse, answers: VendorAnswers): void => {
    const bytes = answers.stream(vendors.turn);
    response.writeHead(200, { "content-type": answers.streamType });
    if (vendors.cutAt === undefined) response.end(bytes);
    else response.write(bytes.subarray(0, vendors.cutAt(bytes)));
  };
  for (const [dialect, answers] of Object.entries(vendorAnswers)) {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        sent.set(dialect, body);
        if (answers.streams(request.url ?? "", JSON.parse(body) as Record<string, unknown>)) send(response, answers);
        else response.setHeader("content-type", "application/json").end(JSON.stringify(answers.whole(vendors.turn)));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    servers.push(server);
    providers[dialect] = {
      ...answers.provider,
      base_url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    };
    prices[`${dialect}/*`] = { input: 1, cache_read: 0.1, output: 2, reasoning: 3 };
  }
  const environment = { ...Object.fromEntries(KEYS), AWS_BEARER_TOKEN_BEDROCK: "key" };
  const gateway = await startGateway(JSON.stringify({ providers, prices }), { environment });
  return Object.assign(vendors, {
    gateway,
    close: async () => {
      await gateway.close();
      for (const server of servers) {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
      }
    },
  });
}

/** Gateways whose provider is a package of the AI SDK, in front of servers written by hand. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { onTestFinished } from "vitest";
import { startGateway, type TestGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { QUICK_LIMITS } from "../upstream/support.ts";

export interface Received {
  readonly path: string | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: Readonly<Record<string, unknown>>;
}

export type Answer = (response: ServerResponse, request: Received) => void;

export interface Upstream {
  readonly url: string;
  readonly received: readonly Received[];
}

/** A server that notes what it is sent. Closes with the test. */
export async function listen(answer: Answer): Promise<Upstream> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    void text(request).then((json) => {
      const one = { path: request.url, headers: request.headers, body: JSON.parse(json) as Received["body"] };
      received.push(one);
      answer(response, one);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, received };
}

/** The packages that tests run against, each with a version of the specification, and where its server's paths begin. */
const packages = {
  compatible: { package: "@ai-sdk/openai-compatible", base: "/v1", options: { supportsStructuredOutputs: true } },
  anthropic: { package: "@ai-sdk/anthropic", base: "/v1", options: {} },
  /** Version 3 of the specification. */
  deepseek: { package: "@ai-sdk/deepseek", base: "", options: {} },
  /** Version 2. */
  mistral: { package: "@ai-sdk/mistral", base: "/v1", options: {} },
} as const;

export type PackageName = keyof typeof packages;

export interface GatewayScript {
  readonly url: string;
  readonly provider?: Readonly<Record<string, unknown>>;
  readonly aiSdk?: Readonly<Record<string, unknown>>;
  readonly more?: Readonly<Record<string, unknown>>;
  readonly limits?: Readonly<Record<string, unknown>>;
  readonly options?: TestGatewayOptions;
}

/** Packages make ready at their first call, which may take long on a busy machine. */
const PATIENT = { headers_timeout: "60s", first_token_timeout: "60s", idle_timeout: "60s", attempt_timeout: "60s" };

/** A gateway with one provider, named after the package. Closes with the test. */
export async function serve(name: PackageName, script: GatewayScript): Promise<TestGateway> {
  const { base, ...known } = packages[name];
  const provider = {
    ai_sdk: { ...known, ...script.aiSdk },
    base_url: script.url + base,
    api_key: "env:KEY",
    ...script.provider,
  };
  const config = {
    providers: { [name]: provider },
    limits: { ...QUICK_LIMITS, ...PATIENT, ...script.limits },
    retry: { base_delay: "0.001s", max_delay: "0.002s" },
    ...script.more,
  };
  const environment = { KEY: "key-that-is-secret" };
  const gateway = await startGateway(JSON.stringify(config), { environment, ...script.options });
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Server-sent events, the data of each as JSON. */
export function sendEvents(response: ServerResponse, events: readonly unknown[], end = true): void {
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) {
    const type = (event as { readonly type?: string }).type;
    response.write(`${type === undefined ? "" : `event: ${type}\n`}data: ${JSON.stringify(event)}\n\n`);
  }
  if (end) response.end();
}

export function sendJson(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

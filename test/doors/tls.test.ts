/** TLS and client certificates, on both doors. */
import { readFileSync, writeFileSync } from "node:fs";
import * as https from "node:https";
import type * as tls from "node:tls";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConfigError } from "../../src/config/problem.ts";
import { type CompleteResponse, GatewayService } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { type Certificates, createCertificates } from "./certificates.ts";
import { portOf } from "./wire.ts";

let simulator: Simulator;
let certificates: Certificates;

beforeAll(async () => {
  simulator = await openSimulator();
  certificates = createCertificates();
});

afterAll(async () => {
  certificates.remove();
  await simulator.close();
});

function tlsConfig(mutual: boolean): string {
  const files = [`cert_file: ${certificates.file("server.pem")}`, `key_file: ${certificates.file("server.key")}`];
  if (mutual) files.push(`client_ca_file: ${certificates.file("ca.pem")}`);
  return houseConfig(simulator.url, `listen: { tls: { ${files.join(", ")} } }\n`);
}

const ways: readonly { name: string; open: (gateway: TestGateway, nodeOptions: tls.ConnectionOptions) => Transport }[] =
  [
    {
      name: "gRPC",
      open: (gateway, nodeOptions) => createGrpcTransport({ baseUrl: `https://${gateway.grpcAddress}`, nodeOptions }),
    },
    {
      name: "Connect over HTTP/1.1",
      open: (gateway, nodeOptions) =>
        createConnectTransport({
          baseUrl: `https://${gateway.httpAddress}`,
          httpVersion: "1.1",
          nodeOptions: { ...nodeOptions, agent: new https.Agent(nodeOptions) } as never,
        }),
    },
    {
      name: "Connect over HTTP/2",
      open: (gateway, nodeOptions) =>
        createConnectTransport({ baseUrl: `https://${gateway.httpAddress}`, httpVersion: "2", nodeOptions }),
    },
    {
      name: "gRPC-Web over HTTP/1.1",
      open: (gateway, nodeOptions) =>
        createGrpcWebTransport({
          baseUrl: `https://${gateway.httpAddress}`,
          httpVersion: "1.1",
          nodeOptions: { ...nodeOptions, agent: new https.Agent(nodeOptions) } as never,
        }),
    },
  ];

function textOf({ parts }: CompleteResponse): string {
  return parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("");
}

/** What a call and a stream say, or that they did not come through. */
async function talk(client: Client<typeof GatewayService>): Promise<string[]> {
  try {
    const whole = await client.complete(ask("house/echo", "whole"));
    let streamed = "";
    for await (const { event } of client.stream(ask("house/echo", "streamed"))) {
      if (event.case === "blockDelta") streamed += event.value.text;
    }
    return [textOf(whole), streamed];
  } catch {
    return ["refused"];
  }
}

describe("with a certificate of the gateway's", () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway(tlsConfig(false));
  });

  afterAll(() => gateway.close());

  test.each(ways)("answers over $name", async ({ open }) => {
    const client = createClient(GatewayService, open(gateway, { ca: certificates.ca }));
    expect(await talk(client)).toEqual(["whole", "streamed"]);
  });

  test.each(ways)(
    "a client that does not trust it ends the connection over $name, and others are not affected",
    async ({ open }) => {
      expect(await talk(createClient(GatewayService, open(gateway, {})))).toEqual(["refused"]);
      expect(await talk(createClient(GatewayService, open(gateway, { ca: certificates.ca })))).toEqual([
        "whole",
        "streamed",
      ]);
    },
  );

  test("takes no plain text", async () => {
    await expect(fetch(`http://${gateway.httpAddress}/healthz`)).rejects.toThrow("fetch failed");
  });

  test("takes nothing older than TLS 1.2", async () => {
    const agent = new https.Agent({
      ca: certificates.ca,
      maxVersion: "TLSv1.1",
      minVersion: "TLSv1",
      ciphers: "DEFAULT@SECLEVEL=0",
    });
    const failure = await new Promise<Error>((resolve, reject) => {
      const request = https.get({ host: "127.0.0.1", port: portOf(gateway.httpAddress), path: "/healthz", agent }, () =>
        reject(new Error("it was taken")),
      );
      request.on("error", resolve);
    });
    expect(failure.message).toMatch(/protocol version|alert/i);
  });

  test("serves the pages for load balancers over HTTP/1.1", async () => {
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const options = {
        host: "127.0.0.1",
        port: portOf(gateway.httpAddress),
        path: "/readyz",
        ca: certificates.ca,
        agent: false as const,
      };
      https
        .get(options, (response) => {
          response.resume();
          response.on("end", () => resolve(response.statusCode));
        })
        .on("error", reject);
    });
    expect(status).toBe(200);
  });
});

describe("with an authority for clients", () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway(tlsConfig(true));
  });

  afterAll(() => gateway.close());

  test.each(ways)("answers who shows its certificate over $name", async ({ open }) => {
    const { ca, client } = certificates;
    expect(await talk(createClient(GatewayService, open(gateway, { ca, ...client })))).toEqual(["whole", "streamed"]);
  });

  test.each(ways)("refuses who shows none, or a stranger's, over $name", async ({ open }) => {
    const { ca, stranger } = certificates;
    const asked = simulator.calls.length;
    expect(await talk(createClient(GatewayService, open(gateway, { ca })))).toEqual(["refused"]);
    expect(await talk(createClient(GatewayService, open(gateway, { ca, ...stranger })))).toEqual(["refused"]);
    expect(simulator.calls.length).toBe(asked);
  });
});

describe("a certificate that cannot be used", () => {
  test("names every file that cannot be read", async () => {
    const tls =
      "listen: { tls: { cert_file: /nowhere/cert.pem, key_file: /nowhere/key.pem, client_ca_file: /nowhere/ca.pem } }\n";
    const failure = await startGateway(tls).catch((thrown: unknown) => thrown);
    expect(failure).toBeInstanceOf(ConfigError);
    expect((failure as ConfigError).problems).toEqual([
      { path: "listen.tls.cert_file", message: "the file /nowhere/cert.pem cannot be read (ENOENT)" },
      { path: "listen.tls.key_file", message: "the file /nowhere/key.pem cannot be read (ENOENT)" },
      { path: "listen.tls.client_ca_file", message: "the file /nowhere/ca.pem cannot be read (ENOENT)" },
    ]);
  });

  test.each([
    { name: "a certificate that is none", cert: "garbage.pem", key: "server.key" },
    { name: "the key of another certificate", cert: "server.pem", key: "client.key" },
  ])("is a problem of the configuration: $name", async ({ cert, key }) => {
    writeFileSync(certificates.file("garbage.pem"), readFileSync(certificates.file("server.key")));
    const tls = `listen: { tls: { cert_file: ${certificates.file(cert)}, key_file: ${certificates.file(key)} } }\n`;
    const failure = await startGateway(tls).then(
      (gateway) => gateway.close(),
      (thrown: unknown) => thrown,
    );
    expect(failure).toBeInstanceOf(ConfigError);
  });
});

/** `grpc.health.v1.Health` and the pages for load balancers. */
import { once } from "node:events";
import * as net from "node:net";
import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { portOf } from "./wire.ts";

let gateway: TestGateway;

beforeEach(async () => {
  gateway = await startGateway("");
});

afterEach(() => gateway.close());

const SERVICE = "sluice.v1.GatewayService";

const transports: readonly { name: string; open: () => Transport }[] = [
  { name: "gRPC", open: () => createGrpcTransport({ baseUrl: `http://${gateway.grpcAddress}` }) },
  {
    name: "Connect",
    open: () => createConnectTransport({ baseUrl: `http://${gateway.httpAddress}`, httpVersion: "1.1" }),
  },
  {
    name: "Connect over HTTP/2",
    open: () => createConnectTransport({ baseUrl: `http://${gateway.httpAddress}`, httpVersion: "2" }),
  },
  {
    name: "gRPC-Web",
    open: () => createGrpcWebTransport({ baseUrl: `http://${gateway.httpAddress}`, httpVersion: "1.1" }),
  },
];

describe.each(transports)("over $name", ({ open }) => {
  test("Check says SERVING for the server and its service", async () => {
    const health = createClient(Health, open());
    expect((await health.check({})).status).toBe(Status.SERVING);
    expect((await health.check({ service: SERVICE })).status).toBe(Status.SERVING);
  });

  test("Check says NOT_FOUND for a service that is not there", async () => {
    const error = await createClient(Health, open())
      .check({ service: "nope" })
      .catch((thrown: unknown) => ConnectError.from(thrown));
    expect(error).toMatchObject({
      code: Code.NotFound,
      rawMessage: 'No service "nope" here; the server as a whole has the empty name.',
    });
  });

  test("List says all of it", async () => {
    const { statuses } = await createClient(Health, open()).list({});
    expect(Object.entries(statuses).map(([name, { status }]) => [name, status])).toEqual([
      ["", Status.SERVING],
      [SERVICE, Status.SERVING],
      ["sluice.v1.EmbeddingService", Status.SERVING],
      ["sluice.v1.ModelService", Status.SERVING],
    ]);
  });

  test.each(["", SERVICE])("Watch of %j sees NOT_SERVING when the gateway stops", async (service) => {
    const watched = createClient(Health, open()).watch({ service })[Symbol.asyncIterator]();
    expect(((await watched.next()).value as { status: Status }).status).toBe(Status.SERVING);
    const stoppingAt = performance.now();
    const stopped = gateway.stop(0);
    expect(((await watched.next()).value as { status: Status }).status).toBe(Status.NOT_SERVING);
    expect((await watched.next()).done).toBe(true);
    await stopped;
    // It ended by itself: a gateway that has to cut off what is left waits 500 ms first.
    expect(performance.now() - stoppingAt).toBeLessThan(400);
  });

  test("Watch says SERVICE_UNKNOWN for a service that is not there, and stays open", async () => {
    const aborting = new AbortController();
    const watched = createClient(Health, open()).watch({ service: "nope" }, { signal: aborting.signal });
    const statuses: Status[] = [];
    const failure = await (async () => {
      for await (const { status } of watched) {
        statuses.push(status);
        aborting.abort();
      }
    })().catch((thrown: unknown) => ConnectError.from(thrown).code);
    expect([statuses, failure]).toEqual([[Status.SERVICE_UNKNOWN], Code.Canceled]);
  });
});

test.each([
  { path: "/healthz", body: "ok\n" },
  { path: "/readyz", body: "ready\n" },
  { path: "/healthz?full=1", body: "ok\n" },
])("$path answers 200", async ({ path, body }) => {
  const response = await fetch(`http://${gateway.httpAddress}${path}`, { headers: { connection: "close" } });
  expect([response.status, await response.text()]).toEqual([200, body]);
});

test("/readyz answers 503 while the gateway stops, and /healthz still 200", async () => {
  const readings = await Promise.all(
    ["/readyz", "/healthz"].map(async (path) => {
      const socket = net.connect(portOf(gateway.httpAddress), "127.0.0.1");
      // Half a request keeps the connection from being closed as an idle one.
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nX-Begun: 1\r\n`);
      await once(socket, "connect");
      return socket;
    }),
  );
  // The half requests have arrived once a whole one, sent later, is answered.
  await (await fetch(`http://${gateway.httpAddress}/healthz`, { headers: { connection: "close" } })).text();
  const stopped = gateway.stop(0);
  const answers = await Promise.all(
    readings.map(async (socket) => {
      socket.write("\r\n");
      let text = "";
      for await (const chunk of socket.setEncoding("utf8")) text += String(chunk);
      return [text.split("\r\n", 1)[0], /^connection: close\r?$/im.test(text)];
    }),
  );
  await stopped;
  expect(answers).toEqual([
    ["HTTP/1.1 503 Service Unavailable", true],
    ["HTTP/1.1 200 OK", true],
  ]);
});

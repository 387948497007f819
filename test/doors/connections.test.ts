/** Connections that do odd things, and the calls beside them that must not notice. */
import { once } from "node:events";
import * as net from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CompleteRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { doors, expectHealthy, grpcStatusOf } from "./failures.ts";
import { type Connection, connectHttp2, frame, portOf } from "./wire.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  gateway = await startGateway(houseConfig(simulator.url));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

const addresses = ["grpcAddress", "httpAddress"] as const;

async function connect(address: string): Promise<net.Socket> {
  const socket = net.connect(portOf(address), "127.0.0.1");
  socket.on("error", () => {});
  socket.setNoDelay();
  await once(socket, "connect");
  return socket;
}

async function destroy(socket: net.Socket): Promise<void> {
  if (socket.closed) return;
  const closed = once(socket, "close");
  socket.destroy();
  await closed;
}

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

describe.each(addresses)("on %s", (address) => {
  test.each([
    { name: "nothing", bytes: "" },
    { name: "one letter", bytes: "P" },
    { name: "half a preface", bytes: PREFACE.slice(0, 12) },
    { name: "a preface and no settings", bytes: PREFACE },
    { name: "half a head", bytes: "POST /sluice.v1.GatewayService/Complete HTTP/1.1\r\nHost: a\r\nX-" },
    {
      name: "half a body",
      bytes:
        "POST /sluice.v1.GatewayService/Complete HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
    },
  ])("200 connections that send $name do not hinder others", async ({ bytes }) => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => connect(gateway[address])));
    for (const socket of sockets) socket.write(bytes);
    await expectHealthy(gateway);
    await Promise.all(sockets.map(destroy));
    await expectHealthy(gateway);
  });

  test.each([
    { name: "before it sends anything", bytes: "" },
    { name: "after one letter", bytes: "P" },
    { name: "after half a preface", bytes: PREFACE.slice(0, 12) },
    { name: "after a preface", bytes: PREFACE },
    { name: "after half a head", bytes: "GET /healthz HTTP/1.1\r\nHo" },
    { name: "after garbage", bytes: "\x16\x03\x01\x00\xff\x00\x00" },
  ])("a client that ends its side or resets $name leaves nothing behind", async ({ bytes }) => {
    const ending = await connect(gateway[address]);
    const ended = once(ending, "close");
    ending.resume();
    ending.end(bytes);
    const resetting = await connect(gateway[address]);
    resetting.write(bytes);
    resetting.resetAndDestroy();
    await ended;
    await expectHealthy(gateway);
  });

  test("an HTTP/2 connection whose first bytes come one by one is served", async () => {
    const socket = await connect(gateway[address]);
    const relay = await openSplittingRelay(socket);
    let connection: Connection | undefined;
    try {
      connection = await connectHttp2(`http://127.0.0.1:${relay.port}`);
      const bytes = toBinary(CompleteRequestSchema, create(CompleteRequestSchema, ask("house/echo")));
      const type = address === "grpcAddress" ? "application/grpc" : "application/proto";
      const body = address === "grpcAddress" ? frame(bytes) : bytes;
      const path = "/sluice.v1.GatewayService/Complete";
      const answer = await connection.send({ ":path": path, "content-type": type, te: "trailers" }, body);
      expect(answer.headers[":status"]).toBe(200);
      if (address === "grpcAddress") expect(grpcStatusOf(answer).code).toBe(0);
    } finally {
      await connection?.close();
      relay.close();
      await destroy(socket);
    }
  });
});

test("an HTTP/1.1 request whose bytes come one by one is served", async () => {
  const socket = await connect(gateway.httpAddress);
  let answer = "";
  const reading = (async () => {
    for await (const chunk of socket.setEncoding("utf8")) answer += String(chunk);
  })();
  for (const byte of "POST /none HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n") {
    await new Promise((resolve) => socket.write(byte, resolve));
  }
  await reading;
  expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n/);
});

test.each(doors)(
  "a caller that leaves before the answer takes the upstream's request with it, through %s",
  async (door) => {
    const arrival = simulator.nextCall();
    const leaving = new AbortController();
    const failing = gateway[door]
      .complete(ask("house/fault.no-response"), { signal: leaving.signal })
      .catch(() => "left");
    const call = await arrival;
    const leftAt = performance.now();
    leaving.abort();
    const end = await call.closed;
    expect([await failing, end.early]).toEqual(["left", true]);
    expect(performance.now() - leftAt).toBeLessThan(50 + 100);
    await expectHealthy(gateway);
  },
);

test.each(doors)(
  "a caller that leaves in mid-stream takes the upstream's request with it, through %s",
  async (door) => {
    const arrival = simulator.nextCall();
    let seen = 0;
    const leaving = new AbortController();
    const stream = gateway[door].stream(ask("house/fault.stall-mid-stream"), { signal: leaving.signal });
    const failure = await (async () => {
      for await (const { event } of stream) if (event.case === "blockDelta" && ++seen === 3) leaving.abort();
    })().catch((thrown: unknown) => ConnectError.from(thrown).code);
    expect(failure).toBe(Code.Canceled);
    expect((await (await arrival).closed).early).toBe(true);
    await expectHealthy(gateway);
  },
);

/** A port whose first connection is passed on over this socket, its first 100 bytes one by one. */
async function openSplittingRelay(socket: net.Socket): Promise<{ port: number; close(): void }> {
  const server = net.createServer((client) => {
    client.on("error", () => {});
    let sent = 0;
    let queue = Promise.resolve();
    const write = (bytes: Buffer): Promise<void> => new Promise((resolve) => socket.write(bytes, () => resolve()));
    client.on("data", (chunk: Buffer) => {
      queue = queue.then(async () => {
        for (let at = 0; at < chunk.length; ) {
          const length = sent < 100 ? 1 : chunk.length - at;
          await write(chunk.subarray(at, at + length));
          at += length;
          sent += length;
        }
      });
    });
    socket.pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as net.AddressInfo).port,
    close: () => server.close(),
  };
}

/** Limits of connections: headers and streams. */
import { once } from "node:events";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CompleteRequestSchema, StreamRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { expectHealthy, grpcStatusOf } from "./failures.ts";
import { type Connection, connectHttp2, frame, sendGrpc, sendRaw } from "./wire.ts";

const COMPLETE = "/sluice.v1.GatewayService/Complete";
const STREAM = "/sluice.v1.GatewayService/Stream";
const bytes = toBinary(CompleteRequestSchema, create(CompleteRequestSchema, ask("house/echo")));

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

afterEach(() => expectHealthy(gateway));

const protocols = [
  { name: "the gRPC door", address: () => gateway.grpcAddress, type: "application/grpc" },
  { name: "the HTTP door's HTTP/2", address: () => gateway.httpAddress, type: "application/grpc-web+proto" },
];

describe.each(protocols)("$name", ({ address, type }) => {
  async function withConnection(run: (connection: Connection) => Promise<void>): Promise<void> {
    const connection = await connectHttp2(`http://${address()}`);
    try {
      await run(connection);
    } finally {
      await connection.close();
    }
  }

  test("advertises how many streams a connection may have", () =>
    withConnection(async ({ session }) => {
      expect(session.remoteSettings.maxConcurrentStreams).toBe(100);
    }));

  test("serves 100 streams on a connection at once, and the next one when those were cancelled", () =>
    withConnection(async ({ session, send }) => {
      const request = toBinary(StreamRequestSchema, create(StreamRequestSchema, ask("house/fault.stall-mid-stream")));
      const headers = { ":method": "POST", ":path": STREAM, "content-type": type, te: "trailers" };
      const streams = Array.from({ length: 100 }, () => {
        const stream = session.request(headers);
        stream.on("error", () => {});
        stream.end(frame(request));
        return stream;
      });
      await Promise.all(streams.map((stream) => once(stream, "data")));
      expect(simulator.openRequests).toBe(100);
      for (const stream of streams) stream.close();
      await simulator.idle();
      const next = await send({ ":path": COMPLETE, "content-type": type, te: "trailers" }, frame(bytes));
      expect(next.headers[":status"]).toBe(200);
      expect(simulator.openRequests).toBe(0);
    }));

  test("refuses headers above 64 KiB, and goes on with the connection's other calls", () =>
    withConnection(async ({ send }) => {
      const headers = { ":path": COMPLETE, "content-type": type, te: "trailers" };
      const refused = await send({ ...headers, "x-large": "a".repeat(66_000) }, frame(bytes));
      expect([431, undefined]).toContain(refused.headers[":status"]);
      const answered = await send({ ...headers, "x-small": "a" }, frame(bytes));
      expect(answered.headers[":status"]).toBe(200);
    }));
});

test("takes headers below 64 KiB on the gRPC door", async () => {
  const answer = await sendGrpc(gateway.grpcAddress, COMPLETE, bytes, { "x-large": "a".repeat(60_000) });
  expect(grpcStatusOf(answer)).toEqual({ code: 0, message: "OK", reason: undefined });
});

test.each([
  { size: 60_000, status: "HTTP/1.1 200 OK" },
  { size: 66_000, status: "HTTP/1.1 431 Request Header Fields Too Large" },
])("answers $status to $size bytes of headers in HTTP/1.1", async ({ size, status }) => {
  const answer = await sendRaw(
    gateway.httpAddress,
    `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: ${"a".repeat(size)}\r\n\r\n`,
  );
  expect(answer.split("\r\n", 1)[0]).toBe(status);
});

describe("with limits of its own", () => {
  let strict: TestGateway;

  beforeAll(async () => {
    const limits = "limits: { max_streams_per_connection: 3, max_header_bytes: 8192 }\n";
    strict = await startGateway(houseConfig(simulator.url, limits));
  });

  afterAll(() => strict.close());

  test.each(["grpcAddress", "httpAddress"] as const)("advertises its number of streams on %s", async (address) => {
    const { session, close } = await connectHttp2(`http://${strict[address]}`);
    const { maxConcurrentStreams } = session.remoteSettings;
    await close();
    expect(maxConcurrentStreams).toBe(3);
  });

  test.each([
    { address: "grpcAddress" as const, type: "application/grpc" },
    { address: "httpAddress" as const, type: "application/grpc-web+proto" },
  ])("refuses headers above max_header_bytes in HTTP/2 on $address", async ({ address, type }) => {
    const { send, close } = await connectHttp2(`http://${strict[address]}`);
    try {
      const headers = { ":path": COMPLETE, "content-type": type, te: "trailers", "x-large": "a".repeat(10_000) };
      expect([431, undefined]).toContain((await send(headers, frame(bytes))).headers[":status"]);
    } finally {
      await close();
    }
  });

  test("refuses headers above max_header_bytes in HTTP/1.1", async () => {
    const answer = await sendRaw(
      strict.httpAddress,
      `GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Large: ${"a".repeat(10_000)}\r\n\r\n`,
    );
    expect(answer.split("\r\n", 1)[0]).toBe("HTTP/1.1 431 Request Header Fields Too Large");
  });
});

/** A reader that is slower than the upstream: the gateway waits with it, instead of keeping what it does not take. */
import { once } from "node:events";
import * as http from "node:http";
import { type ClientHttp2Stream, constants } from "node:http2";
import type { Readable } from "node:stream";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { StreamRequestSchema, StreamResponseSchema } from "../../gen/sluice/v1/gateway_service_pb.ts";
import type { SimulatorCall } from "../../src/simulator/calls.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { expectHealthy } from "./failures.ts";
import { connectHttp2, frame, portOf, unframe } from "./wire.ts";

const MIB = 1024 * 1024;
const TOTAL = 50 * MIB;
const PATH = "/sluice.v1.GatewayService/Stream";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  const limits = `limits: { max_response_bytes: ${200 * MIB}, idle_timeout: 0.3s }\n`;
  gateway = await startGateway(houseConfig(simulator.url, limits));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

afterEach(() => expectHealthy(gateway));

const request = frame(
  toBinary(StreamRequestSchema, create(StreamRequestSchema, ask(`house/text:total-bytes=${TOTAL / MIB}MiB`))),
);

interface Reader {
  /** The body of the answer; nothing is read of it yet. */
  readonly body: Readable;
  close(): Promise<void>;
}

type Open = (timeoutMs?: number) => Promise<Reader>;

const readers: readonly { name: string; open: Open }[] = [
  { name: "gRPC", open: (timeoutMs) => openHttp2(gateway.grpcAddress, "application/grpc", timeoutMs) },
  {
    name: "Connect over HTTP/2",
    open: (timeoutMs) => openHttp2(gateway.httpAddress, "application/connect+proto", timeoutMs),
  },
  { name: "Connect over HTTP/1.1", open: (timeoutMs) => openHttp1("application/connect+proto", timeoutMs) },
  { name: "gRPC-Web over HTTP/1.1", open: (timeoutMs) => openHttp1("application/grpc-web+proto", timeoutMs) },
];

function timeoutHeader(type: string, timeoutMs: number | undefined): Record<string, string> {
  if (timeoutMs === undefined) return {};
  return type.startsWith("application/connect")
    ? { "connect-timeout-ms": String(timeoutMs) }
    : { "grpc-timeout": `${timeoutMs}m` };
}

async function openHttp2(address: string, type: string, timeoutMs?: number): Promise<Reader> {
  const { session, close } = await connectHttp2(`http://${address}`);
  const headers = { ":method": "POST", ":path": PATH, "content-type": type, te: "trailers" };
  const body: ClientHttp2Stream = session.request({ ...headers, ...timeoutHeader(type, timeoutMs) });
  body.on("error", () => {});
  body.end(request);
  await once(body, "response");
  return { body, close };
}

async function openHttp1(type: string, timeoutMs?: number): Promise<Reader> {
  const sent = http.request({
    ...{ host: "127.0.0.1", port: portOf(gateway.httpAddress), path: PATH, method: "POST", agent: false },
    headers: { "content-type": type, ...timeoutHeader(type, timeoutMs) },
  });
  sent.on("error", () => {});
  sent.end(request);
  const [body] = (await once(sent, "response")) as [http.IncomingMessage];
  body.on("error", () => {});
  return {
    body,
    async close() {
      if (body.closed) return;
      const closed = once(body, "close");
      body.destroy();
      await closed;
    },
  };
}

/** Resolves once the simulator has not been able to write for a while: it is the measured thing, not a delay. */
async function stoppedAt(call: SimulatorCall): Promise<number> {
  for (let last = -1, still = 0; still < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    still = call.bytesWritten === last ? still + 1 : 0;
    last = call.bytesWritten;
  }
  return call.bytesWritten;
}

describe.each(readers)("over $name", ({ open }) => {
  test("pauses the upstream, then delivers everything once it is read", async () => {
    const arrival = simulator.nextCall();
    const reader = await open();
    try {
      const call = await arrival;
      // What fits into sockets and windows on the way, of 50 MiB.
      const written = await stoppedAt(call);
      expect(written).toBeLessThan(16 * MIB);
      expect(call.end).toBeUndefined();

      const chunks: Buffer[] = [];
      for await (const chunk of reader.body) chunks.push(chunk as Buffer);
      let received = 0;
      let last: string | undefined;
      for (const { flags, message } of unframe(Buffer.concat(chunks))) {
        if (flags !== 0) continue;
        const { event } = fromBinary(StreamResponseSchema, message);
        if (event.case === "blockDelta") received += event.value.text.length;
        last = event.case;
      }
      expect([received, last]).toEqual([TOTAL, "end"]);
      expect((await call.closed).early).toBe(false);
    } finally {
      await reader.close();
    }
  });

  test("waits for its reader longer than for its upstream", async () => {
    const arrival = simulator.nextCall();
    const reader = await open();
    try {
      const call = await arrival;
      // The upstream may be silent for 0.3 s. It is not: it is the reader who makes it wait.
      await stoppedAt(call);
      await new Promise((resolve) => setTimeout(resolve, 600));
      expect(call.end).toBeUndefined();
    } finally {
      await reader.close();
    }
    expect((await (await arrival).closed).early).toBe(true);
  });

  test("ends the upstream's request at the deadline, though nobody reads", async () => {
    const arrival = simulator.nextCall();
    const startedAt = performance.now();
    const reader = await open(500);
    try {
      const { early } = await (await arrival).closed;
      expect(early).toBe(true);
      expect(performance.now() - startedAt).toBeLessThan(500 + 250);
      // The call is over for the gateway, too: it has written its line.
      await until(() => gateway.logged.some((line) => line.msg === "call" && line.reason === "DEADLINE_EXCEEDED"));
    } finally {
      await reader.close();
    }
  });

  test("ends the upstream's request when the reader goes away", async () => {
    const arrival = simulator.nextCall();
    const reader = await open();
    const call = await arrival;
    await stoppedAt(call);
    await reader.close();
    expect((await call.closed).early).toBe(true);
  });
});

test.each(readers.filter(({ name }) => !name.endsWith("HTTP/1.1")))(
  "over $name, a stream that nobody reads is reset soon after its deadline",
  async ({ open }) => {
    const startedAt = performance.now();
    const reader = await open(300);
    try {
      // A paused stream does not end of itself: it is the reset that closes it.
      await once(reader.body, "close");
      expect(performance.now() - startedAt).toBeLessThan(300 + 200 + 250);
      expect((reader.body as ClientHttp2Stream).rstCode).toBe(constants.NGHTTP2_CANCEL);
    } finally {
      await reader.close();
    }
  },
);

async function until(holds: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 2000;
  while (!holds()) {
    if (performance.now() > giveUpAt) throw new Error("it did not happen within 2 s");
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A slow reader of a large answer costs the process no memory: measured from outside. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import * as http from "node:http";
import type { Readable } from "node:stream";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { StreamRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator } from "../../src/simulator/server.ts";
import { connectHttp2, frame, portOf } from "../doors/wire.ts";
import { ask, houseConfig } from "../support/gateway.ts";
import { spawnGateway } from "./spawn.ts";

const MIB = 1024 * 1024;
const TOTAL_MIB = 200;
const PATH = "/sluice.v1.GatewayService/Stream";
const request = frame(
  toBinary(StreamRequestSchema, create(StreamRequestSchema, ask(`house/text:total-bytes=${TOTAL_MIB}MiB`))),
);

/** Memory that the process has in RAM. */
function residentBytes(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1]) * 1024;
}

async function openGrpc(address: string): Promise<{ body: Readable; close(): unknown }> {
  const { session, close } = await connectHttp2(`http://${address}`);
  const body = session.request({
    ":method": "POST",
    ":path": PATH,
    "content-type": "application/grpc",
    te: "trailers",
  });
  body.end(request);
  await once(body, "response");
  return { body, close };
}

async function openConnect(address: string): Promise<{ body: Readable; close(): unknown }> {
  const headers = { "content-type": "application/connect+proto" };
  const sent = http.request({
    host: "127.0.0.1",
    port: portOf(address),
    path: PATH,
    method: "POST",
    headers,
    agent: false,
  });
  sent.end(request);
  const [body] = (await once(sent, "response")) as [http.IncomingMessage];
  return { body, close: () => body.destroy() };
}

test.each([
  { door: "grpc", open: openGrpc },
  { door: "http", open: openConnect },
])(
  "200 MiB that nobody reads stay with the upstream, on the $door door; then all is delivered",
  async ({ door, open }) => {
    const simulator = await openSimulator();
    const gateway = spawnGateway({
      yaml: houseConfig(simulator.url, `limits: { max_response_bytes: ${300 * MIB} }\n`),
    });
    try {
      const address = String((await gateway.line("ready"))[door]);
      const before = residentBytes(gateway.pid);
      const arrival = simulator.nextCall();
      const reader = await open(address);
      const call = await arrival;
      for (let last = -1, still = 0; still < 15; ) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        still = call.bytesWritten === last ? still + 1 : 0;
        last = call.bytesWritten;
      }
      // Most of what was written is in the sockets on the way.
      expect(call.bytesWritten).toBeLessThan(16 * MIB);
      expect(residentBytes(gateway.pid) - before).toBeLessThan(100 * MIB);
      let received = 0;
      for await (const chunk of reader.body) received += (chunk as Buffer).length;
      expect(received).toBeGreaterThan(TOTAL_MIB * MIB);
      expect((await call.closed).early).toBe(false);
      // The garbage of a fast stream included; holding the answer would be 200 MiB and more.
      expect(residentBytes(gateway.pid) - before).toBeLessThan(150 * MIB);
      await reader.close();
    } finally {
      await gateway.dispose();
      await simulator.close();
    }
  },
);

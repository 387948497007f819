/** Client: connections that mean no good, with healthy calls beside them. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { create, toBinary } from "@bufbuild/protobuf";
import { StreamRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { connectHttp2, frame, portOf } from "../doors/wire.ts";
import { ask } from "../support/gateway.ts";
import { within } from "../upstream/support.ts";
import { besideHealthyCalls } from "./beside.ts";
import type { FaultCase, Section } from "./case.ts";
import { Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";

const STREAM = "/sluice.v1.GatewayService/Stream";
const MIB = 1024 * 1024;
const WANTED_CONNECTIONS = 10_000;

/** What an HTTP/2 client begins with: the preface, and settings that change nothing. */
export const OPENING = Buffer.concat([
  Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
]);

export const clientAttacks: Section = {
  name: "client, attacks",
  async open() {
    const simulator = await openSimulator();
    const stage = await Stage.open({
      providers: { house: { base_url: simulator.url } },
      watched: [watch(simulator)],
    });
    const connections = Math.min(WANTED_CONNECTIONS, openFilesLimit() - 2000);
    return {
      stage,
      cases: [...rapidResets(simulator), ...headerBombs, idleConnections(connections)],
      notes:
        connections === WANTED_CONNECTIONS
          ? []
          : [`Open files are limited here: ${connections} idle connections instead of ${WANTED_CONNECTIONS}.`],
      async close() {
        await stage.close();
        await simulator.close();
      },
    };
  },
};

/** Of this process, and of those that it starts. */
function openFilesLimit(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
}

/** Memory that the process has in RAM. */
function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

const doors = [
  { door: "gRPC", address: (stage: Stage) => stage.grpcAddress, type: "application/grpc" },
  { door: "HTTP", address: (stage: Stage) => stage.httpAddress, type: "application/grpc-web+proto" },
];

function rapidResets(simulator: Simulator): readonly FaultCase[] {
  const request = frame(toBinary(StreamRequestSchema, create(StreamRequestSchema, ask("house/fault.no-response"))));
  return doors.map(({ door, address, type }) => ({
    name: `rapid reset, 10 connections of 300 streams, ${door} door`,
    expected: "no request is left upstream",
    play: (stage) =>
      besideHealthyCalls(stage, async () => {
        for (let connection = 0; connection < 10; connection++) {
          const { session, close } = await connectHttp2(`http://${address(stage)}`);
          for (let stream = 0; stream < 300 && !session.closed; stream++) {
            const opened = session.request({
              ":method": "POST",
              ":path": STREAM,
              "content-type": type,
              te: "trailers",
            });
            opened.on("error", () => {});
            opened.end(request);
            opened.close(constants.NGHTTP2_CANCEL);
            if (stream % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
          }
          await close();
        }
        await within(5000, simulator.idle(), "every request upstream ends");
        return "no request is left upstream";
      }),
  }));
}

/**
 * A header of 4,000 bytes that the table keeps, and 10,000 references to it of one byte each (RFC 7541, 6.1 and 6.2.1):
 * 14 KiB that become 40 MB.
 */
function headerBomb(): Buffer {
  const value = 4000;
  const literal = [0x40, 1, 0x78, 0x7f, ((value - 127) & 0x7f) | 0x80, (value - 127) >> 7];
  const block = Buffer.concat([Buffer.from(literal), Buffer.alloc(value, "y"), Buffer.alloc(10_000, 0xbe)]);
  const head = Buffer.from([0, 0, 0, 1, 0x05, 0, 0, 0, 1]);
  head.writeUIntBE(block.length, 0, 3);
  return Buffer.concat([OPENING, head, block]);
}

const FRAME_TYPES: Readonly<Record<number, string>> = { 1: "HEADERS", 3: "RST_STREAM", 7: "GOAWAY" };

/** Resolves with what refuses a stream of these bytes: a frame, or the connection's end. */
async function refusalOf(socket: Socket): Promise<string> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    for (let at = 0; at + 9 <= received.length; at += 9 + received.readUIntBE(at, 3)) {
      const type = FRAME_TYPES[received.readUInt8(at + 3)];
      if (type !== undefined) return type;
    }
  }
  return "the connection's end";
}

const headerBombs: readonly FaultCase[] = doors.map(({ door, address }) => ({
  name: `HPACK bomb on 20 connections, ${door} door`,
  expected: "each is refused; memory stays within 64 MiB",
  play: (stage) =>
    besideHealthyCalls(stage, async () => {
      const before = residentBytes(stage.pid);
      for (let connection = 0; connection < 20; connection++) {
        const socket = connect(portOf(address(stage)), "127.0.0.1");
        socket.on("error", () => {});
        socket.write(headerBomb());
        try {
          await within(3000, refusalOf(socket), "a refusal");
        } finally {
          socket.destroy();
        }
      }
      const grown = residentBytes(stage.pid) - before;
      return `each is refused; memory ${grown < 64 * MIB ? "stays within 64 MiB" : `grows by ${grown} bytes`}`;
    }),
}));

function idleConnections(count: number): FaultCase {
  return {
    name: `${count} idle connections, on both doors`,
    expected: `${count} are taken, and all are let go`,
    play: (stage) =>
      besideHealthyCalls(stage, async () => {
        const sockets: Socket[] = [];
        const ports = [portOf(stage.grpcAddress), portOf(stage.httpAddress)];
        try {
          while (sockets.length < count) {
            const batch = Array.from({ length: Math.min(100, count - sockets.length) }, (_, at) => {
              const socket = connect(ports[at % 2] ?? 0, "127.0.0.1");
              socket.on("error", () => {});
              socket.write(OPENING);
              return socket;
            });
            sockets.push(...batch);
            // Its settings show that the server has taken it.
            await within(20_000, Promise.all(batch.map((socket) => once(socket, "data"))), "connections are taken");
          }
          return `${sockets.length} are taken, and all are let go`;
        } finally {
          for (const socket of sockets) socket.destroy();
        }
      }),
  };
}

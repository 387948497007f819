/** Client: peers that vanish without a word, and those that take for ever to say one. All wait at the same time. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { GatewayService } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { portOf } from "../doors/wire.ts";
import { ask } from "../support/gateway.ts";
import { besideHealthyCalls } from "./beside.ts";
import type { FaultCase, Section } from "./case.ts";
import { OPENING } from "./client-attacks.ts";
import { Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";

/** Half a minute of silence, ten seconds for the answer to a ping, and some for a busy machine. */
const VANISHED_WITHIN_MS = 48_000;
/** Ten seconds for a head, looked at every five. */
const SLOW_HEAD_WITHIN_MS = 20_000;
const SLOW_CONNECTIONS = 200;

export const clientSilence: Section = {
  name: "client, silence",
  async open() {
    const simulator = await openSimulator();
    const stage = await Stage.open({ providers: { house: { base_url: simulator.url } }, watched: [watch(simulator)] });
    return {
      stage,
      cases: [together(simulator)],
      async close() {
        await stage.close();
        await simulator.close();
      },
    };
  },
};

function together(simulator: Simulator): FaultCase {
  const name = "half-open peers, slowloris";
  const expected = [
    "half-open on the gRPC door: upstream closed",
    "half-open on the HTTP door: upstream closed",
    `slow heads on the HTTP door: ${SLOW_CONNECTIONS} closed`,
    `silence on the gRPC door: ${SLOW_CONNECTIONS} closed`,
  ].join("; ");
  return {
    name,
    expected,
    play: (stage) =>
      besideHealthyCalls(stage, async () => {
        const seen = await Promise.all([
          vanish(stage, simulator, "gRPC"),
          vanish(stage, simulator, "HTTP"),
          trickle(
            portOf(stage.httpAddress),
            "POST /x HTTP/1.1\r\nHost: a\r\nX-Slow: ",
            SLOW_HEAD_WITHIN_MS,
            "slow heads on the HTTP door",
          ),
          trickle(portOf(stage.grpcAddress), OPENING, VANISHED_WITHIN_MS, "silence on the gRPC door"),
        ]);
        return seen.join("; ");
      }),
  };
}

/** A caller behind a network that stops to carry anything, and tells neither side. */
async function vanish(stage: Stage, simulator: Simulator, door: "gRPC" | "HTTP"): Promise<string> {
  const relay = await openRelay(portOf(door === "gRPC" ? stage.grpcAddress : stage.httpAddress));
  const baseUrl = `http://127.0.0.1:${relay.port}`;
  const transport =
    door === "gRPC" ? createGrpcTransport({ baseUrl }) : createGrpcWebTransport({ baseUrl, httpVersion: "2" });
  const arrived = simulator.calls.length;
  const reading = createClient(GatewayService, transport)
    .stream(ask("house/fault.stall-mid-stream"))
    [Symbol.asyncIterator]();
  try {
    await reading.next();
    await reading.next();
    const call = simulator.calls.slice(arrived).find(({ end }) => end === undefined);
    relay.freeze();
    const leave = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), VANISHED_WITHIN_MS).unref());
    const end = await Promise.race([call?.closed, leave]);
    return `half-open on the ${door} door: upstream ${end?.early === true ? "closed" : "still open"}`;
  } finally {
    relay.close();
    reading.next().catch(() => {});
  }
}

interface Relay {
  readonly port: number;
  /** Carries nothing any more; both of its sides stay connected. */
  freeze(): void;
  close(): void;
}

async function openRelay(port: number): Promise<Relay> {
  const sockets: Socket[] = [];
  let frozen = false;
  const server = createServer((client) => {
    const onward = connect(port, "127.0.0.1");
    sockets.push(client, onward);
    for (const [from, to] of [
      [client, onward],
      [onward, client],
    ] as const) {
      from.on("error", () => {});
      from.on("data", (chunk) => frozen || to.write(chunk));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    freeze: () => {
      frozen = true;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Connections that say a little more each second, if anything; resolves with how many were closed in time. */
async function trickle(port: number, opening: string | Buffer, withinMs: number, what: string): Promise<string> {
  let closed = 0;
  const sockets = Array.from({ length: SLOW_CONNECTIONS }, () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.on("close", () => closed++);
    socket.resume();
    socket.write(opening);
    return socket;
  });
  const more = setInterval(() => {
    if (typeof opening === "string") for (const socket of sockets) if (!socket.destroyed) socket.write("a");
  }, 1000);
  const giveUpAt = performance.now() + withinMs;
  while (closed < SLOW_CONNECTIONS && performance.now() < giveUpAt)
    await new Promise((resolve) => setTimeout(resolve, 100));
  clearInterval(more);
  const seen = `${what}: ${closed} closed`;
  for (const socket of sockets) socket.destroy();
  return seen;
}

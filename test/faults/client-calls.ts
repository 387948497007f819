/** Client: callers that leave, read slowly, bring odd deadlines, or send what is no request. */
import { once } from "node:events";
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { CompleteRequestSchema, StreamRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { grpcStatusOf } from "../doors/failures.ts";
import { connectHttp2, frame, post, sendGrpc, sendRaw } from "../doors/wire.ts";
import { ask } from "../support/gateway.ts";
import { besideHealthyCalls } from "./beside.ts";
import type { CallOptions, Delivery } from "./call.ts";
import type { FaultCase, Section } from "./case.ts";
import { measureWaits } from "./machine.ts";
import { Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";

const COMPLETE = "/sluice.v1.GatewayService/Complete";
const STREAM = "/sluice.v1.GatewayService/Stream";
const MAX_MESSAGE_BYTES = 100_000;
const MIB = 1024 * 1024;
/** A cancelled call's upstream socket closes within this time, ms. */
const AT_ONCE_MS = 50;

const slow = create(CompleteRequestSchema, ask("house/fault.slow-headers:after=50ms"));
const good = create(CompleteRequestSchema, ask("house/echo"));

export const clientCalls: Section = {
  name: "client, calls",
  async open() {
    const simulator = await openSimulator();
    const stage = await Stage.open({
      providers: { house: { base_url: simulator.url } },
      limits: { max_message_bytes: MAX_MESSAGE_BYTES, max_response_bytes: 200 * MIB },
      watched: [watch(simulator)],
    });
    return {
      stage,
      cases: [...leaving(simulator), ...reading(simulator), ...deadlines(simulator), ...malformed],
      async close() {
        await stage.close();
        await simulator.close();
      },
    };
  },
};

interface Leaving {
  readonly when: string;
  readonly delivery: Delivery;
  readonly model: string;
  /** Leaves with this token; 0 leaves once the request has arrived. */
  readonly token: number;
}

const leavings: readonly Leaving[] = [
  { when: "before the head", delivery: "unary", model: "fault.no-response", token: 0 },
  { when: "before the head", delivery: "stream", model: "fault.no-response", token: 0 },
  { when: "in mid-stream", delivery: "stream", model: "text:tokens=1000:rate=50", token: 3 },
  { when: "after the last token", delivery: "stream", model: "fault.stall-mid-stream:events=10", token: 10 },
];

function leaving(simulator: Simulator): readonly FaultCase[] {
  return (["grpc", "connect"] as const).flatMap((door) =>
    leavings.map(
      ({ when, delivery, model, token }): FaultCase => ({
        name: `cancel ${when}, ${delivery}, ${door}`,
        expected: "Canceled; upstream closed at once",
        async play(stage) {
          const arrival = simulator.nextCall();
          const leave = new AbortController();
          let leftAt = 0;
          let waits = (): number => 0;
          const go = (): void => {
            leftAt = performance.now();
            waits = measureWaits([stage.pid, process.pid]);
            leave.abort();
          };
          let tokens = 0;
          const options: CallOptions = {
            door,
            signal: leave.signal,
            onEvent: (name) => name === "blockDelta" && ++tokens === token && go(),
          };
          const ending = stage.call(delivery, `house/${model}`, options);
          const call = await arrival;
          if (token === 0) go();
          const { early } = await call.closed;
          const tookMs = performance.now() - leftAt;
          const late = tookMs > AT_ONCE_MS + waits();
          const { code } = await ending;
          return `${code}; upstream ${early ? "closed" : "answered"} ${late ? `after ${Math.round(tookMs)} ms` : "at once"}`;
        },
      }),
    ),
  );
}

function reading(simulator: Simulator): readonly FaultCase[] {
  const total = 50 * MIB;
  const request = frame(
    toBinary(StreamRequestSchema, create(StreamRequestSchema, ask(`house/text:total-bytes=${total / MIB}MiB`))),
  );
  return [
    {
      name: "slow reader of 50 MiB",
      expected: "the upstream is paused below 16 MiB; then all is delivered",
      play: (stage) =>
        besideHealthyCalls(stage, async () => {
          const arrival = simulator.nextCall();
          const { session, close } = await connectHttp2(`http://${stage.grpcAddress}`);
          try {
            const headers = { "content-type": "application/grpc", te: "trailers" };
            const body = session.request({ ":method": "POST", ":path": STREAM, ...headers });
            body.end(request);
            await once(body, "response");
            const call = await arrival;
            for (let last = -1, still = 0; still < 20; ) {
              await new Promise((resolve) => setTimeout(resolve, 20));
              still = call.bytesWritten === last ? still + 1 : 0;
              last = call.bytesWritten;
            }
            const paused = call.bytesWritten < 16 * MIB ? "below 16 MiB" : `at ${call.bytesWritten} bytes`;
            let received = 0;
            for await (const chunk of body) received += (chunk as Buffer).length;
            const { early } = await call.closed;
            return `the upstream is paused ${paused}; then ${received > total && !early ? "all is" : `${received} bytes are`} delivered`;
          } finally {
            await close();
          }
        }),
    },
  ];
}

function deadlines(simulator: Simulator): readonly FaultCase[] {
  const rows: readonly (readonly [timeout: string, expected: string])[] = [
    ["0m", "status 4 DEADLINE_EXCEEDED; no request upstream"],
    ["1m", "status 4 DEADLINE_EXCEEDED; at most one request upstream"],
    ["2147483647m", "status 0; at most one request upstream"],
    ["2147483648m", "status 0; at most one request upstream"],
    ["99999999H", "status 0; at most one request upstream"],
    ["5x", "status 3 INVALID_REQUEST; no request upstream"],
  ];
  return rows.map(([timeout, expected]) => ({
    name: `deadline ${timeout}`,
    expected,
    async play(stage) {
      const before = simulator.calls.length;
      const bytes = toBinary(CompleteRequestSchema, slow);
      const answer = await sendGrpc(stage.grpcAddress, COMPLETE, bytes, { "grpc-timeout": timeout });
      const { code, reason } = grpcStatusOf(answer);
      const requests = simulator.calls.length - before;
      const count =
        requests === 0 && !expected.includes("at most") ? "no request" : requests <= 1 ? "at most one request" : "more";
      return `status ${code}${typeof reason === "string" ? ` ${reason}` : ""}; ${count} upstream`;
    },
  }));
}

type Send = (stage: Stage) => Promise<string>;

const grpc =
  (message: Uint8Array, headers: Record<string, string> = {}): Send =>
  async (stage) => {
    const answer = await sendGrpc(stage.grpcAddress, COMPLETE, message, headers);
    const http = Number(answer.headers[":status"]);
    return http === 200 ? `status ${grpcStatusOf(answer).code}` : `HTTP ${http}`;
  };

const http =
  (body: string | Uint8Array, headers: Record<string, string> = {}): Send =>
  async (stage) => {
    const response = await post(stage.httpAddress, COMPLETE, body, headers);
    await response.arrayBuffer();
    return `HTTP ${response.status}`;
  };

const withHost =
  (host: string): Send =>
  async (stage) => {
    const request = `POST ${COMPLETE} HTTP/1.1\r\n${host}Connection: close\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`;
    const answer = await sendRaw(stage.httpAddress, Buffer.from(request, "latin1"));
    return `HTTP ${/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]}`;
  };

const withAuthority =
  (door: "grpcAddress" | "httpAddress", authority: string): Send =>
  async (stage) => {
    const { send, close } = await connectHttp2(`http://${stage[door]}`);
    try {
      const type = door === "grpcAddress" ? "application/grpc" : "application/json";
      const body = door === "grpcAddress" ? frame(toBinary(CompleteRequestSchema, good)) : Buffer.from("{}");
      const answer = await send(
        { ":path": COMPLETE, ":authority": authority, "content-type": type, te: "trailers" },
        body,
      );
      return `HTTP ${Number(answer.headers[":status"])}`;
    } finally {
      await close();
    }
  };

/** JSON whose options are nested so deep, one level in each other. */
function nested(depth: number): string {
  const json = toJson(CompleteRequestSchema, good) as { prompt: object };
  const options = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
  const prompt = { ...json.prompt, providerOptions: { house: "@" } };
  return JSON.stringify({ ...json, prompt }).replace('"@"', options);
}

const bad = Buffer.from([0xff, 0xff, 0xff]);
const large = Buffer.alloc(MAX_MESSAGE_BYTES + 1, " ");
const hosts = ["[", "", " ", "a b", "a/b", "a@b", "a:b", "a:99999", "[::1", "%", "\x80", "x".repeat(300)];

const requests: readonly (readonly [name: string, expected: string, send: Send])[] = [
  ...hosts.map(
    (host) => [`Host ${JSON.stringify(host.slice(0, 12))}`, "HTTP 400", withHost(`Host: ${host}\r\n`)] as const,
  ),
  ["no Host", "HTTP 400", withHost("")],
  ...["[", "a:b", "[::1"].map(
    (one) => [`:authority ${one}, HTTP door`, "HTTP 400", withAuthority("httpAddress", one)] as const,
  ),
  // gRPC routes by path alone: the authority is not looked at, and hurts nobody.
  ...["[", "a:b", "[::1"].map(
    (one) => [`:authority ${one}, gRPC door`, "HTTP 200", withAuthority("grpcAddress", one)] as const,
  ),
  ["message over the limit, gRPC", "status 8", grpc(large)],
  ["message over the limit, HTTP", "HTTP 429", http(large)],
  ["JSON of depth 101", "HTTP 400", http(nested(101))],
  ["JSON of depth 5000", "HTTP 400", http(nested(5000))],
  ["lists of depth 5000", "HTTP 400", http("[".repeat(5000))],
  ["malformed protobuf, gRPC", "status 3", grpc(bad)],
  ["malformed protobuf, HTTP", "HTTP 400", http(bad, { "content-type": "application/proto" })],
  ["malformed JSON", "HTTP 400", http('{"attribution":')],
  [
    "wrong content type, gRPC",
    "HTTP 415",
    grpc(toBinary(CompleteRequestSchema, good), { "content-type": "text/plain" }),
  ],
  ["wrong content type, HTTP", "HTTP 415", http("{}", { "content-type": "text/plain" })],
];

const malformed: readonly FaultCase[] = requests.map(([name, expected, play]) => ({ name, expected, play }));

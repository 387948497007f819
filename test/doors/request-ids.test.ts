/** Whatever a door refuses, it says why in `ErrorInfo`, with the id that the answer's header has. */
import { gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ErrorInfo, ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { CompleteRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { frame, post, sendGrpc, unframe } from "./wire.ts";

const COMPLETE = "/sluice.v1.GatewayService/Complete";
const STREAM = "/sluice.v1.GatewayService/Stream";
const MAX_BYTES = 10_000;

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  gateway = await startGateway(houseConfig(simulator.url, `limits: { max_message_bytes: ${MAX_BYTES} }\n`));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

const good = toBinary(CompleteRequestSchema, create(CompleteRequestSchema, ask("house/echo")));
const garbage = Buffer.from([0xff, 0xff]);

interface Refused {
  readonly reason: string | undefined;
  readonly domain: string | undefined;
  /** In the header and, the same, in the details. */
  readonly requestIds: readonly unknown[];
}

const refusedFor = (reason: string): Refused => {
  const id = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f-]{27}$/) as unknown;
  return { reason, domain: "sluice", requestIds: [id] };
};

/** How often the log names the request, as one that was rejected. */
function loggedAsRejected(id: unknown): number {
  return gateway.logged.filter(({ msg, outcome, request_id }) => {
    return msg === "rejected" && outcome === "rejected" && request_id === id;
  }).length;
}

function toRefused(info: ErrorInfo | undefined, header: unknown): Refused {
  const requestIds = [...new Set([header, info?.metadata.request_id])];
  return { reason: info?.reason, domain: info?.domain, requestIds };
}

/** What a status in bytes, as base64, says. */
function infoOf(status: unknown): ErrorInfo | undefined {
  const { details } = fromBinary(StatusSchema, Buffer.from(String(status), "base64"));
  return details.map((any) => anyUnpack(any, ErrorInfoSchema)).find((info) => info !== undefined);
}

const faults: readonly { name: string; body: Uint8Array; timeout?: string; reason: string }[] = [
  { name: "bytes that are no protobuf", body: garbage, reason: "INVALID_REQUEST" },
  { name: "an empty message", body: new Uint8Array(), reason: "INVALID_REQUEST" },
  { name: "a timeout that is none", body: good, timeout: "soon", reason: "INVALID_REQUEST" },
  { name: "a timeout of nothing", body: good, timeout: "0m", reason: "DEADLINE_EXCEEDED" },
];

describe.each([COMPLETE, STREAM])("%s", (path) => {
  test.each(faults)("names the request over gRPC: $name", async ({ body, timeout, reason }) => {
    const headers = timeout === undefined ? {} : { "grpc-timeout": timeout };
    const answer = await sendGrpc(gateway.grpcAddress, path, body, headers);
    const info = infoOf(answer.trailers["grpc-status-details-bin"]);
    expect(toRefused(info, answer.headers["sluice-request-id"])).toEqual(refusedFor(reason));
    expect(loggedAsRejected(info?.metadata.request_id)).toBe(1);
  });

  test.each(faults)("names the request over gRPC-Web: $name", async ({ body, timeout, reason }) => {
    const response = await post(gateway.httpAddress, path, frame(body), {
      "content-type": "application/grpc-web+proto",
      ...(timeout === undefined ? {} : { "grpc-timeout": timeout }),
    });
    const trailer = String(unframe(Buffer.from(await response.arrayBuffer())).at(-1)?.message);
    const status = /^grpc-status-details-bin: (\S+)/m.exec(trailer)?.[1];
    expect(toRefused(infoOf(status), response.headers.get("sluice-request-id"))).toEqual(refusedFor(reason));
    expect(loggedAsRejected(response.headers.get("sluice-request-id"))).toBe(1);
  });
});

interface ConnectError {
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

/** Sends a message to `Complete` or, in an envelope, to `Stream`, and reads the error of the answer. */
async function refusedByConnect(path: string, body: Uint8Array, headers: Record<string, string>): Promise<Refused> {
  const response = await post(gateway.httpAddress, path, body, headers);
  const bytes = Buffer.from(await response.arrayBuffer());
  const error =
    path === COMPLETE
      ? (JSON.parse(String(bytes)) as ConnectError)
      : (JSON.parse(String(unframe(bytes).at(-1)?.message)) as { error: ConnectError }).error;
  const detail = error.details?.find(({ type }) => type === ErrorInfoSchema.typeName);
  const info = detail && fromBinary(ErrorInfoSchema, Buffer.from(detail.value, "base64"));
  expect(loggedAsRejected(response.headers.get("sluice-request-id"))).toBe(1);
  return toRefused(info, response.headers.get("sluice-request-id"));
}

describe.each([
  {
    path: COMPLETE,
    type: "application/",
    encodingHeader: "content-encoding",
    envelop: (body: Uint8Array, _flags?: number) => body,
  },
  { path: STREAM, type: "application/connect+", encodingHeader: "connect-content-encoding", envelop: frame },
])("$path", ({ path, type, encodingHeader, envelop }) => {
  test.each(faults)("names the request over Connect: $name", async ({ body, timeout, reason }) => {
    const sent = { "connect-timeout-ms": timeout === "0m" ? "0" : "soon" };
    const headers = { "content-type": `${type}proto`, ...(timeout === undefined ? {} : sent) };
    expect(await refusedByConnect(path, envelop(body), headers)).toEqual(refusedFor(reason));
  });

  test.each([
    { name: "what is no JSON", body: Buffer.from("{"), reason: "INVALID_REQUEST" },
    { name: "a field that does not exist", body: Buffer.from('{"promt":{}}'), reason: "INVALID_REQUEST" },
    { name: "text that is no UTF-8", body: garbage, reason: "INVALID_REQUEST" },
    { name: "a message over the limit", body: Buffer.alloc(MAX_BYTES + 1, " "), reason: "REQUEST_TOO_LARGE" },
    {
      name: "a message over the limit, once it is decompressed",
      body: gzipSync(Buffer.alloc(MAX_BYTES + 1, " ")),
      encoding: "gzip",
      reason: "REQUEST_TOO_LARGE",
    },
    { name: "what is not compressed as it says", body: garbage, encoding: "br", reason: "INVALID_REQUEST" },
    { name: "an unknown compression", body: garbage, encoding: "zork", reason: "NOT_IMPLEMENTED" },
  ])("names the request over Connect in JSON: $name", async ({ body, encoding, reason }) => {
    const headers = {
      "content-type": `${type}json`,
      ...(encoding === undefined ? {} : { [encodingHeader]: encoding }),
    };
    expect(await refusedByConnect(path, envelop(body, encoding === undefined ? 0 : 1), headers)).toEqual(
      refusedFor(reason),
    );
  });
});

test.each([
  { name: "no envelope", body: new Uint8Array() },
  { name: "half a message", body: frame(good).subarray(0, -3) },
  { name: "two messages", body: Buffer.concat([frame(good), frame(good)]) },
  { name: "a compressed message without saying how", body: frame(gzipSync(good), 1) },
])("names the request over Connect, streamed: $name", async ({ body }) => {
  const headers = { "content-type": "application/connect+proto" };
  expect(await refusedByConnect(STREAM, body, headers)).toEqual(refusedFor("INVALID_REQUEST"));
});

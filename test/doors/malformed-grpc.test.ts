/** What is no request at all, on the gRPC door: a clear status each time, and the next call works. */
import { gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CompleteRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { expectHealthy, grpcStatusOf } from "./failures.ts";
import { connectHttp2, frame, type RawAnswer, sendGrpc } from "./wire.ts";

const COMPLETE = "/sluice.v1.GatewayService/Complete";
const STREAM = "/sluice.v1.GatewayService/Stream";
const MAX_BYTES = 100_000;
const good = toBinary(CompleteRequestSchema, create(CompleteRequestSchema, ask("house/echo")));

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

afterEach(() => expectHealthy(gateway));

/** Sends a body as it is, without a frame around it. */
async function sendBody(body: Uint8Array, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const connection = await connectHttp2(`http://${gateway.grpcAddress}`);
  try {
    return await connection.send(
      { ":path": COMPLETE, "content-type": "application/grpc", te: "trailers", ...headers },
      body,
    );
  } finally {
    await connection.close();
  }
}

/** A message of one field, length-delimited. */
function field(number: number, bytes: Uint8Array): Buffer {
  const length: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Buffer.from([number * 8 + 2, ...length]), bytes]);
}

describe.each([COMPLETE, STREAM])("%s", (path) => {
  const type = path === COMPLETE ? "CompleteRequest" : "StreamRequest";

  test.each([
    { name: "bytes that are no protobuf", message: Buffer.from([0xff, 0xff, 0xff]), why: "premature EOF" },
    { name: "a field that ends too early", message: Buffer.from([0x0a, 0x7f, 0x0a]), why: "premature EOF" },
    {
      name: "text that is no UTF-8",
      message: field(1, field(1, Buffer.from([0xc3, 0x28]))),
      why: "The encoded data was not valid for encoding utf-8",
    },
  ])("refuses $name", async ({ message, why }) => {
    expect(grpcStatusOf(await sendGrpc(gateway.grpcAddress, path, message))).toEqual({
      code: Code.InvalidArgument,
      message: `the request is no sluice.v1.${type}: ${why}`,
      reason: "INVALID_REQUEST",
    });
  });

  test("refuses a Struct that is nested 5,000 deep", async () => {
    // Value { struct_value: Struct { fields: { "a": Value { … } } } }
    let value: Buffer = Buffer.from([0x20, 1]);
    for (let depth = 0; depth < 5000; depth++) {
      value = field(5, field(1, Buffer.concat([field(1, Buffer.from("a")), field(2, value)])));
    }
    const options = Buffer.concat([
      field(1, Buffer.from("house")),
      field(2, field(1, Buffer.concat([field(1, Buffer.from("x")), field(2, value)]))),
    ]);
    const fieldTag = Buffer.from([0x8a, 0x01]);
    const inner = field(1, options).subarray(1);
    const message = Buffer.concat([good, field(2, Buffer.concat([fieldTag, inner]))]);
    const status = grpcStatusOf(await sendGrpc(gateway.grpcAddress, path, message));
    expect(status).toEqual({
      code: Code.InvalidArgument,
      message: expect.stringContaining("maximum recursion depth of 100 reached"),
      reason: "INVALID_REQUEST",
    });
  });

  test.each([
    {
      name: "as it is",
      sent: Buffer.alloc(MAX_BYTES + 1),
      flags: 0,
      message: `Received message larger than max (${MAX_BYTES + 1} vs ${MAX_BYTES})`,
    },
    {
      name: "once it is decompressed",
      sent: gzipSync(Buffer.alloc(50 * MAX_BYTES)),
      flags: 1,
      message: `Received message that decompresses to a size larger than ${MAX_BYTES}`,
    },
  ])("refuses a message over the limit, $name", async ({ sent, flags, message }) => {
    const connection = await connectHttp2(`http://${gateway.grpcAddress}`);
    try {
      const headers = {
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
        "grpc-encoding": flags === 1 ? "gzip" : "identity",
      };
      expect(grpcStatusOf(await connection.send(headers, frame(sent, flags)))).toEqual({
        code: Code.ResourceExhausted,
        message,
        reason: undefined,
      });
    } finally {
      await connection.close();
    }
  });
});

test("takes a message of exactly the limit", async () => {
  const request = create(CompleteRequestSchema, ask("house/echo", ""));
  const part = request.prompt?.messages[0]?.parts[0];
  if (part === undefined) throw new Error("the request has no part");
  const bytes = (length: number): Uint8Array => {
    part.content = { case: "text", value: "x".repeat(length) };
    return toBinary(CompleteRequestSchema, request);
  };
  const message = bytes(2 * MAX_BYTES - bytes(MAX_BYTES).length);
  expect(message.length).toBe(MAX_BYTES);
  expect(grpcStatusOf(await sendGrpc(gateway.grpcAddress, COMPLETE, message)).code).toBe(0);
});

test.each([
  { path: "/sluice.v1.GatewayService/Nope", name: "a method" },
  { path: "/sluice.v1.NoService/Complete", name: "a service" },
  { path: "/", name: "a path" },
])("says UNIMPLEMENTED for $name that does not exist", async ({ path }) => {
  expect(grpcStatusOf(await sendGrpc(gateway.grpcAddress, path, good))).toEqual({
    code: Code.Unimplemented,
    message: `The server does not implement the method ${path}`,
    reason: undefined,
  });
});

test("answers 415 to another content type", async () => {
  const { headers } = await sendGrpc(gateway.grpcAddress, COMPLETE, good, { "content-type": "text/plain" });
  expect(headers[":status"]).toBe(415);
});

test("refuses a compression that it does not know", async () => {
  const status = grpcStatusOf(await sendBody(frame(good, 1), { "grpc-encoding": "zork" }));
  expect(status.code).toBe(Code.Unimplemented);
});

test.each([
  { name: "no message", body: new Uint8Array() },
  { name: "half a message", body: frame(good).subarray(0, -3) },
  { name: "two messages", body: Buffer.concat([frame(good), frame(good)]) },
])("ends a call of one message that brings $name", async ({ body }) => {
  expect(grpcStatusOf(await sendBody(body)).code).toBe(Code.Unimplemented);
});

/** What is no request at all, on the HTTP door: a clear error each time, and the next call works. */
import { brotliCompressSync, gzipSync } from "node:zlib";
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CompleteRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { expectHealthy } from "./failures.ts";
import { frame, post, unframe } from "./wire.ts";

const COMPLETE = "/sluice.v1.GatewayService/Complete";
const STREAM = "/sluice.v1.GatewayService/Stream";
const MAX_BYTES = 100_000;

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

interface Said {
  readonly code: string;
  readonly message: string;
}

/** Sends a body to `Complete`; resolves with the HTTP status and what the error says. */
async function refusedUnary(body: string | Uint8Array, headers: Record<string, string> = {}) {
  const response = await post(gateway.httpAddress, COMPLETE, body, headers);
  const { code, message } = (await response.json()) as Said;
  return { status: response.status, code, message };
}

/** Sends one framed message to `Stream`; resolves with what the end of the stream says. */
async function refusedStream(body: Uint8Array) {
  const response = await post(gateway.httpAddress, STREAM, frame(body), { "content-type": "application/connect+json" });
  const frames = unframe(Buffer.from(await response.arrayBuffer()));
  const { error } = JSON.parse(String(frames.at(-1)?.message)) as { error: Said };
  return { status: response.status, frames: frames.length, code: error.code, message: error.message };
}

/** A good request with JSON text put in as the options of its provider, or of another of its places. */
function requestWith(change: { options?: string; prompt?: object; more?: object }): string {
  const json = toJson(CompleteRequestSchema, create(CompleteRequestSchema, ask("house/echo"))) as { prompt: object };
  const prompt = { ...json.prompt, ...change.prompt, providerOptions: { house: "@" } };
  return JSON.stringify({ ...json, prompt, ...change.more }).replace('"@"', change.options ?? "{}");
}

const deep = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
const cannot = "cannot decode";

const malformed: readonly { name: string; body: string; message: string }[] = [
  { name: "text that is no JSON", body: '{"attribution":', message: "from JSON: Unexpected end of JSON input" },
  {
    name: "a word where a number belongs",
    body: requestWith({ prompt: { temperature: "hot" } }),
    message: `${cannot} field sluice.v1.Prompt.temperature from JSON: expected number (float64), got "hot"`,
  },
  {
    name: "a list where a message belongs",
    body: requestWith({ more: { attribution: [] } }),
    message: `${cannot} message sluice.v1.Attribution from JSON: Array(0)`,
  },
  {
    name: "a field that does not exist",
    body: requestWith({ more: { promt: {} } }),
    message: 'from JSON: key "promt" is unknown',
  },
  {
    name: "a field that does not exist inside another",
    body: requestWith({ prompt: { temprature: 1 } }),
    message: `${cannot} message sluice.v1.Prompt from JSON: key "temprature" is unknown`,
  },
  {
    name: "an enum value that does not exist",
    body: requestWith({ prompt: { messages: [{ role: "ROLE_WIZARD" }] } }),
    message: `${cannot} enum sluice.v1.Role from JSON: "ROLE_WIZARD"`,
  },
  {
    name: "a number that its field cannot hold",
    body: requestWith({ prompt: { maxOutputTokens: 4294967296 } }),
    message: `${cannot} field sluice.v1.Prompt.max_output_tokens from JSON: expected number (uint32): 4294967296 out of range`,
  },
  {
    name: "two members of a oneof",
    body: requestWith({ prompt: { toolChoice: { mode: "TOOL_CHOICE_MODE_AUTO", toolName: "t" } } }),
    message: "oneof",
  },
  { name: "5,000 lists in each other", body: "[".repeat(5000) + "]".repeat(5000), message: "from JSON: Array(1)" },
  {
    name: "a Struct that is nested 5,000 deep",
    body: requestWith({ options: deep(5000) }),
    message: "maximum recursion depth of 100 reached",
  },
];

describe("Connect, unary", () => {
  test.each(malformed)("refuses $name", async ({ body, message }) => {
    expect(await refusedUnary(body)).toEqual({
      status: 400,
      code: "invalid_argument",
      message: expect.stringContaining(message),
    });
  });

  test("refuses text that is no UTF-8", async () => {
    const body = Buffer.from(requestWith({ prompt: { model: "house/echo~" } }));
    body[body.indexOf("~")] = 0xff;
    expect(await refusedUnary(body)).toEqual({
      status: 400,
      code: "invalid_argument",
      message: expect.stringContaining("not valid for encoding utf-8"),
    });
  });

  test("refuses bytes that are no protobuf", async () => {
    expect(await refusedUnary(Buffer.from([0xff, 0xff]), { "content-type": "application/proto" })).toEqual({
      status: 400,
      code: "invalid_argument",
      message: expect.stringContaining("premature EOF"),
    });
  });

  test.each([
    { name: "as it is", body: Buffer.alloc(MAX_BYTES + 1, " "), headers: {} },
    {
      name: "once it is decompressed",
      body: gzipSync(Buffer.alloc(50 * MAX_BYTES)),
      headers: { "content-encoding": "gzip" },
    },
  ])("refuses a message over the limit, $name", async ({ body, headers }) => {
    expect(await refusedUnary(body, headers as Record<string, string>)).toEqual({
      status: 429,
      code: "resource_exhausted",
      message: expect.stringContaining(`larger than ${MAX_BYTES} bytes`),
    });
  });

  test("refuses a message over the limit whose length nobody told", async () => {
    async function* body(): AsyncGenerator<Uint8Array> {
      for (let sent = 0; sent <= 10 * MAX_BYTES; sent += 10_000) yield Buffer.alloc(10_000, " ");
    }
    const response = await fetch(`http://${gateway.httpAddress}${COMPLETE}`, {
      method: "POST",
      headers: { "content-type": "application/json", connection: "close" },
      body: body(),
      duplex: "half",
    });
    expect([response.status, ((await response.json()) as Said).code]).toEqual([429, "resource_exhausted"]);
  });

  test("refuses compressed bytes that are no protobuf", async () => {
    const headers = { "content-type": "application/proto", "content-encoding": "gzip" };
    expect(await refusedUnary(gzipSync(Buffer.from([0xff, 0xff])), headers)).toEqual({
      status: 400,
      code: "invalid_argument",
      message: expect.stringContaining("premature EOF"),
    });
  });

  test("refuses a body that is not compressed as it says", async () => {
    expect(await refusedUnary("plain", { "content-encoding": "gzip" })).toEqual({
      status: 400,
      code: "invalid_argument",
      message: "the request cannot be decompressed with gzip",
    });
  });

  test("takes Struct options that are nested as deep as the limit allows", async () => {
    const response = await post(gateway.httpAddress, COMPLETE, requestWith({ options: deep(40) }));
    expect(response.status).toBe(200);
    await response.arrayBuffer();
  });
});

describe("Connect, streamed", () => {
  test.each(malformed)("refuses $name", async ({ body, message }) => {
    expect(await refusedStream(Buffer.from(body))).toEqual({
      status: 200,
      frames: 1,
      code: "invalid_argument",
      message: expect.stringContaining(message),
    });
  });

  test("refuses a message over the limit", async () => {
    expect(await refusedStream(Buffer.alloc(MAX_BYTES + 1))).toEqual({
      status: 200,
      frames: 1,
      code: "resource_exhausted",
      message: expect.stringContaining(`larger than ${MAX_BYTES} bytes`),
    });
  });
});

test.each([
  { encoding: "gzip", compress: gzipSync },
  { encoding: "br", compress: brotliCompressSync },
])("takes messages that are compressed with $encoding, in all forms", async ({ encoding, compress }) => {
  const json = compress(requestWith({}));
  const proto = frame(compress(toBinary(CompleteRequestSchema, create(CompleteRequestSchema, ask("house/echo")))), 1);
  const [unary, streamed, web] = await Promise.all([
    post(gateway.httpAddress, COMPLETE, json, { "content-encoding": encoding }),
    post(gateway.httpAddress, STREAM, frame(json, 1), {
      "content-type": "application/connect+json",
      "connect-content-encoding": encoding,
    }),
    post(gateway.httpAddress, COMPLETE, proto, {
      "content-type": "application/grpc-web+proto",
      "grpc-encoding": encoding,
    }),
  ]);
  expect(unary.status).toBe(200);
  expect(await unary.json()).toMatchObject({ provider: "house" });
  const end = String(unframe(Buffer.from(await streamed.arrayBuffer())).at(-1)?.message);
  expect(JSON.parse(end)).toEqual({});
  const trailer = String(unframe(Buffer.from(await web.arrayBuffer())).at(-1)?.message);
  expect(trailer).toMatch(/^grpc-status: 0\r?$/m);
});

test.each([
  { name: "as they are", body: frame(Buffer.from([0xff, 0xff])) },
  { name: "compressed", body: frame(gzipSync(Buffer.from([0xff, 0xff])), 1) },
])("refuses bytes that are no protobuf through gRPC-Web, $name", async ({ body }) => {
  const response = await post(gateway.httpAddress, COMPLETE, body, {
    "content-type": "application/grpc-web+proto",
    "grpc-encoding": "gzip",
  });
  const trailer = String(unframe(Buffer.from(await response.arrayBuffer())).at(-1)?.message);
  expect(trailer).toMatch(/^grpc-status: 3\r?$/m);
});

test.each([
  {
    name: "a method that does not exist",
    method: "POST",
    path: "/sluice.v1.GatewayService/Nope",
    type: "application/json",
    status: 404,
  },
  { name: "a page that does not exist", method: "GET", path: "/", type: undefined, status: 404 },
  { name: "another content type", method: "POST", path: COMPLETE, type: "text/plain", status: 415 },
  { name: "gRPC, which has a door of its own", method: "POST", path: COMPLETE, type: "application/grpc", status: 415 },
  { name: "a GET of a method", method: "GET", path: COMPLETE, type: undefined, status: 405 },
  {
    name: "an unknown compression",
    method: "POST",
    path: COMPLETE,
    type: "application/json",
    encoding: "zork",
    status: 501,
  },
])("answers $status to $name", async ({ method, path, type, encoding, status }) => {
  const response = await fetch(`http://${gateway.httpAddress}${path}`, {
    method,
    headers: {
      connection: "close",
      ...(type === undefined ? {} : { "content-type": type }),
      ...(encoding === undefined ? {} : { "content-encoding": encoding }),
    },
    ...(method === "POST" ? { body: "{}" } : {}),
  });
  await response.arrayBuffer();
  expect(response.status).toBe(status);
});

/** Answers whose bodies are broken in ways that no simulated model is. */
import type { ServerResponse } from "node:http";
import { constants, createGzip, gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { answerWith } from "./raw.ts";
import { type Delivery, type GatewayScript, run, serve } from "./support.ts";

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "1", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const HELLO = chunk({ content: "Hello" });
const WHOLE = `${HELLO}${chunk({}, "stop")}data: [DONE]\n\n`;

let requests = 0;
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown) => unhandled.push(error);

beforeEach(() => {
  requests = 0;
  unhandled.length = 0;
  process.on("unhandledRejection", onUnhandled);
});

afterEach(() => {
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
});

/** What a call gets of an upstream that answers like this. */
async function ask(
  delivery: Delivery,
  headers: Record<string, string>,
  answer: (response: ServerResponse) => void,
  { status = 200, limits }: { status?: number; limits?: GatewayScript["limits"] } = {},
) {
  const upstream = await answerWith((_, response) => {
    requests++;
    response.writeHead(status, headers);
    answer(response);
  });
  const gateway = await serve({
    providers: { house: `http://127.0.0.1:${upstream.port}/v1` },
    ...(limits === undefined ? {} : { limits }),
  });
  const { code, reason, partial, text, attempts } = await run(gateway, delivery, "house/m");
  await expect.poll(() => upstream.open, { timeout: 3000, interval: 5 }).toBeLessThanOrEqual(1);
  return { code, reason, partial, text, requests: [requests, attempts.length] };
}

const stream = { "content-type": "text/event-stream" };
const gzip = { ...stream, "content-encoding": "gzip" };
const json = { "content-type": "application/json" };

/** Sends text in gzip, and leaves the answer open. */
function sendPacked(text: string): (response: ServerResponse) => void {
  return (response) => {
    const packer = createGzip();
    packer.pipe(response, { end: false });
    packer.write(text);
    packer.flush(constants.Z_SYNC_FLUSH);
  };
}

describe("a compressed stream that stays open", () => {
  test("ends with its [DONE]", async () => {
    expect(await ask("stream", gzip, sendPacked(WHOLE))).toEqual({
      code: "OK",
      text: "Hello",
      requests: [1, 1],
    });
  });

  test("fails with an event that is none", async () => {
    expect(await ask("stream", gzip, sendPacked(`${HELLO}data: {\n\n`))).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_MALFORMED",
      partial: true,
      text: "Hello",
      requests: [1, 1],
    });
  });

  test("is silent, and times out", async () => {
    expect(await ask("stream", gzip, sendPacked(HELLO))).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_TIMEOUT",
      partial: true,
      text: "Hello",
      requests: [1, 1],
    });
  });
});

test("a compressed stream that is cut is no whole answer", async () => {
  const outcome = await ask("stream", gzip, (response) => {
    const packed = gzipSync(`${HELLO}${HELLO}${chunk({}, "stop")}`);
    response.end(packed.subarray(0, -12));
  });
  expect([outcome.code, outcome.reason]).toEqual(["Unavailable", "UPSTREAM_MALFORMED"]);
});

test("pings after the model was done do not hold the answer", async () => {
  const limits = { idle_timeout: "4s" };
  const startedAt = performance.now();
  const outcome = await ask(
    "stream",
    stream,
    (response) => {
      response.write(`${HELLO}${chunk({}, "stop")}`);
      const pings = setInterval(() => response.write(": ping\n\n"), 100);
      response.on("close", () => clearInterval(pings));
    },
    { limits },
  );
  expect(outcome).toEqual({ code: "OK", text: "Hello", requests: [1, 1] });
  expect(performance.now() - startedAt).toBeLessThan(2500);
});

describe("an error's body", () => {
  const refusal = JSON.stringify({ error: { message: "No.", type: "invalid_request_error" } });
  const once = { partial: false, text: "", requests: [1, 1] };

  test.each([
    [
      "is cut",
      { ...json, "content-length": "9999" },
      (response: ServerResponse) => response.write(refusal, () => response.destroy()),
    ],
    [
      "has an unknown encoding",
      { ...json, "content-encoding": "zstd" },
      (response: ServerResponse) => response.end(refusal),
    ],
    ["is damaged", { ...json, "content-encoding": "gzip" }, (response: ServerResponse) => response.end(refusal)],
    ["is empty", json, (response: ServerResponse) => response.end()],
    ["is without end", json, (response: ServerResponse) => pour(response)],
  ])("that %s does not change what the status says", async (_, headers, answer) => {
    expect(await ask("unary", headers, answer, { status: 400 })).toEqual({
      ...once,
      code: "InvalidArgument",
      reason: "UPSTREAM_INVALID_REQUEST",
    });
    requests = 0;
    expect(await ask("stream", headers, answer, { status: 401 })).toEqual({
      ...once,
      code: "FailedPrecondition",
      reason: "UPSTREAM_UNAUTHENTICATED",
    });
  });
});

function pour(response: ServerResponse): void {
  while (response.write("x".repeat(65_536)));
  response.once("drain", () => pour(response));
}

test.each([
  ["204", 204, {}, ""],
  ["an empty 200", 200, json, ""],
  ["text", 200, { "content-type": "text/plain" }, "Hello"],
  ["a JSON text", 200, json, '"Hello"'],
  ["JSON without choices", 200, json, "{}"],
  ["a stream without events", 200, stream, ""],
  ["a stream of [DONE] alone", 200, stream, "data: [DONE]\n\n"],
])("%s is never an answer of some text", async (_, status, headers, body) => {
  for (const delivery of ["unary", "stream"] as const) {
    requests = 0;
    const { code, text, partial } = await ask(delivery, headers, (response) => response.end(body), { status });
    expect({ code, text, partial }).toEqual({ code: "Unavailable", text: "", partial: false });
  }
});

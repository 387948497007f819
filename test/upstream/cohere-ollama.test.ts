/** Cohere and Ollama as presets, at servers written by hand: what they are sent, and what comes of their answers. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { describe, expect, onTestFinished, test } from "vitest";
import type { StreamResponse } from "../../src/domain/contract.ts";
import { ask, startGateway, type TestGateway } from "../support/gateway.ts";
import { type Delivery, run } from "./support.ts";

interface Received {
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly body: unknown;
}

type Answer = (response: ServerResponse, delivery: Delivery) => void;

/** A server that notes what it is sent, and a gateway before it. */
async function serve(preset: string, answer: Answer): Promise<{ gateway: TestGateway; received: Received[] }> {
  const received: Received[] = [];
  const server: Server = createServer((request, response) => {
    void text(request).then((json) => {
      const body = JSON.parse(json) as { readonly stream: boolean };
      received.push({ path: request.url, authorization: request.headers.authorization, body });
      answer(response, body.stream ? "stream" : "unary");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const provider = { preset, base_url: `http://127.0.0.1:${port}` };
  const gateway = await startGateway(JSON.stringify({ providers: { [preset]: provider } }), {
    environment: { CO_API_KEY: "co-secret" },
  });
  onTestFinished(async () => {
    await gateway.close();
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return { gateway, received };
}

/** Sends a body of this type in pieces of a few bytes, which split characters too. */
function send(response: ServerResponse, contentType: string, body: string): void {
  response.writeHead(200, { "content-type": contentType });
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += 7) response.write(bytes.subarray(at, at + 7));
  response.end();
}

const cohereUsage = { tokens: { input_tokens: 3, output_tokens: 2 } };
const cohereEvents = [
  { type: "message-start", id: "r-1" },
  { type: "content-start", index: 0, delta: { message: { content: { type: "text", text: "" } } } },
  { type: "content-delta", index: 0, delta: { message: { content: { text: "Cześć " } } } },
  { type: "content-delta", index: 0, delta: { message: { content: { text: "🌊" } } } },
  { type: "message-end", delta: { finish_reason: "COMPLETE", usage: cohereUsage } },
];
const cohereWhole = {
  id: "r-1",
  message: { role: "assistant", content: [{ type: "text", text: "Cześć 🌊" }] },
  finish_reason: "COMPLETE",
  usage: cohereUsage,
};

const ollamaLines = [
  { model: "m", message: { role: "assistant", content: "Cześć " }, done: false },
  { model: "m", message: { role: "assistant", content: "🌊" }, done: false },
  { model: "m", message: { role: "assistant", content: "" }, done: true, done_reason: "stop", eval_count: 2 },
];
const ollamaWhole = { ...ollamaLines[2], message: { role: "assistant", content: "Cześć 🌊" } };
const toLines = (lines: readonly unknown[]): string => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

const answers: Readonly<Record<string, Answer>> = {
  cohere: (response, delivery) => {
    const events = cohereEvents.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");
    if (delivery === "stream") send(response, "text/event-stream", `${events}data: [DONE]\n\n`);
    else send(response, "application/json", JSON.stringify(cohereWhole));
  },
  "ollama-native": (response, delivery) => {
    if (delivery === "stream") send(response, "application/x-ndjson", toLines(ollamaLines));
    else send(response, "application/json; charset=utf-8", JSON.stringify(ollamaWhole));
  },
};

describe.each([
  ["cohere", "/v2/chat", "Bearer co-secret"],
  ["ollama-native", "/api/chat", undefined],
] as const)("%s", (preset, path, authorization) => {
  test.each(["unary", "stream"] as const)("answers, %s", async (delivery) => {
    const { gateway, received } = await serve(preset, answers[preset] ?? (() => {}));
    expect(await run(gateway, delivery, `${preset}/m`)).toEqual({
      code: "OK",
      text: "Cześć 🌊",
      attempts: [`${preset}/m SUCCEEDED 200`],
    });
    const messages = [{ role: "user", content: "Hello" }];
    expect(received).toEqual([{ path, authorization, body: { model: "m", messages, stream: delivery === "stream" } }]);
  });
});

describe("a stream of ollama-native", () => {
  test.each([
    ["that is cut in a line", toLines(ollamaLines).slice(0, -20), "UPSTREAM_TRUNCATED"],
    ["that lacks its last line", toLines(ollamaLines.slice(0, 2)), "UPSTREAM_TRUNCATED"],
    ["that breaks off in an error", toLines([...ollamaLines.slice(0, 2), { error: "model gone" }]), "UPSTREAM_ERROR"],
  ])("%s is no success", async (_, body, reason) => {
    const { gateway } = await serve("ollama-native", (response) => send(response, "application/x-ndjson", body));
    expect(await run(gateway, "stream", "ollama-native/m")).toMatchObject({
      code: "Unavailable",
      reason,
      text: "Cześć 🌊",
      partial: true,
    });
  });

  test("ends with the line that says so, though the server leaves it open", async () => {
    const { gateway } = await serve("ollama-native", (response) => {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      response.write(toLines(ollamaLines));
    });
    expect((await run(gateway, "stream", "ollama-native/m")).code).toBe("OK");
  });
});

test("a feature that Cohere lacks is refused before a byte leaves", async () => {
  const { gateway, received } = await serve("cohere", () => {});
  const outcome = await run(gateway, "unary", "cohere/m", { prompt: { parallelToolCalls: false } });
  expect([outcome.code, outcome.reason, received]).toEqual(["InvalidArgument", "FEATURE_UNSUPPORTED", []]);
});

test.each(["unary", "stream"] as const)("a call of Cohere's costs what Cohere bills, %s", async (delivery) => {
  const usage = {
    tokens: { input_tokens: 500, output_tokens: 20 },
    billed_units: { input_tokens: 8, output_tokens: 2 },
  };
  const events = cohereEvents.map((event) =>
    event.type === "message-end" ? { type: event.type, delta: { finish_reason: "COMPLETE", usage } } : event,
  );
  const { gateway } = await serve("cohere", (response) => {
    if (delivery === "unary") send(response, "application/json", JSON.stringify({ ...cohereWhole, usage }));
    else send(response, "text/event-stream", events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join(""));
  });
  const request = ask("cohere/command-a-03-2025");
  const answer =
    delivery === "unary" ? await gateway.client.complete(request) : await lastOf(gateway.client.stream(request));
  expect([answer?.usage?.inputTokens, answer?.usage?.outputTokens]).toEqual([500, 20]);
  expect([answer?.cost?.inputNanoUsd, answer?.cost?.outputNanoUsd]).toEqual([8n * 2500n, 2n * 10_000n]);
});

async function lastOf(stream: AsyncIterable<StreamResponse>) {
  for await (const { event } of stream) if (event.case === "end") return event.value;
  return undefined;
}

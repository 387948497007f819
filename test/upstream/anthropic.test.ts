/** Calls through a gateway to servers that speak Anthropic's messages. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { FinishReason } from "../../src/domain/contract.ts";
import { ask, startGateway } from "../support/gateway.ts";

const usage = { input_tokens: 3, cache_read_input_tokens: 10, output_tokens: 2 };
const message = { id: "msg_1", type: "message", role: "assistant", model: "claude-sonnet-4-5-20250929" };
const WHOLE = JSON.stringify({
  ...message,
  content: [{ type: "text", text: "Hi there." }],
  stop_reason: "end_turn",
  usage,
});

const EVENTS = [
  {
    type: "message_start",
    message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
  },
  { type: "ping" },
  { type: "content_block_start", index: 0, content_block: { type: "text", text: "" } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "Hi " } },
  { type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "there." } },
  { type: "content_block_stop", index: 0 },
  { type: "message_delta", delta: { stop_reason: "end_turn" }, usage: { output_tokens: 2 } },
  { type: "message_stop" },
];
const STREAM = EVENTS.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join("");

interface Asked {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A server that answers as it is asked to, whole or in events. */
async function openServer(): Promise<{ url: string; asked: Asked[] }> {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as Asked["body"];
      asked.push({ path: request.url, headers: request.headers, body });
      response.setHeader("content-type", body.stream === true ? "text/event-stream" : "application/json");
      response.end(body.stream === true ? STREAM : WHOLE);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
}

async function openGateway(provider: Readonly<Record<string, string>>) {
  const environment = { ANTHROPIC_API_KEY: "sk-ant-1", ACCESS_TOKEN: "ya29.a" };
  const gateway = await startGateway(JSON.stringify({ providers: { claude: provider } }), { environment });
  onTestFinished(() => gateway.close());
  return gateway;
}

const rows = [
  {
    name: "the preset anthropic",
    provider: { preset: "anthropic" },
    base: "",
    paths: ["/v1/messages", "/v1/messages"],
    headers: { "x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01" },
    own: { model: "claude-sonnet-4-5" },
  },
  {
    name: "the dialect alone, at a server behind a path",
    provider: { dialect: "anthropic", api_key: "env:ANTHROPIC_API_KEY" },
    base: "/anthropic",
    paths: ["/anthropic/v1/messages", "/anthropic/v1/messages"],
    headers: { "x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01" },
    own: { model: "claude-sonnet-4-5" },
  },
  {
    name: "the preset vertex-anthropic",
    provider: { preset: "vertex-anthropic", api_key: "env:ACCESS_TOKEN" },
    base: "/v1/projects/p/locations/global",
    paths: ["rawPredict", "streamRawPredict"].map(
      (verb) => `/v1/projects/p/locations/global/publishers/anthropic/models/claude-sonnet-4-5:${verb}`,
    ),
    headers: { authorization: "Bearer ya29.a" },
    own: { anthropic_version: "vertex-2023-10-16" },
  },
];

test.each(rows)("$name asks as its servers want it, and answers whole and in events", async (row) => {
  const { url, asked } = await openServer();
  const { client } = await openGateway({ ...row.provider, base_url: url + row.base });
  const expected = {
    finishReason: FinishReason.STOP,
    model: "claude-sonnet-4-5-20250929",
    providerResponseId: "msg_1",
    usage: { inputTokens: 13, cacheReadTokens: 10, outputTokens: 2, estimated: false },
  };

  const response = await client.complete(ask("claude/claude-sonnet-4-5"));
  expect(response).toMatchObject({ ...expected, parts: [{ content: { case: "text", value: "Hi there." } }] });

  let text = "";
  let end: unknown;
  for await (const { event } of client.stream(ask("claude/claude-sonnet-4-5"))) {
    if (event.case === "blockDelta") text += event.value.text;
    if (event.case === "end") end = event.value;
  }
  expect(text).toBe("Hi there.");
  expect(end).toMatchObject(expected);

  const keys = ["x-api-key", "anthropic-version", "authorization"];
  expect(
    asked.map(({ path, headers, body }) => ({
      path,
      headers: Object.fromEntries(Object.entries(headers).filter(([name]) => keys.includes(name))),
      body,
    })),
  ).toEqual(
    row.paths.map((path, at) => ({
      path,
      headers: row.headers,
      body: {
        ...row.own,
        max_tokens: 64_000,
        messages: [{ role: "user", content: "Hello" }],
        ...(at === 1 ? { stream: true } : {}),
      },
    })),
  );
});

/** Gateways configured for OpenAI's responses, before servers that speak them. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { MessageSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { FinishReason, Role } from "../../src/domain/contract.ts";
import { ask } from "../support/gateway.ts";
import { run, serve } from "./support.ts";

interface Heard {
  readonly path: string | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: { readonly input: unknown; readonly stream?: boolean; readonly store?: boolean };
}

const reasoning = { type: "reasoning", id: "rs_1", summary: [], encrypted_content: "gAAA==" };
const call = {
  type: "function_call",
  id: "fc_1",
  call_id: "call_1",
  name: "find",
  arguments: "{}",
  status: "completed",
};
const text = {
  type: "message",
  id: "msg_1",
  role: "assistant",
  status: "completed",
  content: [{ type: "output_text", text: "Hello", annotations: [] }],
};

function response(output: readonly object[]): object {
  const usage = { input_tokens: 3, output_tokens: 2, input_tokens_details: { cached_tokens: 1 } };
  return { id: "resp_1", object: "response", model: "gpt-5-2026", status: "completed", output, usage };
}

/** The same answer as events. */
function* eventsOf(output: readonly object[]): Generator<object> {
  yield { type: "response.created", response: { ...response([]), status: "in_progress", usage: null } };
  for (const [output_index, item] of output.entries()) {
    yield { type: "response.output_item.added", output_index, item: { ...item, arguments: "", content: [] } };
    if (item === text)
      for (const delta of ["Hel", "lo"])
        yield { type: "response.output_text.delta", output_index, content_index: 0, delta };
    yield { type: "response.output_item.done", output_index, item };
  }
  yield { type: "response.completed", response: response(output) };
}

/** A server that answers with these items, and what it heard. */
async function answerWithItems(output: readonly object[]) {
  const heard: Heard[] = [];
  const server = createServer((request, answer) => {
    let json = "";
    request.setEncoding("utf8").on("data", (chunk: string) => {
      json += chunk;
    });
    request.on("end", () => {
      const body = JSON.parse(json) as Heard["body"];
      heard.push({ path: request.url, headers: request.headers, body });
      const streams = body.stream === true;
      answer.writeHead(200, { "content-type": streams ? "text/event-stream" : "application/json" });
      if (streams) for (const event of eventsOf(output)) answer.write(`data: ${JSON.stringify(event)}\n\n`);
      answer.end(streams ? "" : JSON.stringify(response(output)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  });
  return { heard, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const rows: readonly [config: Readonly<Record<string, string>>, path: string, key: Readonly<Record<string, string>>][] =
  [
    [{ preset: "openai-responses" }, "/v1/responses", { authorization: "Bearer sk-1" }],
    [{ preset: "azure-openai-responses" }, "/v1/responses", { "api-key": "sk-1" }],
    [
      { preset: "azure-openai-responses", api_version: "2026-01-01" },
      "/v1/responses?api-version=2026-01-01",
      { "api-key": "sk-1" },
    ],
    [{ preset: "xai-responses" }, "/v1/responses", { authorization: "Bearer sk-1" }],
    [{ dialect: "openai-responses" }, "/v1/responses", { authorization: "Bearer sk-1" }],
  ];

test.each(rows)("%o is asked where and as it wants it, whole and streamed", async (config, path, key) => {
  const { heard, url } = await answerWithItems([text]);
  const { preset, ...rest } = config;
  const named = preset === undefined ? rest : { preset, dialect: "", ...rest };
  const gateway = await serve(
    { providers: { house: { ...named, base_url: `${url}/v1`, api_key: "env:KEY" } } },
    { environment: { KEY: "sk-1" } },
  );
  for (const delivery of ["unary", "stream"] as const) {
    expect(await run(gateway, delivery, "house/gpt-5")).toEqual({
      code: "OK",
      text: "Hello",
      attempts: ["house/gpt-5 SUCCEEDED 200"],
    });
  }
  const input = [{ role: "user", content: "Hello" }];
  const body = { model: "gpt-5", store: false, include: ["reasoning.encrypted_content"], input };
  expect(heard.map((one) => [one.path, one.body])).toEqual([
    [path, body],
    [path, { ...body, stream: true }],
  ]);
  for (const { headers } of heard) expect(headers).toMatchObject(key);
});

test.each(["unary", "stream"] as const)("reasoning survives a turn with a tool, %s", async (delivery) => {
  const { heard, url } = await answerWithItems([reasoning, call]);
  const gateway = await serve({ providers: { house: { dialect: "openai-responses", base_url: `${url}/v1` } } });
  const first = await gateway.client.complete(ask("house/gpt-5"));
  expect([first.finishReason, first.model, first.providerResponseId, first.usage?.cacheReadTokens]).toEqual([
    FinishReason.TOOL_CALLS,
    "gpt-5-2026",
    "resp_1",
    1,
  ]);
  const asked = ask("house/gpt-5");
  const result = { case: "toolResult" as const, value: { callId: "call_1", name: "find", parts: [] } };
  const messages = [
    ...asked.prompt.messages,
    create(MessageSchema, { role: Role.ASSISTANT, parts: first.parts }),
    create(MessageSchema, { role: Role.TOOL, parts: [{ content: result }] }),
  ];
  await run(gateway, delivery, "house/gpt-5", { prompt: { messages } });
  expect(heard.at(-1)?.body.input).toEqual([
    { role: "user", content: "Hello" },
    reasoning,
    call,
    { type: "function_call_output", call_id: "call_1", output: "" },
  ]);
});

/** What is watched of calls that are no conversations: one SERVER span, a CLIENT span for each request, and metrics. */
import { expect, test } from "vitest";
import { EmbeddingService, ModelService } from "../../src/domain/contract.ts";
import { ask } from "../support/gateway.ts";
import { clientOf } from "../upstream/scripted.ts";
import { simulate } from "../upstream/support.ts";
import { receive, serveTraced, tell } from "./support.ts";

const LIST = "sluice.v1.ModelService/ListModels";
const EMBED = "sluice.v1.EmbeddingService/Embed";

test("vectors have a SERVER span and, under it, a CLIENT span with what was asked and used", async () => {
  const receiver = await receive();
  const simulator = await simulate();
  const gateway = await serveTraced({
    providers: { house: simulator.url },
    telemetry: { otlp: { endpoint: receiver.url } },
    prices: { "house/*": { input: 1, output: 0 } },
  });
  await clientOf(gateway, EmbeddingService).embed({
    attribution: { feature: "test" },
    input: { model: "house/echo", texts: ["Hello"], dimensions: 8 },
  });
  await gateway.stop(0);
  expect(tell(receiver.spans)).toEqual([
    {
      name: EMBED,
      kind: "SERVER",
      parent: "none",
      status: "UNSET",
      attributes: {
        "rpc.system.name": "grpc",
        "rpc.method": EMBED,
        "rpc.response.status_code": "OK",
        "sluice.feature": "test",
        "sluice.attempts": 1,
        "sluice.outcome": "answered",
      },
      events: [],
    },
    {
      name: "embeddings echo",
      kind: "CLIENT",
      parent: EMBED,
      status: "UNSET",
      attributes: {
        "sluice.feature": "test",
        "sluice.provider": "house",
        "sluice.cost_nano_usd": 5000,
        "gen_ai.operation.name": "embeddings",
        "gen_ai.provider.name": "house",
        "gen_ai.request.model": "echo",
        "gen_ai.response.model": "echo",
        "gen_ai.embeddings.dimension.count": 8,
        "gen_ai.usage.input_tokens": 5,
        "server.address": "127.0.0.1",
        "server.port": Number(new URL(simulator.url).port),
      },
      events: [],
    },
  ]);
});

test("metrics tell operations apart, by methods and by a label that chats lack", async () => {
  const simulator = await simulate();
  const gateway = await serveTraced({ providers: { house: simulator.url } });
  const input = { model: "house/echo", texts: ["Hello"] };
  await clientOf(gateway, EmbeddingService).embed({ attribution: { feature: "test" }, input });
  await clientOf(gateway, ModelService).countTokens(ask("house/echo"));
  await clientOf(gateway, ModelService).listModels({});
  await gateway.client.complete(ask("house/echo"));
  await expect(clientOf(gateway, EmbeddingService).embed({ attribution: { feature: "test" } })).rejects.toThrow(
    /input/,
  );
  const page = await (await fetch(`http://${gateway.httpAddress}/metrics`)).text();
  const lines = page.split("\n");
  const found = (name: string): string[] => lines.filter((line) => line.startsWith(`${name}{`)).sort();
  expect(found("rpc_server_call_duration_seconds_count")).toEqual([
    `rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="${EMBED}",rpc_response_status_code="INVALID_ARGUMENT"} 1`,
    `rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="${EMBED}",rpc_response_status_code="OK"} 1`,
    'rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="sluice.v1.GatewayService/Complete",rpc_response_status_code="OK"} 1',
    'rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="sluice.v1.ModelService/CountTokens",rpc_response_status_code="OK"} 1',
    'rpc_server_call_duration_seconds_count{rpc_system_name="grpc",rpc_method="sluice.v1.ModelService/ListModels",rpc_response_status_code="OK"} 1',
  ]);
  const answered = found("sluice_requests_total").filter((line) => line.includes("answered"));
  expect(answered.map((line) => /sluice_operation="(\w+)"/.exec(line)?.[1])).toEqual([
    "list_models",
    "count_tokens",
    "embeddings",
    undefined,
  ]);
});

test("lists of models have a SERVER span and a line in the log, whether they are given or refused", async () => {
  const receiver = await receive();
  const simulator = await simulate();
  const gateway = await serveTraced({
    providers: { house: simulator.url },
    telemetry: { otlp: { endpoint: receiver.url } },
  });
  const client = clientOf(gateway, ModelService);
  await client.listModels({});
  await expect(client.listModels({ provider: "hose" })).rejects.toThrow(/provider/);
  await gateway.stop(0);
  const span = { name: LIST, kind: "SERVER", parent: "none", status: "UNSET", events: [] };
  const rpc = { "rpc.system.name": "grpc", "rpc.method": LIST, "sluice.attempts": 0 };
  expect(tell(receiver.spans)).toEqual([
    { ...span, attributes: { ...rpc, "rpc.response.status_code": "OK", "sluice.outcome": "answered" } },
    {
      ...span,
      attributes: {
        ...rpc,
        "rpc.response.status_code": "INVALID_ARGUMENT",
        "sluice.outcome": "rejected",
        "sluice.reason": "INVALID_REQUEST",
      },
    },
  ]);
  expect(gateway.logged.filter(({ operation }) => operation === "list_models")).toEqual([
    expect.objectContaining({ msg: "call", outcome: "answered", delivery: "unary" }),
    expect.objectContaining({ msg: "rejected", outcome: "rejected", reason: "INVALID_REQUEST" }),
  ]);
});

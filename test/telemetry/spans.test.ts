/** The spans of a call, as a collector gets them: whole, against the RPC and GenAI conventions. */
import { expect, test, vi } from "vitest";
import { OnStreamFailure } from "../../src/domain/contract.ts";
import type { Simulator } from "../../src/simulator/server.ts";
import { ask, type TestGateway } from "../support/gateway.ts";
import type { OtlpReceiver } from "../support/otlp/receiver.ts";
import { callLines, type Delivery, run, simulate } from "../upstream/support.ts";
import { receive, type SpanStory, serveTraced, type TracedScript, tell } from "./support.ts";

interface Traced {
  readonly receiver: OtlpReceiver;
  readonly simulator: Simulator;
  readonly gateway: TestGateway;
  /** Stops the gateway, and tells what the collector got. */
  stories(): Promise<readonly SpanStory[]>;
}

/** A gateway with one provider, `house`, and another by a preset, `spare`. */
async function trace(script: Partial<TracedScript> = {}): Promise<Traced> {
  const receiver = await receive();
  const simulator = await simulate();
  const providers = {
    house: simulator.url,
    spare: { preset: "openai", dialect: "", base_url: simulator.url, api_key: "env:KEY" },
  };
  const telemetry = { otlp: { endpoint: receiver.url } };
  const gateway = await serveTraced({ providers, telemetry, ...script }, { environment: { KEY: "a-key" } });
  return {
    receiver,
    simulator,
    gateway,
    async stories() {
      await gateway.stop(0);
      return tell(receiver.spans);
    },
  };
}

const names = { unary: "sluice.v1.GatewayService/Complete", stream: "sluice.v1.GatewayService/Stream" } as const;

function server(delivery: Delivery, attributes: object, more: Partial<SpanStory> = {}): SpanStory {
  return {
    name: names[delivery],
    kind: "SERVER",
    parent: "none",
    status: "UNSET",
    attributes: {
      "rpc.system.name": "grpc",
      "rpc.method": names[delivery],
      "sluice.feature": "test",
      "sluice.attempts": 1,
      ...attributes,
    },
    events: [],
    ...more,
  };
}

const ANSWERED = { "sluice.outcome": "answered", "rpc.response.status_code": "OK" };

function client(
  { simulator }: Traced,
  delivery: Delivery,
  model: string,
  attributes: object,
  more: Partial<SpanStory> = {},
): SpanStory {
  return {
    name: `chat ${model}`,
    kind: "CLIENT",
    parent: names[delivery],
    status: "UNSET",
    attributes: {
      "sluice.feature": "test",
      "sluice.provider": "house",
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "house",
      "gen_ai.request.model": model,
      ...(delivery === "stream" ? { "gen_ai.request.stream": true } : {}),
      "server.address": "127.0.0.1",
      "server.port": Number(new URL(simulator.url).port),
      ...attributes,
    },
    events: [],
    ...more,
  };
}

/** What an answer of the simulator says of itself. */
function answer(n: number, model: string, outputTokens: number, more: object = {}): object {
  return {
    "gen_ai.response.id": `chatcmpl-simulator-${n}`,
    "gen_ai.response.model": model,
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 5,
    "gen_ai.usage.output_tokens": outputTokens,
    "gen_ai.usage.cache_read.input_tokens": 0,
    "gen_ai.usage.reasoning.output_tokens": 0,
    ...more,
  };
}

const FIRST_TOKEN = [["first_token", {}]] as const;
const FIRST_CHUNK = { "gen_ai.response.time_to_first_chunk": expect.any(Number) };

test("a whole answer has a SERVER span and, under it, a CLIENT span with all that was asked and used", async () => {
  const traced = await trace({ prices: { "house/cached": { input: 1, cache_read: 0.1, output: 2 } } });
  const request = ask("house/cached");
  await traced.gateway.client.complete({
    ...request,
    attribution: {
      feature: "test",
      userId: "u-1",
      sessionId: "s-1",
      promptVersion: "v3",
      metadata: { plan: "pro", "a.b": "c" },
    },
    prompt: {
      ...request.prompt,
      maxOutputTokens: 30,
      temperature: 0.5,
      topP: 0.25,
      seed: 7n,
      frequencyPenalty: 0.5,
      presencePenalty: -0.5,
      stopSequences: ["zz"],
      responseFormat: { format: { case: "text", value: {} } },
    },
  });
  const who = {
    "user.id": "u-1",
    "session.id": "s-1",
    "sluice.prompt_version": "v3",
    "sluice.metadata.plan": "pro",
    "sluice.metadata.a.b": "c",
  };
  expect(await traced.stories()).toEqual([
    server("unary", { ...ANSWERED, ...who }),
    client(traced, "unary", "cached", {
      ...who,
      "gen_ai.request.max_tokens": 30,
      "gen_ai.request.temperature": 0.5,
      "gen_ai.request.top_p": 0.25,
      "gen_ai.request.seed": 7,
      "gen_ai.request.frequency_penalty": 0.5,
      "gen_ai.request.presence_penalty": -0.5,
      "gen_ai.request.stop_sequences": ["zz"],
      "gen_ai.output.type": "text",
      ...answer(1, "cached", 10, {
        "gen_ai.usage.input_tokens": 1029,
        "gen_ai.usage.cache_read.input_tokens": 1024,
        "sluice.cost_nano_usd": 5 * 1000 + 1024 * 100 + 10 * 2000,
      }),
    }),
  ]);
});

test("both spans name the request, and the process that sent them", async () => {
  const traced = await trace();
  const { gateway, receiver } = traced;
  let requestId: string | null = null;
  await gateway.client.complete(ask("house/echo"), {
    onHeader: (headers) => (requestId = headers.get("sluice-request-id")),
  });
  await traced.stories();
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  const resource = { "service.name": "sluice", "service.version": "0.0.0-test" };
  expect(
    receiver.spans.map(({ attributes, resource, scope }) => ({ id: attributes["sluice.request_id"], resource, scope })),
  ).toEqual([
    { id: requestId, resource, scope: "sluice 0.0.0-test" },
    { id: requestId, resource, scope: "sluice 0.0.0-test" },
  ]);
});

test("a stream's CLIENT span tells of the first token and of reasoning", async () => {
  const traced = await trace();
  await run(traced.gateway, "stream", "house/reasoning:ttft=50ms");
  expect(await traced.stories()).toEqual([
    server("stream", ANSWERED),
    client(
      traced,
      "stream",
      "reasoning:ttft=50ms",
      {
        ...answer(1, "reasoning:ttft=50ms", 18, { "gen_ai.usage.reasoning.output_tokens": 8 }),
        ...FIRST_CHUNK,
      },
      { events: FIRST_TOKEN },
    ),
  ]);
  const seconds = traced.receiver.spans[0]?.attributes["gen_ai.response.time_to_first_chunk"];
  expect(seconds).toBeGreaterThan(0.045);
  expect(seconds).toBeLessThan(5);
});

test.each([
  ["connectClient", "connectrpc", {}, { "rpc.response.status_code": "unavailable" }],
  ["webClient", "grpc", { "rpc.response.status_code": "OK" }, { "rpc.response.status_code": "UNAVAILABLE" }],
] as const)("the door of %s says %s, and its statuses as that spells them", async (door, system, good, bad) => {
  const traced = await trace();
  await run(traced.gateway, "unary", "house/echo", { door });
  await run(traced.gateway, "unary", "house/fault.redirect", { door });
  const stories = await traced.stories();
  const shared = { "rpc.system.name": system };
  expect(stories.slice(0, 2)).toEqual([
    server("unary", { ...shared, "sluice.outcome": "answered", ...good }),
    server(
      "unary",
      {
        ...shared,
        ...bad,
        "sluice.outcome": "failed",
        "sluice.reason": "UPSTREAM_REDIRECTED",
        "error.type": "UPSTREAM_REDIRECTED",
      },
      { status: "ERROR UPSTREAM_REDIRECTED" },
    ),
  ]);
});

test("a retry is an event of the SERVER span, and each attempt a CLIENT span", async () => {
  const traced = await trace();
  const model = "flaky:fail=1";
  await run(traced.gateway, "unary", `house/${model}`);
  expect(await traced.stories()).toEqual([
    server(
      "unary",
      { ...ANSWERED, "sluice.attempts": 2 },
      {
        events: [
          [
            "retry",
            {
              "sluice.from": `house/${model}`,
              "sluice.to": `house/${model}`,
              "error.type": "UPSTREAM_OVERLOADED",
              "sluice.delay_ms": 0,
            },
          ],
        ],
      },
    ),
    client(traced, "unary", model, { "error.type": "UPSTREAM_OVERLOADED" }, { status: "ERROR UPSTREAM_OVERLOADED" }),
    client(traced, "unary", model, answer(2, model, 10)),
  ]);
});

test("a fail-over is an event of the SERVER span, and the CLIENT spans name each vendor", async () => {
  const traced = await trace({ models: { both: ["house/fault.unauthorized", "spare/echo"] } });
  await run(traced.gateway, "stream", "both");
  expect(await traced.stories()).toEqual([
    server(
      "stream",
      {
        ...ANSWERED,
        "sluice.attempts": 2,
        "sluice.routing.reason": "cascade",
        "sluice.routing.asked_model": "both",
        "sluice.routing.targets": ["house/fault.unauthorized", "spare/echo"],
      },
      {
        events: [
          [
            "failover",
            {
              "sluice.from": "house/fault.unauthorized",
              "sluice.to": "spare/echo",
              "error.type": "UPSTREAM_UNAUTHENTICATED",
              "sluice.delay_ms": 0,
            },
          ],
        ],
      },
    ),
    client(
      traced,
      "stream",
      "fault.unauthorized",
      { "error.type": "UPSTREAM_UNAUTHENTICATED" },
      { status: "ERROR UPSTREAM_UNAUTHENTICATED" },
    ),
    client(
      traced,
      "stream",
      "echo",
      {
        "gen_ai.provider.name": "openai",
        "sluice.provider": "spare",
        ...answer(2, "echo", 1),
        ...FIRST_CHUNK,
      },
      { events: FIRST_TOKEN },
    ),
  ]);
});

test("a continuation is an event of the SERVER span, and so is a restart", async () => {
  const cut = "house/fault.cut-mid-stream:events=3";
  const { url } = await simulate();
  const traced = await trace({
    providers: { house: url, spare: { preset: "vllm", dialect: "", base_url: url } },
    models: { continues: [cut, "spare/echo"], restarts: [cut, "house/echo"] },
  });
  for (const model of ["continues", "restarts"]) {
    await run(traced.gateway, "stream", model, { handling: { onStreamFailure: OnStreamFailure.CONTINUE } });
  }
  const events = (await traced.stories()).flatMap((story) => (story.kind === "SERVER" ? story.events : []));
  const told = { "sluice.from": cut, "error.type": "UPSTREAM_TRUNCATED", "sluice.delay_ms": 0 };
  expect(events).toEqual([
    ["continue", { ...told, "sluice.to": "spare/echo" }],
    ["restart", { ...told, "sluice.to": "house/echo" }],
  ]);
});

/** A call that broke off after three tokens, whose usage the gateway counted itself. */
function broken(model: string): object {
  return {
    "gen_ai.response.id": "chatcmpl-simulator-1",
    "gen_ai.response.model": model,
    "gen_ai.usage.input_tokens": expect.any(Number),
    "gen_ai.usage.output_tokens": expect.any(Number),
    "sluice.estimated": true,
    ...FIRST_CHUNK,
  };
}

test("a stream that breaks in the middle is an error of both spans", async () => {
  const traced = await trace();
  await run(traced.gateway, "stream", "house/fault.cut-mid-stream");
  const failure = { "error.type": "UPSTREAM_TRUNCATED" };
  const status = "ERROR UPSTREAM_TRUNCATED";
  expect(await traced.stories()).toEqual([
    server(
      "stream",
      {
        ...failure,
        "sluice.outcome": "failed",
        "sluice.reason": "UPSTREAM_TRUNCATED",
        "rpc.response.status_code": "UNAVAILABLE",
      },
      { status },
    ),
    client(
      traced,
      "stream",
      "fault.cut-mid-stream",
      { ...broken("fault.cut-mid-stream"), ...failure },
      { status, events: FIRST_TOKEN },
    ),
  ]);
});

test("a caller that cancels is no error", async () => {
  const traced = await trace();
  const controller = new AbortController();
  const { signal } = controller;
  await expect(async () => {
    for await (const { event } of traced.gateway.client.stream(ask("house/fault.stall-mid-stream"), { signal })) {
      if (event.case === "blockDelta") controller.abort();
    }
  }).rejects.toThrow();
  await vi.waitFor(() => expect(callLines(traced.gateway)).toHaveLength(1));
  expect(await traced.stories()).toEqual([
    server("stream", {
      "sluice.outcome": "cancelled",
      "sluice.reason": "CANCELLED",
      "rpc.response.status_code": "CANCELLED",
    }),
    client(
      traced,
      "stream",
      "fault.stall-mid-stream",
      { ...broken("fault.stall-mid-stream"), "sluice.outcome": "cancelled" },
      { events: FIRST_TOKEN },
    ),
  ]);
});

test("a deadline that passes is an error of both spans", async () => {
  const traced = await trace({ limits: { default_deadline: "0.2s" } });
  await run(traced.gateway, "unary", "house/fault.no-response");
  const failure = { "error.type": "DEADLINE_EXCEEDED" };
  const status = "ERROR DEADLINE_EXCEEDED";
  expect(await traced.stories()).toEqual([
    server(
      "unary",
      {
        ...failure,
        "sluice.outcome": "failed",
        "sluice.reason": "DEADLINE_EXCEEDED",
        "rpc.response.status_code": "DEADLINE_EXCEEDED",
      },
      { status },
    ),
    client(
      traced,
      "unary",
      "fault.no-response",
      {
        ...failure,
        "gen_ai.usage.input_tokens": expect.any(Number),
        "gen_ai.usage.output_tokens": 0,
        "sluice.estimated": true,
      },
      { status },
    ),
  ]);
});

test("what its caller did wrong is no error of the SERVER span", async () => {
  const traced = await trace();
  await run(traced.gateway, "unary", "house/fault.context-length");
  await run(traced.gateway, "unary", "nowhere/m");
  expect(await traced.stories()).toEqual([
    server("unary", {
      "sluice.outcome": "failed",
      "sluice.reason": "CONTEXT_LENGTH_EXCEEDED",
      "rpc.response.status_code": "INVALID_ARGUMENT",
    }),
    server("unary", {
      "sluice.outcome": "failed",
      "sluice.reason": "MODEL_NOT_FOUND",
      "rpc.response.status_code": "NOT_FOUND",
      "sluice.attempts": 0,
    }),
    client(
      traced,
      "unary",
      "fault.context-length",
      { "error.type": "CONTEXT_LENGTH_EXCEEDED" },
      { status: "ERROR CONTEXT_LENGTH_EXCEEDED" },
    ),
  ]);
});

test("a request that is refused has a SERVER span, with no more of it than fits", async () => {
  const traced = await trace();
  const request = ask("house/echo");
  const attribution = { feature: "F".repeat(10_000), userId: "u-1", metadata: { plan: "p".repeat(10_000) } };
  await expect(traced.gateway.client.complete({ ...request, attribution })).rejects.toThrow("attribution.feature");
  await expect(traced.gateway.client.complete({})).rejects.toThrow("attribution");
  const rejected = {
    "sluice.outcome": "rejected",
    "sluice.reason": "INVALID_REQUEST",
    "rpc.response.status_code": "INVALID_ARGUMENT",
    "sluice.attempts": 0,
  };
  const [first, second] = await traced.stories();
  expect(first).toEqual(
    server("unary", {
      ...rejected,
      "sluice.feature": `${"F".repeat(256)}…`,
      "user.id": "u-1",
      "sluice.metadata.plan": `${"p".repeat(256)}…`,
    }),
  );
  const { "sluice.feature": _, ...nobody } = server("unary", rejected).attributes;
  expect(second).toEqual(server("unary", {}, { attributes: nobody }));
});

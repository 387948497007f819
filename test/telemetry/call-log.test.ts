/** The line of each call: all of it that operators need, and nothing that was said. */
import { expect, test, vi } from "vitest";
import { ask } from "../support/gateway.ts";
import { answerWith } from "../upstream/raw.ts";
import { type Delivery, run, simulate } from "../upstream/support.ts";
import { receive, serveTraced, type TracedScript } from "./support.ts";

const MS = expect.any(Number);
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

type Line = Readonly<Record<string, unknown>>;

async function open(script: Partial<TracedScript> = {}, logLevel: "info" | "warn" | "error" = "info") {
  const simulator = await simulate();
  const gateway = await serveTraced({ providers: { house: simulator.url }, ...script }, { settings: { logLevel } });
  const lines = () => gateway.logged.filter(({ msg }) => msg === "call" || msg === "rejected");
  return { gateway, lines };
}

/** A line with what all lines have. */
function line(more: Line): Line {
  return {
    level: "info",
    time: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    service: "sluice",
    msg: "call",
    request_id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f-]{27}$/),
    feature: "test",
    latency_ms: MS,
    overhead_ms: MS,
    attempts: [],
    ...more,
  };
}

test("a whole answer: who asked, who answered, what it took and what it cost", async () => {
  const { gateway, lines } = await open({ prices: { "house/cached": { input: 1, cache_read: 0.1, output: 2 } } });
  const attribution = {
    feature: "chat",
    userId: "u-1",
    sessionId: "s-1",
    promptVersion: "v3",
    metadata: { plan: "pro" },
  };
  let requestId: string | null = null;
  await gateway.client.complete(
    { ...ask("house/cached"), attribution },
    { onHeader: (headers) => (requestId = headers.get("sluice-request-id")) },
  );
  const cost = 5 * 1000 + 1024 * 100 + 10 * 2000;
  expect(lines()).toEqual([
    line({
      request_id: requestId,
      feature: "chat",
      user_id: "u-1",
      session_id: "s-1",
      prompt_version: "v3",
      delivery: "unary",
      model: "house/cached",
      provider: "house",
      served_model: "cached",
      outcome: "answered",
      finish_reason: "stop",
      input_tokens: 1029,
      cache_read_tokens: 1024,
      output_tokens: 10,
      cost_nano_usd: cost,
      time_to_first_event_ms: MS,
      attempts: [
        {
          provider: "house",
          model: "cached",
          outcome: "succeeded",
          upstream_status: 200,
          latency_ms: MS,
          cost_nano_usd: cost,
        },
      ],
    }),
  ]);
});

test("a stream: when its first token came, and its reasoning", async () => {
  const { gateway, lines } = await open();
  const model = "reasoning:ttft=100ms";
  await run(gateway, "stream", `house/${model}`);
  expect(lines()).toEqual([
    line({
      delivery: "stream",
      model: `house/${model}`,
      provider: "house",
      served_model: model,
      outcome: "answered",
      finish_reason: "stop",
      input_tokens: 5,
      output_tokens: 18,
      reasoning_tokens: 8,
      time_to_first_event_ms: MS,
      attempts: [
        {
          provider: "house",
          model,
          outcome: "succeeded",
          upstream_status: 200,
          latency_ms: MS,
          time_to_first_token_ms: MS,
        },
      ],
    }),
  ]);
  const { latency_ms, time_to_first_event_ms, overhead_ms } = lines()[0] as Record<string, number>;
  expect(time_to_first_event_ms).toBeGreaterThan(95);
  expect(latency_ms).toBeGreaterThanOrEqual(time_to_first_event_ms ?? 0);
  expect(overhead_ms).toBeLessThan((latency_ms ?? 0) - 95);
});

test("a call that failed after retries: every attempt, and why it ended", async () => {
  const { gateway, lines } = await open({ models: { best: ["house/fault.error-status", "house/fault.redirect"] } });
  await run(gateway, "unary", "best");
  const failed = { provider: "house", outcome: "failed", latency_ms: MS };
  const overloaded = {
    ...failed,
    model: "fault.error-status",
    reason: "UPSTREAM_OVERLOADED",
    upstream_status: 503,
  };
  expect(lines()).toEqual([
    line({
      level: "warn",
      delivery: "unary",
      model: "best",
      routing: "cascade",
      provider: "house",
      outcome: "failed",
      reason: "UPSTREAM_REDIRECTED",
      error: {
        type: "GatewayError",
        message:
          "The upstream redirected (302), which is refused because the key could leak. Correct the provider's base_url.",
      },
      attempts: [
        overloaded,
        overloaded,
        { ...failed, model: "fault.redirect", reason: "UPSTREAM_REDIRECTED", upstream_status: 302 },
      ],
    }),
  ]);
});

test("a call that could not be sent: the cause, without a stack that is not ours", async () => {
  const { gateway, lines } = await open({ retry: { max_attempts: 1 } });
  await run(gateway, "stream", "house/fault.cut-mid-stream:events=2");
  const [{ error } = { error: undefined }] = lines();
  expect(error).toEqual({
    type: "GatewayError",
    message: "The connection to the upstream broke in the middle of its answer (UND_ERR_SOCKET). Try again.",
    cause: { type: "SocketError", message: "other side closed", code: "UND_ERR_SOCKET" },
  });
});

test("a call that its caller cancelled: no failure, with what it used by the gateway's count", async () => {
  const { gateway, lines } = await open({ prices: { "house/fault.stall-mid-stream": { input: 1, output: 1 } } });
  const controller = new AbortController();
  const { signal } = controller;
  await expect(async () => {
    for await (const { event } of gateway.client.stream(ask("house/fault.stall-mid-stream"), { signal })) {
      if (event.case === "blockDelta") controller.abort();
    }
  }).rejects.toThrow();
  await vi.waitFor(() => expect(lines()).toHaveLength(1));
  expect(lines()).toEqual([
    line({
      delivery: "stream",
      model: "house/fault.stall-mid-stream",
      provider: "house",
      outcome: "cancelled",
      reason: "CANCELLED",
      input_tokens: MS,
      output_tokens: MS,
      cost_nano_usd: MS,
      cost_estimated: true,
      time_to_first_event_ms: MS,
      attempts: [
        {
          provider: "house",
          model: "fault.stall-mid-stream",
          outcome: "cancelled",
          reason: "CANCELLED",
          upstream_status: 200,
          latency_ms: MS,
          time_to_first_token_ms: MS,
          cost_nano_usd: MS,
        },
      ],
    }),
  ]);
});

test("a request that was refused: by whom, and what was wrong", async () => {
  const { gateway, lines } = await open();
  const request = ask("house/echo");
  const attribution = { feature: "Not This", userId: "u".repeat(1000) };
  await expect(gateway.client.complete({ ...request, attribution })).rejects.toThrow();
  expect(lines()).toEqual([
    line({
      msg: "rejected",
      feature: "Not This",
      user_id: `${"u".repeat(256)}…`,
      delivery: "unary",
      model: "house/echo",
      outcome: "rejected",
      reason: "INVALID_REQUEST",
      error: {
        type: "GatewayError",
        message: expect.stringMatching(/^attribution\.feature: .*attribution\.user_id: /),
      },
    }),
  ]);
});

test("a traced call names its trace and its SERVER span", async () => {
  const receiver = await receive();
  const { gateway, lines } = await open({ telemetry: { otlp: { endpoint: receiver.url } } });
  await run(gateway, "unary", "house/echo", { headers: { traceparent: `00-${TRACE}-${CALLER}-01` } });
  await run(gateway, "unary", "house/echo");
  await gateway.stop(0);
  const servers = receiver.spans.filter(({ kind }) => kind === "SERVER");
  expect(lines().map(({ trace_id, span_id }) => [trace_id, span_id])).toEqual(
    servers.map(({ traceId, spanId }) => [traceId, spanId]),
  );
  expect(lines().map(({ trace_id }) => trace_id === TRACE)).toEqual([true, false]);
});

test("a call of a trace that is not recorded names the trace all the same", async () => {
  const { gateway, lines } = await open();
  await run(gateway, "unary", "house/echo", { headers: { traceparent: `00-${TRACE}-${CALLER}-00` } });
  await run(gateway, "unary", "house/echo");
  expect(lines().map(({ trace_id }) => trace_id)).toEqual([TRACE, undefined]);
});

test.each([
  ["info", ["info answered", "warn failed", "info rejected"]],
  ["warn", ["warn failed"]],
  ["error", []],
] as const)("at level %s, the lines are %j", async (level, expected) => {
  const { gateway, lines } = await open({}, level);
  await run(gateway, "unary", "house/echo");
  await run(gateway, "unary", "house/fault.redirect");
  await run(gateway, "unary", "house/echo", { prompt: { temperature: -1 } });
  expect(lines().map(({ level: written, outcome }) => `${String(written)} ${String(outcome)}`)).toEqual(expected);
});

test.each<Delivery>(["unary", "stream"])("a key that a provider quotes is concealed (%s)", async (delivery) => {
  const upstream = await answerWith((request, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: `bad header ${request.headers.authorization}`, type: "x" } }));
  });
  const house = { base_url: `http://127.0.0.1:${upstream.port}/v1`, api_key: "env:KEY" };
  const messages: unknown[] = [];
  for (const features of [[], ["test"]]) {
    const script = { providers: { house }, telemetry: { record_content: { features } } };
    const gateway = await serveTraced(script, { environment: { KEY: "house-canary-7c1e55" } });
    await run(gateway, delivery, "house/m");
    const [line] = gateway.logged.filter(({ msg }) => msg === "call");
    messages.push((line?.error as { message?: unknown } | undefined)?.message);
    await gateway.close();
  }
  expect(messages).toEqual([
    "The upstream answered 400: [withheld]",
    "The upstream answered 400: bad header Bearer [redacted]",
  ]);
});

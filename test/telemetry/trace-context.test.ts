/** Whose trace a call belongs to, whether it is recorded, and who is told of it. */
import { expect, test } from "vitest";
import type { OtlpReceiver } from "../support/otlp/receiver.ts";
import { run, simulate } from "../upstream/support.ts";
import { receive, serveTraced } from "./support.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";
const sampled = `00-${TRACE}-${CALLER}-01`;
const unsampled = `00-${TRACE}-${CALLER}-00`;

const serverOf = ({ spans }: OtlpReceiver) => spans.find(({ kind }) => kind === "SERVER");
const clientOf = ({ spans }: OtlpReceiver) => spans.find(({ kind }) => kind === "CLIENT");

test.each(["client", "connectClient", "webClient"] as const)("continues the trace of a caller at %s", async (door) => {
  const receiver = await receive();
  const simulator = await simulate();
  const telemetry = { otlp: { endpoint: receiver.url } };
  const gateway = await serveTraced({ providers: { house: simulator.url }, telemetry });
  await run(gateway, "unary", "house/echo", { door, headers: { traceparent: sampled, tracestate: "a=b,c=d" } });
  await gateway.stop(0);
  const server = serverOf(receiver);
  const client = clientOf(receiver);
  const trace = { traceId: TRACE, traceState: "a=b,c=d" };
  expect(server).toMatchObject({ ...trace, parentSpanId: CALLER });
  expect(client).toMatchObject({ ...trace, parentSpanId: server?.spanId });
  expect(simulator.calls.map(({ headers }) => [headers.traceparent, headers.tracestate])).toEqual([
    [`00-${TRACE}-${client?.spanId}-01`, "a=b,c=d"],
  ]);
});

test.each([
  ["nothing", undefined],
  ["no trace id", `00-${"0".repeat(32)}-${CALLER}-01`],
  ["no span id", `00-${TRACE}-${"0".repeat(16)}-01`],
  ["capitals", sampled.toUpperCase()],
  ["an unknown version that is forbidden", sampled.replace(/^00/, "ff")],
  ["too little", sampled.slice(0, -4)],
  ["too much", `${sampled}-01`],
  ["two of them", `${sampled}, ${unsampled}`],
  ["a word", "hello"],
])("begins a trace of its own for a traceparent that is %s", async (_, traceparent) => {
  const receiver = await receive();
  const simulator = await simulate();
  const telemetry = { otlp: { endpoint: receiver.url } };
  const gateway = await serveTraced({ providers: { house: simulator.url }, telemetry });
  const headers: Record<string, string> = { tracestate: "a=b" };
  if (traceparent !== undefined) headers.traceparent = traceparent;
  expect((await run(gateway, "unary", "house/echo", { headers })).code).toBe("OK");
  await gateway.stop(0);
  const server = serverOf(receiver);
  expect(server).toMatchObject({ parentSpanId: "", traceState: "" });
  expect(server?.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
  expect(server?.traceId).not.toBe(TRACE);
});

test.each([
  ["records a trace that is not of anybody", undefined, {}, true],
  ["records what the caller records", sampled, {}, true],
  ["does not record what the caller does not", unsampled, {}, false],
  ["at a ratio of 0, records nothing of its own", undefined, { sample_ratio: 0 }, false],
  ["at a ratio of 0, records what the caller records", sampled, { sample_ratio: 0 }, true],
  ["at a ratio of 1, does not record what the caller does not", unsampled, { sample_ratio: 1 }, false],
])("%s", async (_, traceparent, more, recorded) => {
  const receiver = await receive();
  const simulator = await simulate();
  const telemetry = { otlp: { endpoint: receiver.url }, ...more };
  const gateway = await serveTraced({ providers: { house: simulator.url }, telemetry });
  await run(gateway, "stream", "house/flaky", traceparent === undefined ? {} : { headers: { traceparent } });
  await gateway.stop(0);
  expect(receiver.spans.map(({ kind }) => kind)).toEqual(recorded ? ["CLIENT", "CLIENT", "SERVER"] : []);
  // The upstream hears in any case, and whether it should record too.
  const flag = recorded ? "01" : "00";
  const trace = traceparent === undefined ? "[0-9a-f]{32}" : TRACE;
  for (const { headers } of simulator.calls) {
    expect(headers.traceparent).toMatch(new RegExp(`^00-${trace}-[0-9a-f]{16}-${flag}$`));
  }
});

const KEYED = { dialect: "", api_key: "env:KEY" };

test.each([
  ["a server without a preset", {}, true],
  ["a preset of one's own servers", { preset: "vllm", dialect: "" }, true],
  ["a vendor", { preset: "openai", ...KEYED }, false],
  ["another vendor", { preset: "groq", ...KEYED }, false],
  ["a vendor that may be told", { preset: "openai", ...KEYED, propagate_trace: true }, true],
  ["a server of one's own that may not", { preset: "vllm", dialect: "", propagate_trace: false }, false],
  ["a server without a preset that may not", { propagate_trace: false }, false],
])("%s: %j hears of the trace: %s", async (_, provider, told) => {
  const receiver = await receive();
  const simulator = await simulate();
  const gateway = await serveTraced(
    {
      providers: { house: { base_url: simulator.url, ...provider } },
      telemetry: { otlp: { endpoint: receiver.url } },
    },
    { environment: { KEY: "a-key" } },
  );
  const headers = { traceparent: sampled, tracestate: "a=b", baggage: "user=me" };
  await run(gateway, "unary", "house/echo", { headers });
  await run(gateway, "stream", "house/echo");
  await run(gateway, "unary", "house/echo", { door: "connectClient", headers: { traceparent: unsampled } });
  await gateway.stop(0);
  expect(
    simulator.calls.map((call) => {
      const { traceparent, tracestate, baggage } = call.headers;
      return [traceparent !== undefined, tracestate !== undefined, baggage !== undefined];
    }),
  ).toEqual([
    [told, told, false],
    [told, false, false],
    [told, false, false],
  ]);
  // Whoever hears of it or not: the gateway's own spans are the same.
  expect(receiver.spans.length).toBe(4);
});

test("without a collector, an upstream of one's own gets the caller's trace as it came", async () => {
  const simulator = await simulate();
  const gateway = await serveTraced({ providers: { house: simulator.url } });
  await run(gateway, "unary", "house/echo", { headers: { traceparent: sampled, tracestate: "a=b" } });
  await run(gateway, "unary", "house/echo");
  expect(simulator.calls.map(({ headers }) => [headers.traceparent, headers.tracestate])).toEqual([
    [sampled, "a=b"],
    [undefined, undefined],
  ]);
});

test("OTEL_PROPAGATORS=none neither takes a trace nor gives one", async () => {
  const receiver = await receive();
  const simulator = await simulate();
  const telemetry = { otlp: { endpoint: receiver.url } };
  const gateway = await serveTraced(
    { providers: { house: simulator.url }, telemetry },
    { environment: { OTEL_PROPAGATORS: "none" } },
  );
  await run(gateway, "unary", "house/echo", { headers: { traceparent: sampled } });
  await gateway.stop(0);
  expect(serverOf(receiver)?.parentSpanId).toBe("");
  expect(serverOf(receiver)?.traceId).not.toBe(TRACE);
  expect(simulator.calls.map(({ headers }) => headers.traceparent)).toEqual([undefined]);
});

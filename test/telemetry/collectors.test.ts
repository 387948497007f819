/** Collectors that work, by every protocol; and those that don't, which cost nothing but the telemetry. */
import { describe, expect, test, vi } from "vitest";
import type { TestGateway } from "../support/gateway.ts";
import { closedPort } from "../support/raw.ts";
import { run, simulate, within } from "../upstream/support.ts";
import { receive, serveTraced, tell } from "./support.ts";

/** What `stop` may take with a collector that does not answer: its bound, and some. */
const STOP_MS = 3000;
const MARGIN_MS = 2500;

test.each([
  ["grpc", "grpc", ""],
  ["http/protobuf", "http", ""],
  ["http/protobuf", "http", "/"],
  ["http/json", "http", ""],
] as const)("%s brings traces and metrics to a collector that speaks %s", async (protocol, spoken, path) => {
  const receiver = await receive({ protocol: spoken });
  const simulator = await simulate();
  const telemetry = { otlp: { endpoint: `${receiver.url}${path}`, protocol } };
  const gateway = await serveTraced({ providers: { house: simulator.url }, telemetry });
  await run(gateway, "stream", "house/echo");
  await gateway.stop(0);
  expect(tell(receiver.spans).map(({ name, kind, parent }) => [name, kind, parent])).toEqual([
    ["sluice.v1.GatewayService/Stream", "SERVER", "none"],
    ["chat echo", "CLIENT", "sluice.v1.GatewayService/Stream"],
  ]);
  expect(receiver.spans[0]?.resource).toEqual({ "service.name": "sluice", "service.version": "0.0.0-test" });
  expect([...receiver.metrics]).toContain("gen_ai.client.operation.duration");
  expect(receiver.requests).toEqual({ traces: 1, metrics: 1 });
});

test("spans are sent while the gateway runs, and what is left when it stops", async () => {
  const receiver = await receive();
  const simulator = await simulate();
  const telemetry = { otlp: { endpoint: receiver.url } };
  const environment = { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2", OTEL_METRICS_EXPORTER: "none" };
  const gateway = await serveTraced({ providers: { house: simulator.url }, telemetry }, { environment });
  await run(gateway, "unary", "house/echo");
  await within(5000, receiver.asked, "the first batch");
  expect(receiver.spans.length).toBe(2);
  const simple = await run(gateway, "unary", "house/fault.redirect");
  expect(simple.code).toBe("Unavailable");
  await gateway.stop(0);
  expect({ spans: receiver.spans.length, metrics: receiver.requests.metrics }).toEqual({ spans: 4, metrics: 0 });
});

test("no collector is asked where none is named", async () => {
  const simulator = await simulate();
  const gateway = await serveTraced({ providers: { house: simulator.url } });
  await run(gateway, "unary", "house/echo");
  const startedAt = performance.now();
  await gateway.stop(0);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(warnings(gateway)).toEqual([]);
});

/** What the log says of the telemetry. */
function warnings({ logged }: TestGateway): string[] {
  return logged.flatMap(({ from, level, msg }) =>
    from === "opentelemetry" ? [`${String(level)}: ${String(msg)}`] : [],
  );
}

/** Spans that were counted by what became of them, from the page for Prometheus. */
async function processed({ httpAddress }: TestGateway): Promise<Record<string, number>> {
  const page = await (await fetch(`http://${httpAddress}/metrics`)).text();
  const lines = page.matchAll(/^otel_sdk_processor_span_processed(?:_total)?\{([^}]*)\} (\d+)$/gm);
  return Object.fromEntries(
    Array.from(lines, ([, labels = "", count]) => [/error_type="([^"]*)"/.exec(labels)?.[1] ?? "sent", Number(count)]),
  );
}

const SMALL_QUEUE = { OTEL_BSP_MAX_QUEUE_SIZE: "8", OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "4" };

describe.each(["grpc", "http"] as const)("a collector that takes everything and never answers, by %s", (spoken) => {
  const protocol = spoken === "grpc" ? "grpc" : "http/protobuf";

  test("holds up no call; what does not fit is dropped and counted", async () => {
    const receiver = await receive({ protocol: spoken, stalls: true });
    const simulator = await simulate();
    const gateway = await serveTraced(
      { providers: { house: simulator.url }, telemetry: { otlp: { endpoint: receiver.url, protocol } } },
      { environment: SMALL_QUEUE },
    );
    for (let n = 0; n < 30; n++) expect((await run(gateway, "unary", "house/echo")).code).toBe("OK");
    // Of 60 spans, 4 are on their way and 8 wait.
    await vi.waitFor(async () => expect(await processed(gateway)).toEqual({ queue_full: 48 }));
    const startedAt = performance.now();
    await within(STOP_MS + MARGIN_MS, gateway.stop(0), "stopping");
    expect(performance.now() - startedAt).toBeGreaterThan(STOP_MS - 100);
    // OpenTelemetry has one voice in a process: what is on its way when a test ends is heard in the next one.
    const said = warnings(gateway).filter((line) => !line.includes("CANCELLED"));
    expect(said).toEqual(["warn: the last telemetry is lost: the collector did not take it in time"]);
    // Sent: the batch that was on its way, and the two that waited, when the gateway stopped.
    expect(receiver.spans.length).toBe(12);
  });
});

test("a collector that refuses holds up no call, and is told of once", async () => {
  const simulator = await simulate();
  const endpoint = `http://127.0.0.1:${await closedPort()}`;
  const gateway = await serveTraced(
    { providers: { house: simulator.url }, telemetry: { otlp: { endpoint } } },
    { environment: SMALL_QUEUE },
  );
  for (let n = 0; n < 30; n++) expect((await run(gateway, "unary", "house/echo")).code).toBe("OK");
  await vi.waitFor(async () => {
    const counts = await processed(gateway);
    expect(Object.keys(counts)).not.toContain("sent");
    expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(40);
  });
  await within(STOP_MS + MARGIN_MS, gateway.stop(0), "stopping");
  const said = warnings(gateway);
  expect(said.length).toBeGreaterThan(0);
  expect(said.length).toBeLessThanOrEqual(4);
  expect(said.filter((line) => line.startsWith("warn: 14 UNAVAILABLE")).length).toBeGreaterThan(0);
  expect(JSON.stringify(said)).not.toContain("stack");
});

test("a collector that comes back gets what is still there", async () => {
  const simulator = await simulate();
  const port = await closedPort();
  const gateway = await serveTraced({
    providers: { house: simulator.url },
    telemetry: { otlp: { endpoint: `http://127.0.0.1:${port}`, protocol: "http/json" } },
  });
  await run(gateway, "unary", "house/echo");
  const receiver = await receive({ protocol: "http", port });
  await gateway.stop(0);
  expect(receiver.spans.length).toBe(2);
});

/** What the process tells of itself. */
import { expect, onTestFinished, test } from "vitest";
import { emptyConfig } from "../../src/config/load.ts";
import { toTelemetrySettings } from "../../src/config/telemetry.ts";
import { openTelemetry } from "../../src/telemetry/open-telemetry.ts";
import { openProcessMetrics } from "../../src/telemetry/process-metrics.ts";
import { parseMetrics } from "./metrics-page.ts";

/** Reads the event loop's delay, s. */
async function watchLoop(): Promise<(name: string) => Promise<number | undefined>> {
  const { metrics, ...telemetry } = toTelemetrySettings(emptyConfig(), {}, []);
  const otel = await openTelemetry({ ...telemetry, version: "test", metrics: { ...metrics, prometheus: true } });
  const state = {
    openCalls: () => [],
    connections: () => [],
    breakers: () => [],
    overload: { limit: 1000, shedLevel: 0, waiting: () => [], refused: () => [] },
    pricesUpdatedAt: () => 0,
  };
  const watching = openProcessMetrics(otel.meter, state);
  onTestFinished(async () => {
    watching.close();
    await otel.close(0);
  });
  return async (name) => {
    const page = await parseMetrics((await otel.metricsPage?.read()) ?? "");
    return page[`nodejs_eventloop_delay_${name}_seconds`]?.data[0]?.value;
  };
}

test("an idle event loop has hardly any delay", async () => {
  const read = await watchLoop();
  // Node counts the 10 ms from one look to the next as well: they are no delay.
  await expect.poll(() => read("p50"), { interval: 50, timeout: 10_000 }).toBeLessThan(0.009);
});

test("an event loop that is blocked is late by as much", async () => {
  const read = await watchLoop();
  await expect.poll(() => read("max"), { interval: 20 }).toBeGreaterThanOrEqual(0);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  // Late are the next look's own 10 ms at most.
  await expect.poll(() => read("max"), { interval: 1 }).toBeGreaterThan(0.18);
});

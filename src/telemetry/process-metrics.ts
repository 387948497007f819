import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Meter } from "@opentelemetry/api";
import type { Delivery } from "../domain/event.ts";
import { metric, own, ownMetric } from "./names.ts";

/** What the process tells when it is asked. */
export interface ProcessState {
  openCalls(): Iterable<readonly [delivery: Delivery, count: number]>;
  connections(): Iterable<readonly [provider: string, state: "busy" | "idle" | "waiting", count: number]>;
  /** Day of the price catalogue's data, s since 1970. */
  pricesUpdatedAt(): number;
}

const NS = 1e9;

/** Metrics of the process, read when they are collected. Must be closed. */
export function openProcessMetrics(meter: Meter, state: ProcessState): { close(): void } {
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { unit: "s", description });
  const max = gauge(metric.nodejsEventloopDelayMax, "Longest delay of the event loop since the last collection.");
  const mean = gauge(metric.nodejsEventloopDelayMean, "Mean delay of the event loop since the last collection.");
  const p50 = gauge(metric.nodejsEventloopDelayP50, "Median delay of the event loop since the last collection.");
  const p99 = gauge(metric.nodejsEventloopDelayP99, "99th percentile of the delay since the last collection.");
  meter.addBatchObservableCallback(
    (result) => {
      if (delay.count === 0) return;
      result.observe(max, delay.max / NS);
      result.observe(mean, delay.mean / NS);
      result.observe(p50, delay.percentile(50) / NS);
      result.observe(p99, delay.percentile(99) / NS);
      delay.reset();
    },
    [max, mean, p50, p99],
  );
  meter
    .createObservableUpDownCounter(ownMetric.openCalls, { unit: "{call}", description: "Calls that are running." })
    .addCallback((result) => {
      for (const [delivery, count] of state.openCalls()) result.observe(count, { [own.delivery]: delivery });
    });
  meter
    .createObservableUpDownCounter(ownMetric.upstreamConnections, {
      unit: "{connection}",
      description: "Connections to upstreams that are busy or idle, and requests that wait for one.",
    })
    .addCallback((result) => {
      for (const [provider, connectionState, count] of state.connections()) {
        result.observe(count, { [own.provider]: provider, [own.connectionState]: connectionState });
      }
    });
  gauge(ownMetric.pricesUpdated, "Day of the price catalogue's data, since 1970.").addCallback((result) =>
    result.observe(state.pricesUpdatedAt()),
  );
  return { close: () => delay.disable() };
}

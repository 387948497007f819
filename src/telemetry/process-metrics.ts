import { monitorEventLoopDelay } from "node:perf_hooks";
import type { Meter } from "@opentelemetry/api";
import type { Delivery } from "../domain/event.ts";
import { metric, own, ownMetric } from "./names.ts";

/** What the process tells when it is asked. */
export interface ProcessState {
  openCalls(): Iterable<readonly [delivery: Delivery, count: number]>;
  connections(): Iterable<readonly [provider: string, state: "busy" | "idle" | "waiting", count: number]>;
  /** Of targets that were asked; the names are bounded. */
  breakers(): Iterable<readonly [target: string, state: BreakerState]>;
  /** Who waits for a place, and who got none. */
  readonly overload: OverloadState;
  /** Day of the price catalogue's data, s since 1970. */
  pricesUpdatedAt(): number;
}

/** What keeps the process from having too much to do. */
export interface OverloadState {
  /** Most calls at once, as it is now. */
  readonly limit: number;
  readonly shedLevel: number;
  waiting(): Iterable<readonly [priority: string, count: number]>;
  refused(): Iterable<readonly [priority: string, because: string, count: number]>;
}

type BreakerState = "closed" | "half-open" | "open";

/** The worse, the more. */
const BREAKER_LEVELS: Readonly<Record<BreakerState, number>> = { closed: 0, "half-open": 1, open: 2 };

const NS = 1e9;

/** How often the event loop is looked at, ms. */
const RESOLUTION_MS = 20;

/** Metrics of the process, read when they are collected. Must be closed. */
export function openProcessMetrics(meter: Meter, state: ProcessState): { close(): void } {
  // From one collection to the next is a period. A monitor that was reset misses a delay that has begun; the other one
  // has it, and tells of it at the next collection.
  let [told, next] = [openMonitor(), openMonitor()];
  const gauge = (name: string, description: string) => meter.createObservableGauge(name, { unit: "s", description });
  const max = gauge(metric.nodejsEventloopDelayMax, "Longest delay of the event loop in the last two periods.");
  const mean = gauge(metric.nodejsEventloopDelayMean, "Mean delay of the event loop in the last two periods.");
  const p50 = gauge(metric.nodejsEventloopDelayP50, "Median delay of the event loop in the last two periods.");
  const p99 = gauge(metric.nodejsEventloopDelayP99, "99th percentile of that delay in the last two periods.");
  // Node measures from one look to the next: what is longer than their distance is delay.
  const seconds = (ns: number): number => Math.max(0, ns / NS - RESOLUTION_MS / 1000);
  meter.addBatchObservableCallback(
    (result) => {
      const delay = told;
      if (delay.count === 0) return;
      result.observe(max, seconds(delay.max));
      result.observe(mean, seconds(delay.mean));
      result.observe(p50, seconds(delay.percentile(50)));
      result.observe(p99, seconds(delay.percentile(99)));
      if (next.count === 0) return;
      delay.reset();
      [told, next] = [next, delay];
    },
    [max, mean, p50, p99],
  );
  meter
    .createObservableUpDownCounter(ownMetric.openCalls, { unit: "{call}", description: "Calls that are running." })
    .addCallback((result) => {
      for (const [delivery, count] of state.openCalls()) result.observe(count, { [own.delivery]: delivery });
    });
  observeOverload(meter, state.overload);
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
  meter
    .createObservableGauge(ownMetric.breakerState, {
      unit: "1",
      description: "Whether a target is left alone: 0 no, 1 it is probed, 2 yes.",
    })
    .addCallback((result) => {
      // Several targets may share a label: the worst of them tells.
      const worst = new Map<string, number>();
      for (const [target, breaker] of state.breakers()) {
        worst.set(target, Math.max(worst.get(target) ?? 0, BREAKER_LEVELS[breaker]));
      }
      for (const [target, level] of worst) result.observe(level, { [own.target]: target });
    });
  gauge(ownMetric.pricesUpdated, "Day of the price catalogue's data, since 1970.").addCallback((result) =>
    result.observe(state.pricesUpdatedAt()),
  );
  return {
    close: () => {
      told.disable();
      next.disable();
    },
  };
}

function observeOverload(meter: Meter, overload: OverloadState): void {
  const gauge = (name: string, unit: string, description: string) =>
    meter.createObservableGauge(name, { unit, description });
  gauge(ownMetric.callsLimit, "{call}", "Most calls that may run at once.").addCallback((result) =>
    result.observe(overload.limit),
  );
  gauge(
    ownMetric.shedLevel,
    "1",
    "Who is refused for pressure: 0 nobody, 1 batch, 2 default too, 3 everybody.",
  ).addCallback((result) => result.observe(overload.shedLevel));
  meter
    .createObservableUpDownCounter(ownMetric.queueLength, {
      unit: "{call}",
      description: "Calls that wait for a place.",
    })
    .addCallback((result) => {
      for (const [priority, count] of overload.waiting()) result.observe(count, { [own.priority]: priority });
    });
  meter
    .createObservableCounter(ownMetric.refused, { unit: "{call}", description: "Calls that were not let in, and why." })
    .addCallback((result) => {
      for (const [priority, because, count] of overload.refused()) {
        result.observe(count, { [own.priority]: priority, [own.because]: because });
      }
    });
}

function openMonitor(): ReturnType<typeof monitorEventLoopDelay> {
  const monitor = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  monitor.enable();
  return monitor;
}

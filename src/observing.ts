import type { Config } from "./config/load.ts";
import type { Settings } from "./config/settings.ts";
import type { TelemetrySettings } from "./config/telemetry.ts";
import type { Clock } from "./domain/clock.ts";
import type { CallWatcher } from "./domain/watch.ts";
import type { Catalogue } from "./pricing/catalogue.ts";
import type { UpstreamProvider } from "./provider/upstream.ts";
import type { Calls } from "./service/calls.ts";
import { createCallLog } from "./telemetry/call-log.ts";
import { forwardDiagnostics } from "./telemetry/diagnostics.ts";
import { Labels } from "./telemetry/labels.ts";
import type { Log, LogDestination } from "./telemetry/log.ts";
import { CallMetrics } from "./telemetry/metrics.ts";
import type { MetricsPage } from "./telemetry/metrics-page.ts";
import { openTelemetry } from "./telemetry/open-telemetry.ts";
import { type OverloadState, openProcessMetrics, type ProcessState } from "./telemetry/process-metrics.ts";
import { createReloadWatch, type ReloadEnd } from "./telemetry/reload-watch.ts";
import { createCallWatcher } from "./telemetry/watcher.ts";
import { isLoopback, parseAddress } from "./transport/address.ts";

export interface ObservingOptions {
  readonly settings: Settings;
  readonly telemetry: TelemetrySettings;
  readonly version: string;
  readonly log: Log;
  /** Where the line of each call goes. */
  readonly output: LogDestination;
  readonly clock: Clock;
  readonly calls: Calls;
  readonly overload: OverloadState;
  readonly providers: () => ReadonlyMap<string, UpstreamProvider>;
  /** Breakers of the targets that were asked, by their names. */
  readonly breakers: () => Iterable<readonly [target: string, state: "closed" | "half-open" | "open"]>;
  readonly models: Config["models"];
  readonly catalogue: () => Catalogue;
}

export interface Observing {
  readonly watcher: CallWatcher;
  /** The page for Prometheus; undefined where it is off. */
  readonly metricsPage: MetricsPage | undefined;
  /** The configuration was read again. */
  reloaded(end: ReloadEnd): void;
  close(timeoutMs: number): Promise<void>;
}

/** Puts together all that watches: traces, metrics and the line for each call. Must be closed. */
export async function openObserving(options: ObservingOptions): Promise<Observing> {
  const { settings, telemetry, version, log, clock, calls, providers, catalogue } = options;
  forwardDiagnostics(log, clock);
  const prometheus = telemetry.metrics.prometheus ?? isLoopback(parseAddress(settings.httpAddress));
  const otel = await openTelemetry({ ...telemetry, version, metrics: { ...telemetry.metrics, prometheus } });
  const labels = new Labels({
    maxFeatures: settings.maxFeatures,
    maxOthers: settings.maxLabelValues,
    cohorts: settings.cohorts,
    models: Object.values(options.models).flatMap(({ targets }) => targets.map(modelOf)),
  });
  const state: ProcessState = {
    openCalls: () => [
      ["unary", calls.count("unary")],
      ["stream", calls.count("stream")],
    ],
    *connections() {
      for (const [name, provider] of providers()) {
        const { busy, idle, waiting } = provider.connections();
        yield [name, "busy", busy];
        yield [name, "idle", idle];
        yield [name, "waiting", waiting];
      }
    },
    *breakers() {
      for (const [target, breaker] of options.breakers()) yield [labels.target(target), breaker];
    },
    overload: options.overload,
    pricesUpdatedAt: () => Date.parse(catalogue().date) / 1000,
  };
  // Looking at the event loop wakes the process: not where nobody reads of it.
  const processMetrics = otel.measures ? openProcessMetrics(otel.meter, state) : undefined;
  const watcher = createCallWatcher({
    tracer: otel.tracer,
    propagates: telemetry.propagates,
    content: settings.recordContent,
    metrics: new CallMetrics(otel.store, labels),
    log: createCallLog({
      level: settings.logLevel,
      destination: options.output,
      clock,
      quotedFeatures: settings.recordContent.features,
    }),
    onFault: (error) => log.error({ error }, "watching failed"),
  });
  return {
    watcher,
    metricsPage: otel.metricsPage,
    reloaded: createReloadWatch(otel.tracer, otel.meter),
    async close(timeoutMs) {
      processMetrics?.close();
      await otel.close(timeoutMs);
    },
  };
}

function modelOf(target: string): string {
  return target.slice(target.indexOf("/") + 1);
}

import {
  createNoopMeter,
  diag,
  type Meter,
  type MeterProvider as MeterProviderApi,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { detectResources, envDetector, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  ConsoleMetricExporter,
  type IMetricReader,
  type InstrumentType,
  MeterProvider,
  PeriodicExportingMetricReader,
  type PushMetricExporter,
} from "@opentelemetry/sdk-metrics";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  ParentBasedSampler,
  type Sampler,
  SimpleSpanProcessor,
  type SpanLimits,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { systemClock } from "../domain/clock.ts";
import { type OtlpProtocol, openMetricExporter, openTraceExporter } from "./exporters.ts";
import { SERVICE } from "./log.ts";
import { MetricStore } from "./metric-store.ts";
import { MetricsPage } from "./metrics-page.ts";

type SamplerName =
  | "always_on"
  | "always_off"
  | "traceidratio"
  | "parentbased_always_on"
  | "parentbased_always_off"
  | "parentbased_traceidratio";

/** Where one signal is pushed. */
interface SignalOptions {
  readonly otlp: boolean;
  readonly console: boolean;
  readonly protocol: OtlpProtocol;
  /** Of all signals; undefined leaves it to the standard variables, which the exporters read themselves. */
  readonly endpoint: string | undefined;
}

export interface OpenTelemetryOptions {
  readonly version: string;
  readonly traces: SignalOptions & {
    readonly sampler: SamplerName;
    /** Share of traces, from 0 to 1, for the samplers that take one. */
    readonly ratio: number;
    readonly queueSize: number;
    readonly batchSize: number;
    readonly delayMs: number;
    readonly exportTimeoutMs: number;
    readonly limits: SpanLimits;
  };
  readonly metrics: SignalOptions & {
    readonly intervalMs: number;
    readonly exportTimeoutMs: number;
    /** For the page on the HTTP door. */
    readonly prometheus: boolean;
  };
}

export interface OpenTelemetry {
  readonly tracer: Tracer;
  readonly meter: Meter;
  /** Somebody reads metrics. */
  readonly measures: boolean;
  /** For what is recorded with every call. */
  readonly store: MetricStore;
  readonly metricsPage: MetricsPage | undefined;
  /** Sends what waits, but waits no longer than this for a collector, ms. */
  close(timeoutMs: number): Promise<void>;
}

const NAME = "sluice";

/** Providers and exporters of OpenTelemetry, without its globals. Nothing is sent that nobody asked for. */
export async function openTelemetry(options: OpenTelemetryOptions): Promise<OpenTelemetry> {
  const { version } = options;
  const resource = resourceFromAttributes({ "service.name": SERVICE, "service.version": version }).merge(
    detectResources({ detectors: [envDetector] }),
  );
  const store = new MetricStore({ name: NAME, version }, () => systemClock.wallNow());
  const page = options.metrics.prometheus
    ? new MetricsPage(store.producer(() => AggregationTemporality.CUMULATIVE))
    : undefined;
  const readers = [...(page === undefined ? [] : [page]), ...(await openPushReaders(options.metrics, store))];
  const meters = readers.length === 0 ? undefined : new MeterProvider({ resource, readers });
  const processors = await openSpanProcessors(options.traces, meters);
  const tracers = processors.length === 0 ? undefined : openTracers(options.traces, resource, processors);
  return {
    tracer: tracers?.getTracer(NAME, version) ?? trace.getTracer(NAME, version),
    measures: meters !== undefined,
    store,
    meter: meters?.getMeter(NAME, version) ?? createNoopMeter(),
    metricsPage: page,
    async close(timeoutMs) {
      const closing = Promise.allSettled([tracers?.shutdown(), meters?.shutdown({ timeoutMillis: timeoutMs })]);
      const results = await Promise.race([closing, delay(timeoutMs)]);
      if (results === undefined) diag.warn("the last telemetry is lost: the collector did not take it in time");
      for (const result of results ?? []) {
        if (result.status === "rejected") diag.warn(`the last telemetry is lost: ${messageOf(result.reason)}`);
      }
    },
  };
}

function openTracers(
  { sampler, ratio, limits }: OpenTelemetryOptions["traces"],
  resource: Resource,
  spanProcessors: SpanProcessor[],
): TracerProvider {
  return new TracerProvider({ resource, sampler: samplers[sampler](ratio), spanLimits: limits, spanProcessors });
}

const samplers: { readonly [S in SamplerName]: (ratio: number) => Sampler } = {
  always_on: () => new AlwaysOnSampler(),
  always_off: () => new AlwaysOffSampler(),
  traceidratio: (ratio) => new TraceIdRatioBasedSampler(ratio),
  parentbased_always_on: () => new ParentBasedSampler({ root: new AlwaysOnSampler() }),
  parentbased_always_off: () => new ParentBasedSampler({ root: new AlwaysOffSampler() }),
  parentbased_traceidratio: (ratio) => new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) }),
};

/** The processor counts what it drops in a metric of its own: `otel.sdk.processor.span.processed` with `error.type`. */
async function openSpanProcessors(
  { otlp, console, protocol, endpoint, queueSize, batchSize, delayMs, exportTimeoutMs }: OpenTelemetryOptions["traces"],
  meterProvider: MeterProviderApi | undefined,
): Promise<SpanProcessor[]> {
  const counted = meterProvider === undefined ? {} : { selfObsMeterProvider: meterProvider };
  const processors: SpanProcessor[] = [];
  if (console) processors.push(new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter(), ...counted }));
  if (otlp) {
    processors.push(
      new BatchSpanProcessor({
        exporter: await openTraceExporter(protocol, endpoint),
        maxQueueSize: queueSize,
        maxExportBatchSize: batchSize,
        scheduledDelayMillis: delayMs,
        exportTimeoutMillis: exportTimeoutMs,
        ...counted,
      }),
    );
  }
  return processors;
}

async function openPushReaders(
  { otlp, console, protocol, endpoint, intervalMs, exportTimeoutMs }: OpenTelemetryOptions["metrics"],
  store: MetricStore,
) {
  const exporters: PushMetricExporter[] = [];
  if (console) exporters.push(new ConsoleMetricExporter());
  if (otlp) exporters.push(await openMetricExporter(protocol, endpoint));
  return exporters.map(
    (exporter): IMetricReader =>
      new PeriodicExportingMetricReader({
        exporter,
        metricProducers: [store.producer((type) => temporalityOf(exporter, type))],
        exportIntervalMillis: intervalMs,
        exportTimeoutMillis: Math.min(exportTimeoutMs, intervalMs),
      }),
  );
}

/** What the exporter wants, as `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE` says. */
function temporalityOf(exporter: PushMetricExporter, type: InstrumentType): AggregationTemporality {
  return exporter.selectAggregationTemporality?.(type) ?? AggregationTemporality.CUMULATIVE;
}

function delay(ms: number): Promise<undefined> {
  return new Promise((resolve) => {
    systemClock.schedule(ms, () => resolve(undefined));
  });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { diag } from "@opentelemetry/api";
import { PrometheusSerializer } from "@opentelemetry/exporter-prometheus";
import { type MetricProducer, MetricReader, type ResourceMetrics } from "@opentelemetry/sdk-metrics";

/** The metrics as Prometheus reads them: its text format, version 0.0.4. */
export class MetricsPage extends MetricReader {
  // No prefix, no timestamps, no resource on each series; `target_info`, but no scope on each series.
  readonly #serializer = new PrometheusSerializer("", false, undefined, false, true);

  /** `producer`: of metrics that the SDK does not aggregate itself. */
  constructor(producer: MetricProducer) {
    super({ otelComponentType: "prometheus_http_text_metric_exporter", metricProducers: [producer] });
  }

  /** Rejects once telemetry is closed. */
  async read(): Promise<string> {
    const { resourceMetrics, errors } = await this.collect();
    if (errors.length > 0) diag.warn(`Metrics are missing on the page: ${String(errors[0])}`);
    return this.#serializer.serialize(withUnits(resourceMetrics));
  }

  protected override async onForceFlush(): Promise<void> {}

  protected override async onShutdown(): Promise<void> {}
}

/**
 * Ends of names by the unit. The serializer leaves them out (exporter-prometheus 0.301), but the specification asks
 * for them, and collectors and Prometheus itself add them to what is pushed: so a metric has one name, whichever way
 * it took.
 */
const suffixes: Readonly<Record<string, string>> = { s: "_seconds", USD: "_USD" };

function withUnits(given: ResourceMetrics): ResourceMetrics {
  return {
    ...given,
    scopeMetrics: given.scopeMetrics.map((scope) => ({
      ...scope,
      metrics: scope.metrics.map((metric) => {
        const { descriptor } = metric;
        const suffix = suffixes[descriptor.unit] ?? "";
        return { ...metric, descriptor: { ...descriptor, name: descriptor.name + suffix } };
      }),
    })),
  };
}

import type { PushMetricExporter } from "@opentelemetry/sdk-metrics";
import type { SpanExporter } from "@opentelemetry/sdk-trace";

export type OtlpProtocol = "grpc" | "http/protobuf" | "http/json";

interface Url {
  url?: string;
}

// Loaded when they are wanted: together they take a tenth of a second at the start.

const traceExporters: { readonly [P in OtlpProtocol]: (url: Url) => Promise<SpanExporter> } = {
  grpc: async (url) => new (await import("@opentelemetry/exporter-trace-otlp-grpc")).OTLPTraceExporter(url),
  "http/protobuf": async (url) => new (await import("@opentelemetry/exporter-trace-otlp-proto")).OTLPTraceExporter(url),
  "http/json": async (url) => new (await import("@opentelemetry/exporter-trace-otlp-http")).OTLPTraceExporter(url),
};

const metricExporters: { readonly [P in OtlpProtocol]: (url: Url) => Promise<PushMetricExporter> } = {
  grpc: async (url) => new (await import("@opentelemetry/exporter-metrics-otlp-grpc")).OTLPMetricExporter(url),
  "http/protobuf": async (url) =>
    new (await import("@opentelemetry/exporter-metrics-otlp-proto")).OTLPMetricExporter(url),
  "http/json": async (url) => new (await import("@opentelemetry/exporter-metrics-otlp-http")).OTLPMetricExporter(url),
};

/** `endpoint` serves all signals; undefined leaves the address to the standard variables, which the exporters read. */
export function openTraceExporter(protocol: OtlpProtocol, endpoint: string | undefined): Promise<SpanExporter> {
  return traceExporters[protocol](urlOf(protocol, endpoint, "traces"));
}

export function openMetricExporter(protocol: OtlpProtocol, endpoint: string | undefined): Promise<PushMetricExporter> {
  return metricExporters[protocol](urlOf(protocol, endpoint, "metrics"));
}

/** By HTTP, each signal has a path of its own below the endpoint. */
function urlOf(protocol: OtlpProtocol, endpoint: string | undefined, signal: "traces" | "metrics"): Url {
  if (endpoint === undefined) return {};
  return { url: protocol === "grpc" ? endpoint : `${endpoint.replace(/\/+$/, "")}/v1/${signal}` };
}

/** What the file and the standard variables say of telemetry: what they come to together, and what is wrong. */
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import type { Problem } from "../../src/config/problem.ts";
import { type TelemetrySettings, toTelemetrySettings } from "../../src/config/telemetry.ts";

type Environment = Readonly<Record<string, string>>;

function read(environment: Environment, yaml = ""): { settings: TelemetrySettings; problems: Problem[] } {
  const problems: Problem[] = [];
  return { settings: toTelemetrySettings(parseConfig(yaml), environment, problems), problems };
}

const nothing = { otlp: false, console: false, protocol: "grpc", endpoint: undefined } as const;

const defaults: TelemetrySettings = {
  propagates: true,
  traces: {
    ...nothing,
    sampler: "parentbased_always_on",
    ratio: 1,
    queueSize: 2048,
    batchSize: 512,
    delayMs: 5000,
    exportTimeoutMs: 30_000,
    limits: {},
  },
  metrics: { ...nothing, intervalMs: 60_000, exportTimeoutMs: 30_000, prometheus: undefined },
};

interface Difference {
  readonly propagates?: boolean;
  readonly traces?: Partial<TelemetrySettings["traces"]>;
  readonly metrics?: Partial<TelemetrySettings["metrics"]>;
}

const FILE = 'telemetry: { otlp: { endpoint: "http://file:4317" } }';
const ENDPOINT = "http://file:4317";
const pushed = { otlp: true, endpoint: ENDPOINT };

const both = (difference: Partial<TelemetrySettings["traces"] & TelemetrySettings["metrics"]>): Difference => ({
  traces: difference,
  metrics: difference,
});

const good: readonly (readonly [what: string, environment: Environment, yaml: string, difference: Difference])[] = [
  ["nothing", {}, "", {}],
  ["empty variables, as nothing", { OTEL_TRACES_EXPORTER: "", OTEL_BSP_MAX_QUEUE_SIZE: " " }, "", {}],
  ["an endpoint in the file", {}, FILE, both(pushed)],
  ["an endpoint in the environment", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://e:4317" }, "", both({ otlp: true })],
  ["an endpoint without a scheme", { OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4317" }, "", both({ otlp: true })],
  ["an endpoint of traces only", { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://e/x" }, "", { traces: { otlp: true } }],
  ["an endpoint of metrics only", { OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "http://e" }, "", { metrics: { otlp: true } }],
  ["both endpoints: the file's", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://e" }, FILE, both(pushed)],
  ["an exporter without an endpoint", { OTEL_TRACES_EXPORTER: "otlp" }, "", { traces: { otlp: true } }],
  [
    "an exporter none beside an endpoint",
    { OTEL_TRACES_EXPORTER: "none" },
    FILE,
    {
      traces: { endpoint: ENDPOINT },
      metrics: pushed,
    },
  ],
  ["the console", { OTEL_TRACES_EXPORTER: "console", OTEL_METRICS_EXPORTER: "console" }, "", both({ console: true })],
  [
    "many exporters",
    { OTEL_METRICS_EXPORTER: "otlp, console,prometheus" },
    "",
    {
      metrics: { otlp: true, console: true, prometheus: true },
    },
  ],
  ["Prometheus", { OTEL_METRICS_EXPORTER: "prometheus" }, "", { metrics: { prometheus: true } }],
  [
    "Prometheus against the file",
    { OTEL_METRICS_EXPORTER: "prometheus" },
    "telemetry: { prometheus: false }",
    {
      metrics: { prometheus: false },
    },
  ],
  ["Prometheus in the file", {}, "telemetry: { prometheus: true }", { metrics: { prometheus: true } }],
  ["a protocol", { OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" }, "", both({ protocol: "http/json" })],
  [
    "a protocol for each signal",
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/protobuf", OTEL_EXPORTER_OTLP_PROTOCOL: "http/json" },
    "",
    { traces: { protocol: "http/protobuf" }, metrics: { protocol: "http/json" } },
  ],
  [
    "a protocol against the file's",
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: "http/json" },
    `telemetry: { otlp: { endpoint: "${ENDPOINT}", protocol: http/protobuf } }`,
    both({ ...pushed, protocol: "http/protobuf" }),
  ],
  [
    "OTEL_SDK_DISABLED",
    { OTEL_SDK_DISABLED: "TRUE", OTEL_TRACES_EXPORTER: "console" },
    FILE,
    {
      traces: { endpoint: ENDPOINT },
      metrics: { endpoint: ENDPOINT, prometheus: false },
    },
  ],
  ["OTEL_SDK_DISABLED=false", { OTEL_SDK_DISABLED: "false" }, FILE, both(pushed)],
  ["a sampler", { OTEL_TRACES_SAMPLER: "always_off" }, "", { traces: { sampler: "always_off" } }],
  [
    "a sampler with its ratio",
    { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "0.25" },
    "",
    {
      traces: { sampler: "traceidratio", ratio: 0.25 },
    },
  ],
  [
    "a ratio in the file, before any sampler",
    { OTEL_TRACES_SAMPLER: "always_on", OTEL_TRACES_SAMPLER_ARG: "0.5" },
    "telemetry: { sample_ratio: 0 }",
    { traces: { sampler: "parentbased_traceidratio", ratio: 0 } },
  ],
  [
    "the batches' sizes and times",
    {
      OTEL_BSP_MAX_QUEUE_SIZE: "100",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "10",
      OTEL_BSP_SCHEDULE_DELAY: "0",
      OTEL_BSP_EXPORT_TIMEOUT: "2147483647",
    },
    "",
    { traces: { queueSize: 100, batchSize: 10, delayMs: 0, exportTimeoutMs: 2_147_483_647 } },
  ],
  ["a queue smaller than a batch", { OTEL_BSP_MAX_QUEUE_SIZE: "8" }, "", { traces: { queueSize: 8, batchSize: 8 } }],
  [
    "the times of metrics",
    { OTEL_METRIC_EXPORT_INTERVAL: "1000", OTEL_METRIC_EXPORT_TIMEOUT: "500" },
    "",
    {
      metrics: { intervalMs: 1000, exportTimeoutMs: 500 },
    },
  ],
  [
    "an interval shorter than its timeout",
    { OTEL_METRIC_EXPORT_INTERVAL: "1000" },
    "",
    {
      metrics: { intervalMs: 1000, exportTimeoutMs: 1000 },
    },
  ],
  [
    "limits of spans",
    {
      OTEL_ATTRIBUTE_COUNT_LIMIT: "1",
      OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT: "2",
      OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT: "3",
      OTEL_SPAN_EVENT_COUNT_LIMIT: "0",
      OTEL_SPAN_LINK_COUNT_LIMIT: "4",
      OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT: "5",
      OTEL_LINK_ATTRIBUTE_COUNT_LIMIT: "6",
    },
    "",
    {
      traces: {
        limits: {
          attributeCountLimit: 2,
          attributeValueLengthLimit: 3,
          eventCountLimit: 0,
          linkCountLimit: 4,
          attributePerEventCountLimit: 5,
          attributePerLinkCountLimit: 6,
        },
      },
    },
  ],
  ["propagators", { OTEL_PROPAGATORS: "tracecontext,baggage" }, "", {}],
  ["no propagators", { OTEL_PROPAGATORS: "none" }, "", { propagates: false }],
  ["propagators of other things", { OTEL_PROPAGATORS: "baggage" }, "", { propagates: false }],
];

describe("good settings", () => {
  test.each(good)("%s: %j, %j", (_, environment, yaml, { traces, metrics, ...others }) => {
    expect(read(environment, yaml)).toEqual({
      settings: {
        ...defaults,
        ...others,
        traces: { ...defaults.traces, ...traces },
        metrics: { ...defaults.metrics, ...metrics },
      },
      problems: [],
    });
  });
});

const WHOLE = (least: number) => `is no whole number from ${least} to 2147483647`;
const exporters = "is none of otlp, console, none";

const wrong: readonly (readonly [name: string, value: string, why: string])[] = [
  ["OTEL_SDK_DISABLED", "ture", "is neither true nor false"],
  ["OTEL_TRACES_EXPORTER", "oltp", exporters],
  ["OTEL_TRACES_EXPORTER", "prometheus", exporters],
  ["OTEL_TRACES_EXPORTER", "zipkin", exporters],
  ["OTEL_METRICS_EXPORTER", "zipkin", "is none of otlp, console, prometheus, none"],
  ["OTEL_EXPORTER_OTLP_PROTOCOL", "http", "is none of grpc, http/protobuf, http/json"],
  ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC", "is none of grpc, http/protobuf, http/json"],
  ["OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "json", "is none of grpc, http/protobuf, http/json"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "is no address"],
  ["OTEL_EXPORTER_OTLP_ENDPOINT", "http://a b", "is no address"],
  ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h:99999", "is no address"],
  ["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "://", "is no address"],
  ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s", WHOLE(1)],
  ["OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "0", WHOLE(1)],
  [
    "OTEL_TRACES_SAMPLER",
    "ratio",
    "is none of always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio",
  ],
  ["OTEL_TRACES_SAMPLER_ARG", "1.1", "is no number from 0 to 1"],
  ["OTEL_TRACES_SAMPLER_ARG", "-0.1", "is no number from 0 to 1"],
  ["OTEL_TRACES_SAMPLER_ARG", "half", "is no number from 0 to 1"],
  ["OTEL_BSP_MAX_QUEUE_SIZE", "0", WHOLE(1)],
  ["OTEL_BSP_MAX_QUEUE_SIZE", "many", WHOLE(1)],
  ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "0", WHOLE(1)],
  ["OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1.5", WHOLE(1)],
  ["OTEL_BSP_SCHEDULE_DELAY", "-1", WHOLE(0)],
  ["OTEL_BSP_EXPORT_TIMEOUT", "2147483648", WHOLE(1)],
  ["OTEL_METRIC_EXPORT_INTERVAL", "0", WHOLE(1)],
  ["OTEL_METRIC_EXPORT_TIMEOUT", "1e999", WHOLE(1)],
  ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "none", WHOLE(0)],
  ["OTEL_PROPAGATORS", "b3", "is none of tracecontext, baggage, none"],
];

describe("wrong variables are named, once", () => {
  test.each(wrong)("%s=%s %s", (name, value, why) => {
    expect(read({ [name]: value }).problems).toEqual([{ path: name, message: `${JSON.stringify(value)} ${why}` }]);
  });

  test("all of them together", () => {
    const environment = { OTEL_PROPAGATORS: "b3,jaeger", OTEL_BSP_SCHEDULE_DELAY: "x", OTEL_TRACES_SAMPLER: "y" };
    expect(read(environment).problems.map(({ path }) => path)).toEqual([
      "OTEL_PROPAGATORS",
      "OTEL_PROPAGATORS",
      "OTEL_TRACES_SAMPLER",
      "OTEL_BSP_SCHEDULE_DELAY",
    ]);
  });
});

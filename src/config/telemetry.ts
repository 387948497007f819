import { MAX_TIMER_MS } from "../domain/clock.ts";
import type { Config } from "./load.ts";
import type { Problem } from "./problem.ts";
import type { Environment } from "./secrets.ts";

const PROTOCOLS = ["grpc", "http/protobuf", "http/json"] as const;

const TRACES_EXPORTERS = ["otlp", "console", "none"] as const;
const METRICS_EXPORTERS = ["otlp", "console", "prometheus", "none"] as const;

const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

interface SignalSettings {
  readonly otlp: boolean;
  readonly console: boolean;
  readonly protocol: (typeof PROTOCOLS)[number];
  /** From the file; where it is undefined, the exporters follow the standard variables. */
  readonly endpoint: string | undefined;
}

/** What is traced and measured, from the file and the standard variables. Times in ms. */
export interface TelemetrySettings {
  /** Callers' traces are continued, and upstreams hear of them. */
  readonly propagates: boolean;
  readonly traces: SignalSettings & {
    readonly sampler: (typeof SAMPLERS)[number];
    readonly ratio: number;
    readonly queueSize: number;
    readonly batchSize: number;
    readonly delayMs: number;
    readonly exportTimeoutMs: number;
    readonly limits: {
      readonly attributeCountLimit?: number;
      readonly attributeValueLengthLimit?: number;
      readonly eventCountLimit?: number;
      readonly linkCountLimit?: number;
      readonly attributePerEventCountLimit?: number;
      readonly attributePerLinkCountLimit?: number;
    };
  };
  readonly metrics: SignalSettings & {
    readonly intervalMs: number;
    readonly exportTimeoutMs: number;
    /** Undefined leaves it to the door: a page on loopback only. */
    readonly prometheus: boolean | undefined;
  };
}

/**
 * Reads the file's `telemetry` block and the variables of the OpenTelemetry specification. The file comes first. What
 * a variable says wrongly is a problem, not a default: a typo must not turn telemetry off.
 */
export function toTelemetrySettings(config: Config, environment: Environment, problems: Problem[]): TelemetrySettings {
  const { telemetry } = config;
  checkCohorts(telemetry?.cohorts ?? [], problems);
  const read = new Variables(environment, problems);
  const disabled = read.flag("OTEL_SDK_DISABLED");
  const endpoint = telemetry?.otlp?.endpoint;
  const ratio = read.ratio("OTEL_TRACES_SAMPLER_ARG", 1);
  const queueSize = read.whole("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1);
  // Baggage is taken for a known word, and not used.
  const propagators = read.list("OTEL_PROPAGATORS", ["tracecontext", "baggage", "none"]) ?? ["tracecontext"];

  const signal = (name: "TRACES" | "METRICS", known: readonly string[]) => {
    const exporters = read.list(`OTEL_${name}_EXPORTER`, known);
    // The specification's default is to push; here it needs a word, so that a trial without a collector is quiet.
    const pushes =
      exporters === undefined
        ? endpoint !== undefined || read.isSet("OTEL_EXPORTER_OTLP_ENDPOINT", `OTEL_EXPORTER_OTLP_${name}_ENDPOINT`)
        : exporters.includes("otlp");
    const protocol =
      telemetry?.otlp?.protocol ||
      read.choice(`OTEL_EXPORTER_OTLP_${name}_PROTOCOL`, PROTOCOLS) ||
      read.choice("OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOLS);
    // Read by the exporters, which take their own defaults for what they cannot read.
    for (const infix of ["", `${name}_`] as const) {
      read.endpoint(`OTEL_EXPORTER_OTLP_${infix}ENDPOINT`);
      read.whole(`OTEL_EXPORTER_OTLP_${infix}TIMEOUT`, 10_000, 1);
    }
    const settings: SignalSettings = {
      otlp: !disabled && pushes,
      console: !disabled && exporters?.includes("console") === true,
      protocol: PROTOCOLS.find((one) => one === protocol) ?? "grpc",
      endpoint,
    };
    return { settings, prometheus: exporters?.includes("prometheus") === true };
  };

  const { settings: traces } = signal("TRACES", TRACES_EXPORTERS);
  const { settings: metrics, prometheus } = signal("METRICS", METRICS_EXPORTERS);
  const intervalMs = read.whole("OTEL_METRIC_EXPORT_INTERVAL", 60_000, 1);
  return {
    propagates: propagators.includes("tracecontext"),
    traces: {
      ...traces,
      ratio: telemetry?.sampleRatio ?? ratio,
      // A ratio needs a sampler that heeds it.
      sampler:
        telemetry?.sampleRatio === undefined
          ? (read.choice("OTEL_TRACES_SAMPLER", SAMPLERS) ?? "parentbased_always_on")
          : "parentbased_traceidratio",
      queueSize,
      // A batch is never larger than what waits: the queue is what bounds the memory.
      batchSize: Math.min(read.whole("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1), queueSize),
      delayMs: read.whole("OTEL_BSP_SCHEDULE_DELAY", 5000, 0),
      exportTimeoutMs: read.whole("OTEL_BSP_EXPORT_TIMEOUT", 30_000, 1),
      limits: spanLimits(read),
    },
    metrics: {
      ...metrics,
      intervalMs,
      exportTimeoutMs: Math.min(read.whole("OTEL_METRIC_EXPORT_TIMEOUT", 30_000, 1), intervalMs),
      prometheus: disabled ? false : (telemetry?.prometheus ?? (prometheus ? true : undefined)),
    },
  };
}

/** Prometheus knows no dots and dashes: two labels of one name would make it refuse the whole page. */
function checkCohorts(cohorts: readonly string[], problems: Problem[]): void {
  const labels = cohorts.map((key) => key.replace(/[^a-zA-Z0-9]+/g, "_"));
  for (const [at, label] of labels.entries()) {
    const first = labels.indexOf(label);
    if (first === at) continue;
    const message = `is the same label as ${JSON.stringify(cohorts[first])} to Prometheus, which has _ for . and -`;
    problems.push({ path: `telemetry.cohorts[${at}]`, message });
  }
}

function spanLimits(read: Variables): TelemetrySettings["traces"]["limits"] {
  const limit = (key: string, ...names: string[]): Record<string, number> => {
    const name = names.find((one) => read.isSet(one));
    return name === undefined ? {} : { [key]: read.whole(name, 0, 0) };
  };
  return {
    ...limit("attributeCountLimit", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    ...limit(
      "attributeValueLengthLimit",
      "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
      "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    ),
    ...limit("eventCountLimit", "OTEL_SPAN_EVENT_COUNT_LIMIT"),
    ...limit("linkCountLimit", "OTEL_SPAN_LINK_COUNT_LIMIT"),
    ...limit("attributePerEventCountLimit", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"),
    ...limit("attributePerLinkCountLimit", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
  };
}

/** Variables of the specification; an empty one counts as unset. */
class Variables {
  readonly #environment: Environment;
  readonly #problems: Problem[];

  constructor(environment: Environment, problems: Problem[]) {
    this.#environment = environment;
    this.#problems = problems;
  }

  isSet(...names: readonly string[]): boolean {
    return names.some((name) => this.#text(name) !== undefined);
  }

  flag(name: string): boolean {
    const text = this.#text(name)?.toLowerCase();
    if (text !== undefined && text !== "true" && text !== "false") this.#wrong(name, text, "neither true nor false");
    return text === "true";
  }

  ratio(name: string, fallback: number): number {
    const text = this.#text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (value >= 0 && value <= 1) return value;
    this.#wrong(name, text, "no number from 0 to 1");
    return fallback;
  }

  /** A whole number that is also good for a timer of so many ms. */
  whole(name: string, fallback: number, least: 0 | 1): number {
    const text = this.#text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= MAX_TIMER_MS) return value;
    this.#wrong(name, text, `no whole number from ${least} to ${MAX_TIMER_MS}`);
    return fallback;
  }

  /** An address with or without `http://`; gRPC takes both. */
  endpoint(name: string): void {
    const text = this.#text(name);
    if (text === undefined) return;
    if (!URL.canParse(text.includes("://") ? text : `http://${text}`)) this.#wrong(name, text, "no address");
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.#text(name);
    if (text === undefined) return undefined;
    const found = choices.find((one) => one === text);
    if (found === undefined) this.#wrong(name, text, `none of ${choices.join(", ")}`);
    return found;
  }

  list(name: string, choices: readonly string[]): readonly string[] | undefined {
    const items = this.#text(name)
      ?.split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
    for (const item of items ?? []) {
      if (!choices.includes(item)) this.#wrong(name, item, `none of ${choices.join(", ")}`);
    }
    return items;
  }

  #wrong(name: string, text: string, is: string): void {
    const message = `${JSON.stringify(text)} is ${is}`;
    // Both signals read what is meant for both.
    if (this.#problems.some((one) => one.path === name && one.message === message)) return;
    this.#problems.push({ path: name, message });
  }

  #text(name: string): string | undefined {
    const text = this.#environment[name]?.trim();
    return text === "" ? undefined : text;
  }
}

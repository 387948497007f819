import type { Config } from "./load.ts";
import type { Problem } from "./problem.ts";
import type { Environment } from "./secrets.ts";

const PROTOCOLS = ["grpc", "http/protobuf", "http/json"] as const;

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
  const read = new Variables(environment, problems);
  const disabled = read.flag("OTEL_SDK_DISABLED");
  const endpoint = telemetry?.otlp?.endpoint;
  const ratio = telemetry?.sampleRatio ?? read.number("OTEL_TRACES_SAMPLER_ARG", 1);
  if (ratio > 1) problems.push({ path: "OTEL_TRACES_SAMPLER_ARG", message: "must be a number from 0 to 1" });
  const batchSize = read.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512);
  // Baggage is taken for a known word, and not used.
  const propagators = read.list("OTEL_PROPAGATORS", ["tracecontext", "baggage", "none"]) ?? ["tracecontext"];

  const signal = (name: "TRACES" | "METRICS"): SignalSettings & { readonly prometheus: boolean } => {
    const exporters = read.list(`OTEL_${name}_EXPORTER`, ["otlp", "console", "prometheus", "none"]);
    // The specification's default is to push; here it needs a word, so that a trial without a collector is quiet.
    const pushes =
      exporters === undefined
        ? endpoint !== undefined || read.isSet("OTEL_EXPORTER_OTLP_ENDPOINT", `OTEL_EXPORTER_OTLP_${name}_ENDPOINT`)
        : exporters.includes("otlp");
    const protocol =
      telemetry?.otlp?.protocol ||
      read.choice(`OTEL_EXPORTER_OTLP_${name}_PROTOCOL`, PROTOCOLS) ||
      read.choice("OTEL_EXPORTER_OTLP_PROTOCOL", PROTOCOLS);
    return {
      otlp: !disabled && pushes,
      console: !disabled && exporters?.includes("console") === true,
      prometheus: exporters?.includes("prometheus") === true,
      protocol: PROTOCOLS.find((one) => one === protocol) ?? "grpc",
      endpoint,
    };
  };

  const { prometheus: _, ...traces } = signal("TRACES");
  const { prometheus, ...metrics } = signal("METRICS");
  const intervalMs = read.number("OTEL_METRIC_EXPORT_INTERVAL", 60_000);
  return {
    propagates: propagators.includes("tracecontext"),
    traces: {
      ...traces,
      ratio: Math.min(ratio, 1),
      // A ratio needs a sampler that heeds it.
      sampler:
        telemetry?.sampleRatio === undefined
          ? (read.choice("OTEL_TRACES_SAMPLER", SAMPLERS) ?? "parentbased_always_on")
          : "parentbased_traceidratio",
      queueSize: Math.max(read.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048), batchSize),
      batchSize,
      delayMs: read.number("OTEL_BSP_SCHEDULE_DELAY", 5000),
      exportTimeoutMs: read.number("OTEL_BSP_EXPORT_TIMEOUT", 30_000),
      limits: spanLimits(read),
    },
    metrics: {
      ...metrics,
      intervalMs,
      exportTimeoutMs: Math.min(read.number("OTEL_METRIC_EXPORT_TIMEOUT", 30_000), intervalMs),
      prometheus: disabled ? false : (telemetry?.prometheus ?? (prometheus ? true : undefined)),
    },
  };
}

function spanLimits(read: Variables): TelemetrySettings["traces"]["limits"] {
  const limit = (key: string, ...names: string[]): Record<string, number> => {
    const name = names.find((one) => read.isSet(one));
    return name === undefined ? {} : { [key]: read.number(name, 0) };
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
    return this.#text(name)?.toLowerCase() === "true";
  }

  number(name: string, fallback: number): number {
    const text = this.#text(name);
    if (text === undefined) return fallback;
    const value = Number(text);
    if (Number.isFinite(value) && value >= 0) return value;
    this.#problems.push({ path: name, message: `${JSON.stringify(text)} is no number` });
    return fallback;
  }

  choice<T extends string>(name: string, choices: readonly T[]): T | undefined {
    const text = this.#text(name);
    if (text === undefined) return undefined;
    const found = choices.find((one) => one === text);
    if (found === undefined) {
      this.#problems.push({ path: name, message: `${JSON.stringify(text)} is none of ${choices.join(", ")}` });
    }
    return found;
  }

  list(name: string, choices: readonly string[]): readonly string[] | undefined {
    const items = this.#text(name)
      ?.split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
    for (const item of items ?? []) {
      if (!choices.includes(item)) {
        this.#problems.push({ path: name, message: `${JSON.stringify(item)} is none of ${choices.join(", ")}` });
      }
    }
    return items;
  }

  #text(name: string): string | undefined {
    const text = this.#environment[name]?.trim();
    return text === "" ? undefined : text;
  }
}

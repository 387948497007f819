import type { Attributes } from "@opentelemetry/api";
import type { Attribution } from "../domain/contract.ts";
import { own } from "./names.ts";

/** Stands for every value beyond a label's limit. */
export const OTHER = "other";

/** Labels of everything beyond a metric's limit, in the words of OpenTelemetry's SDKs. */
export const OVERFLOW: Attributes = { "otel.metric.overflow": true };

/**
 * The values of one label: the first ones keep their names, all others are `other`. So callers, who choose features,
 * models and metadata, cannot fill the memory of whoever stores the metrics.
 */
export class BoundedLabel {
  readonly #limit: number;
  readonly #known: Set<string>;

  /** `always` keep their names whatever comes before them; they do not count against the limit. */
  constructor(limit: number, always: Iterable<string> = []) {
    this.#known = new Set(always);
    this.#limit = limit + this.#known.size;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#limit) return OTHER;
    this.#known.add(value);
    return value;
  }

  /** The name of a value that has one; `other` for all else. */
  find(value: string): string {
    return this.#known.has(value) ? value : OTHER;
  }
}

/**
 * The sets of labels of one metric. Bounded labels alone do not bound it: their combinations multiply. The SDK's own
 * limit (sdk-metrics 3.1) counts what came since the last collection, and forgets: a metric grows with each one.
 */
export class BoundedSeries {
  readonly #limit: number;
  readonly #known = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * `detailed` while the metric is at most half full; then, of sets not yet known, only `coarse` ones; and where those
   * do not fit either, one set for all. So sums by what `coarse` keeps stay right for long.
   */
  of(detailed: Attributes, coarse: () => Attributes): Attributes {
    if (this.#fits(detailed, this.#limit / 2)) return detailed;
    const labels = coarse();
    return this.#fits(labels, this.#limit) ? labels : OVERFLOW;
  }

  #fits(labels: Attributes, limit: number): boolean {
    const key = JSON.stringify(labels);
    if (this.#known.has(key)) return true;
    if (this.#known.size >= limit) return false;
    this.#known.add(key);
    return true;
  }
}

export interface LabelOptions {
  readonly maxFeatures: number;
  /** Of each: models, prompt versions, values of one cohort. */
  readonly maxOthers: number;
  /** Keys of callers' metadata. */
  readonly cohorts: readonly string[];
  /** Models that the configuration names: they always keep their names. */
  readonly models: Iterable<string>;
}

/** Labels of a call's metrics. Users and sessions are none of them, whatever is configured. */
export class Labels {
  readonly features: BoundedLabel;
  readonly models: BoundedLabel;
  /** As upstreams name those that answered. */
  readonly servedModels: BoundedLabel;
  readonly promptVersions: BoundedLabel;
  readonly #cohorts: readonly { readonly key: string; readonly label: string; readonly values: BoundedLabel }[];

  constructor({ maxFeatures, maxOthers, cohorts, models }: LabelOptions) {
    this.features = new BoundedLabel(maxFeatures);
    this.models = new BoundedLabel(maxOthers, models);
    this.servedModels = new BoundedLabel(maxOthers);
    this.promptVersions = new BoundedLabel(maxOthers);
    this.#cohorts = cohorts.map((key) => ({
      key,
      label: own.cohortPrefix + key,
      values: new BoundedLabel(maxOthers),
    }));
  }

  /** The cohorts that the caller's metadata names. */
  cohorts(attribution: Attribution | undefined): Attributes {
    const labels: Attributes = {};
    for (const { key, label, values } of this.#cohorts) {
      // Keys are the operator's choice: one may be a name that every object has.
      const value = attribution !== undefined && Object.hasOwn(attribution.metadata, key) && attribution.metadata[key];
      if (typeof value === "string") labels[label] = values.of(value);
    }
    return labels;
  }

  /** Bounds the model of `provider/model`. */
  target(name: string): string {
    return `${providerOf(name)}/${this.models.of(name.slice(providerOf(name).length + 1))}`;
  }
}

/** `provider/model` without saying which model. */
export function withoutModel(target: string): string {
  return `${providerOf(target)}/${OTHER}`;
}

/** Names of providers have no slash; those of models may. */
function providerOf(target: string): string {
  return target.split("/", 1)[0] ?? "";
}

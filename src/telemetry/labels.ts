import type { Attribution } from "../domain/contract.ts";
import { own } from "./names.ts";

/** Stands for every value beyond a label's limit. */
const OTHER = "other";

/**
 * The values of one label: the first ones keep their names, all others are `other`. So callers, who choose features,
 * models and metadata, cannot fill the memory of whoever stores the metrics.
 */
export class BoundedLabel {
  readonly #limit: number;
  readonly #known = new Set<string>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= this.#limit) return OTHER;
    this.#known.add(value);
    return value;
  }
}

export interface LabelLimits {
  readonly features: number;
  /** Of each: models, prompt versions, values of one cohort. */
  readonly others: number;
}

/** Labels of a call's metrics. Users and sessions are none of them, whatever is configured. */
export class Labels {
  readonly features: BoundedLabel;
  readonly models: BoundedLabel;
  readonly promptVersions: BoundedLabel;
  readonly #cohorts: readonly { readonly key: string; readonly label: string; readonly values: BoundedLabel }[];

  constructor(limits: LabelLimits, cohorts: readonly string[]) {
    this.features = new BoundedLabel(limits.features);
    this.models = new BoundedLabel(limits.others);
    this.promptVersions = new BoundedLabel(limits.others);
    this.#cohorts = cohorts.map((key) => ({
      key,
      label: own.cohortPrefix + key,
      values: new BoundedLabel(limits.others),
    }));
  }

  /** Adds the cohorts that the caller's metadata names. */
  addCohorts(labels: Record<string, string>, { metadata }: Attribution): void {
    for (const { key, label, values } of this.#cohorts) {
      const value = metadata[key];
      if (value !== undefined) labels[label] = values.of(value);
    }
  }
}

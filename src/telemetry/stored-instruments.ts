import type { Attributes } from "@opentelemetry/api";
import { OVERFLOW } from "./labels.ts";

export interface InstrumentOptions {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
}

/** Most series of one instrument, as in the SDK; what comes beyond goes into one that says so. */
const MAX_SERIES = 2000;

/** Series of one instrument by their labels. */
class SeriesMap<S> {
  readonly #create: (labels: Attributes) => S;
  readonly #series = new Map<string, S>();

  constructor(create: (labels: Attributes) => S) {
    this.#create = create;
  }

  /** The one with these labels, made where there is none yet. Labels are told apart in the order that they come in. */
  find(labels: Attributes): S {
    const full = this.#series.size >= MAX_SERIES;
    const key = JSON.stringify(labels);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (full && labels !== OVERFLOW) return this.find(OVERFLOW);
    const series = this.#create(labels);
    this.#series.set(key, series);
    return series;
  }

  all(): Iterable<S> {
    return this.#series.values();
  }
}

/** One set of labels of a counter, to be kept by who adds to it often. */
export class CounterSeries {
  readonly labels: Attributes;
  sum = 0;

  constructor(labels: Attributes) {
    this.labels = labels;
  }

  add(value: number): void {
    this.sum += value;
  }
}

/** One set of labels of a histogram, to be kept by who records it often. */
export class HistogramSeries {
  readonly labels: Attributes;
  readonly boundaries: readonly number[];
  readonly counts: number[];
  sum = 0;
  count = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;

  constructor(labels: Attributes, boundaries: readonly number[]) {
    this.labels = labels;
    this.boundaries = boundaries;
    this.counts = new Array<number>(boundaries.length + 1).fill(0);
  }

  record(value: number): void {
    let bucket = 0;
    while (bucket < this.boundaries.length && value > (this.boundaries[bucket] ?? 0)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
    this.count++;
    if (value < this.min) this.min = value;
    if (value > this.max) this.max = value;
  }
}

export class StoredCounter {
  readonly options: InstrumentOptions;
  readonly #series = new SeriesMap((labels) => new CounterSeries(labels));

  constructor(options: InstrumentOptions) {
    this.options = options;
  }

  series(labels: Attributes): CounterSeries {
    return this.#series.find(labels);
  }

  all(): Iterable<CounterSeries> {
    return this.#series.all();
  }
}

export class StoredHistogram {
  readonly options: InstrumentOptions;
  readonly #series: SeriesMap<HistogramSeries>;

  constructor(options: InstrumentOptions, boundaries: readonly number[]) {
    this.options = options;
    this.#series = new SeriesMap((labels) => new HistogramSeries(labels, boundaries));
  }

  series(labels: Attributes): HistogramSeries {
    return this.#series.find(labels);
  }

  all(): Iterable<HistogramSeries> {
    return this.#series.all();
  }
}

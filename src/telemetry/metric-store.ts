import { type HrTime, ValueType } from "@opentelemetry/api";
import type { InstrumentationScope } from "@opentelemetry/core";
import { emptyResource } from "@opentelemetry/resources";
import {
  AggregationTemporality,
  type AggregationTemporalitySelector,
  type DataPoint,
  DataPointType,
  type Histogram,
  InstrumentType,
  type MetricData,
  type MetricProducer,
} from "@opentelemetry/sdk-metrics";
import {
  type CounterSeries,
  type HistogramSeries,
  type InstrumentOptions,
  StoredCounter,
  StoredHistogram,
} from "./stored-instruments.ts";

/**
 * Aggregates what is recorded with every call, and hands it to the SDK's readers as a producer: page and exporters are
 * the SDK's. Its own instruments sort and print the labels at each record, once for each reader, which took a tenth of
 * a call's CPU (`npm run bench`); here whoever records often keeps the series, and a record is an addition.
 */
export class MetricStore {
  readonly #scope: InstrumentationScope;
  readonly #wallNow: () => number;
  readonly #startedAt: HrTime;
  readonly #counters: StoredCounter[] = [];
  readonly #histograms: StoredHistogram[] = [];

  /** `wallNow`: ms since 1970. */
  constructor(scope: InstrumentationScope, wallNow: () => number) {
    this.#scope = scope;
    this.#wallNow = wallNow;
    this.#startedAt = toHrTime(wallNow());
  }

  counter(options: InstrumentOptions): StoredCounter {
    const counter = new StoredCounter(options);
    this.#counters.push(counter);
    return counter;
  }

  histogram(options: InstrumentOptions, boundaries: readonly number[]): StoredHistogram {
    const histogram = new StoredHistogram(options, boundaries);
    this.#histograms.push(histogram);
    return histogram;
  }

  /** For one reader, which may want what was added since it last asked. */
  producer(temporalityOf: AggregationTemporalitySelector): MetricProducer {
    const told = new Told(this.#startedAt);
    return {
      collect: () => {
        const endTime = toHrTime(this.#wallNow());
        const metrics: MetricData[] = [];
        const ofCounters = temporalityOf(InstrumentType.COUNTER);
        for (const counter of this.#counters) {
          const dataPoints = told.totals(counter.all(), ofCounters, endTime);
          if (dataPoints.length === 0) continue;
          metrics.push({
            ...head(counter.options, ofCounters),
            dataPointType: DataPointType.SUM,
            isMonotonic: true,
            dataPoints,
          });
        }
        const ofHistograms = temporalityOf(InstrumentType.HISTOGRAM);
        for (const histogram of this.#histograms) {
          const dataPoints = told.distributions(histogram.all(), ofHistograms, endTime);
          if (dataPoints.length === 0) continue;
          metrics.push({
            ...head(histogram.options, ofHistograms),
            dataPointType: DataPointType.HISTOGRAM,
            dataPoints,
          });
        }
        told.asked(endTime);
        const scopeMetrics = metrics.length === 0 ? [] : [{ scope: this.#scope, metrics }];
        return Promise.resolve({ resourceMetrics: { resource: emptyResource(), scopeMetrics }, errors: [] });
      },
    };
  }
}

/** What a reader has been told already, for readers that want differences. Series without a record are not told of. */
class Told {
  readonly #firstTime: HrTime;
  #lastTime: HrTime;
  readonly #totals = new WeakMap<CounterSeries, number>();
  readonly #distributions = new WeakMap<HistogramSeries, Pick<HistogramSeries, "counts" | "sum" | "count">>();

  constructor(startTime: HrTime) {
    this.#firstTime = startTime;
    this.#lastTime = startTime;
  }

  asked(at: HrTime): void {
    this.#lastTime = at;
  }

  totals(all: Iterable<CounterSeries>, temporality: AggregationTemporality, endTime: HrTime): DataPoint<number>[] {
    const points: DataPoint<number>[] = [];
    for (const series of all) {
      const { labels: attributes, sum } = series;
      if (temporality === AggregationTemporality.CUMULATIVE) {
        if (sum !== 0) points.push({ startTime: this.#firstTime, endTime, attributes, value: sum });
        continue;
      }
      const before = this.#totals.get(series) ?? 0;
      this.#totals.set(series, sum);
      if (sum !== before) points.push({ startTime: this.#lastTime, endTime, attributes, value: sum - before });
    }
    return points;
  }

  distributions(
    all: Iterable<HistogramSeries>,
    temporality: AggregationTemporality,
    endTime: HrTime,
  ): DataPoint<Histogram>[] {
    const points: DataPoint<Histogram>[] = [];
    for (const series of all) {
      const { labels: attributes, boundaries, counts, sum, count, min, max } = series;
      if (temporality === AggregationTemporality.CUMULATIVE) {
        const buckets = { boundaries: [...boundaries], counts: [...counts] };
        const value = { buckets, sum, count, min, max };
        if (count > 0) points.push({ startTime: this.#firstTime, endTime, attributes, value });
        continue;
      }
      const before = this.#distributions.get(series);
      this.#distributions.set(series, { counts: [...counts], sum, count });
      if (count === (before?.count ?? 0)) continue;
      const added = counts.map((one, at) => one - (before?.counts[at] ?? 0));
      points.push({
        startTime: this.#lastTime,
        endTime,
        attributes,
        // The least and the most since then are not known.
        value: {
          buckets: { boundaries: [...boundaries], counts: added },
          sum: sum - (before?.sum ?? 0),
          count: count - (before?.count ?? 0),
        },
      });
    }
    return points;
  }
}

function head({ name, unit, description }: InstrumentOptions, aggregationTemporality: AggregationTemporality) {
  return { descriptor: { name, unit, description, valueType: ValueType.DOUBLE }, aggregationTemporality };
}

function toHrTime(wallMs: number): HrTime {
  const seconds = Math.floor(wallMs / 1000);
  return [seconds, Math.round((wallMs - seconds * 1000) * 1e6)];
}

import { AggregationTemporality, InstrumentType, MeterProvider, MetricReader } from "@opentelemetry/sdk-metrics";
import { expect, test } from "vitest";
import { MetricStore } from "../../src/telemetry/metric-store.ts";

class Reader extends MetricReader {
  protected override onForceFlush(): Promise<void> {
    return Promise.resolve();
  }
  protected override onShutdown(): Promise<void> {
    return Promise.resolve();
  }
}

function openStore() {
  let now = 1_000_500;
  const store = new MetricStore({ name: "test", version: "1" }, () => now);
  /** What a reader with this preference is told when it asks. */
  const reader = (temporality: AggregationTemporality) => {
    const producer = store.producer(() => temporality);
    const metricReader = new Reader({ metricProducers: [producer] });
    new MeterProvider({ readers: [metricReader] });
    return async () => {
      const { resourceMetrics, errors } = await metricReader.collect();
      expect(errors).toEqual([]);
      return resourceMetrics.scopeMetrics.flatMap(({ metrics }) =>
        metrics.map(({ descriptor, dataPoints, aggregationTemporality }) => ({
          name: descriptor.name,
          aggregationTemporality,
          points: dataPoints.map(({ attributes, value, startTime, endTime }) => ({
            attributes,
            value,
            from: startTime,
            to: endTime,
          })),
        })),
      );
    };
  };
  const later = (ms: number): void => {
    now += ms;
  };
  return { store, reader, later };
}

const options = { name: "calls", unit: "1", description: "Calls." };
const { CUMULATIVE, DELTA } = AggregationTemporality;

test("a counter adds up by its labels", async () => {
  const { store, reader } = openStore();
  const counter = store.counter(options);
  counter.series({ feature: "a" }).add(1);
  counter.series({ feature: "a", reason: "late" }).add(2);
  counter.series({ feature: "a" }).add(3);
  const [metric] = await reader(CUMULATIVE)();
  expect(metric?.points.map(({ attributes, value }) => ({ attributes, value }))).toEqual([
    { attributes: { feature: "a" }, value: 4 },
    { attributes: { feature: "a", reason: "late" }, value: 2 },
  ]);
});

test("a histogram counts a value into the first bucket whose boundary it does not exceed", async () => {
  const { store, reader } = openStore();
  const histogram = store.histogram(options, [1, 2, 5]);
  for (const value of [0, 1, 1.5, 2, 5, 5.1]) histogram.series({ feature: "a" }).record(value);
  const [metric] = await reader(CUMULATIVE)();
  expect(metric?.points.map(({ value }) => value)).toEqual([
    { buckets: { boundaries: [1, 2, 5], counts: [2, 2, 1, 1] }, sum: 14.6, count: 6, min: 0, max: 5.1 },
  ]);
});

test("a reader that wants differences gets what was added since it last asked, and others are not disturbed", async () => {
  const { store, reader, later } = openStore();
  const counter = store.counter(options);
  const histogram = store.histogram({ ...options, name: "times" }, [1]);
  const [whole, added] = [reader(CUMULATIVE), reader(DELTA)];
  counter.series({ feature: "a" }).add(5);
  histogram.series({ feature: "a" }).record(0.5);
  later(1000);
  expect((await added()).map(({ points }) => points)).toEqual([
    [{ attributes: { feature: "a" }, value: 5, from: [1000, 500_000_000], to: [1001, 500_000_000] }],
    [
      {
        attributes: { feature: "a" },
        value: { buckets: { boundaries: [1], counts: [1, 0] }, sum: 0.5, count: 1 },
        from: [1000, 500_000_000],
        to: [1001, 500_000_000],
      },
    ],
  ]);
  later(1000);
  expect(await added()).toEqual([]);
  counter.series({ feature: "a" }).add(2);
  histogram.series({ feature: "a" }).record(3);
  later(1000);
  expect((await added()).map(({ aggregationTemporality, points }) => [aggregationTemporality, points])).toEqual([
    [DELTA, [{ attributes: { feature: "a" }, value: 2, from: [1002, 500_000_000], to: [1003, 500_000_000] }]],
    [
      DELTA,
      [
        {
          attributes: { feature: "a" },
          value: { buckets: { boundaries: [1], counts: [0, 1] }, sum: 3, count: 1 },
          from: [1002, 500_000_000],
          to: [1003, 500_000_000],
        },
      ],
    ],
  ]);
  expect((await whole())[0]?.points).toMatchObject([{ value: 7, from: [1000, 500_000_000] }]);
});

test("beyond 2000 series everything goes into one that says so", async () => {
  const { store, reader } = openStore();
  const counter = store.counter(options);
  for (let at = 0; at < 10_000; at++) counter.series({ feature: `feature-${at}` }).add(1);
  const [metric] = await reader(CUMULATIVE)();
  expect(metric?.points.length).toBe(2001);
  expect(metric?.points.at(-1)).toMatchObject({ attributes: { "otel.metric.overflow": true }, value: 8000 });
});

test("a preference may differ by the kind of instrument", async () => {
  const { store } = openStore();
  store.counter(options).series({ feature: "a" }).add(1);
  store
    .histogram({ ...options, name: "times" }, [1])
    .series({ feature: "a" })
    .record(1);
  const producer = store.producer((type) => (type === InstrumentType.COUNTER ? DELTA : CUMULATIVE));
  const { resourceMetrics } = await producer.collect();
  expect(resourceMetrics.scopeMetrics[0]?.metrics.map((metric) => metric.aggregationTemporality)).toEqual([
    DELTA,
    CUMULATIVE,
  ]);
});

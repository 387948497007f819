/** Labels are bounded: callers choose features, models, versions and metadata, but not the size of the page. */
import { expect, onTestFinished, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { openSimulator } from "../../src/simulator/server.ts";
import { BoundedLabel, BoundedSeries } from "../../src/telemetry/labels.ts";
import { COUNTER_SERIES, HISTOGRAM_SERIES } from "../../src/telemetry/metrics.ts";
import { ask, startGateway } from "../support/gateway.ts";
import { measure, tellCall } from "./measured-calls.ts";
import { type Metric, type Metrics, parseMetrics, readPage } from "./metrics-page.ts";

const CALLS = 10_000;

/** Values of each label. */
const VALUES = 20;

/** Whole numbers below `end`: random, but the same in each run. */
function createRandom(seed: number): (end: number) => number {
  let state = seed;
  return (end) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  };
}

const reasons = [ErrorReason.UPSTREAM_ERROR, ErrorReason.UPSTREAM_TIMEOUT, ErrorReason.UPSTREAM_OVERLOADED];

const labels = [
  "sluice_feature",
  "sluice_model",
  "gen_ai_request_model",
  "gen_ai_response_model",
  "sluice_prompt_version",
  "sluice_cohort_plan",
  "sluice_cohort_region",
] as const;

/** Most series of each metric: labels that go over their limit have one more value, and so do metrics. */
const limits: Readonly<Record<string, number>> = {
  target_info: 1,
  rpc_server_call_duration_seconds: 1,
  gen_ai_client_operation_duration_seconds: 2 * (HISTOGRAM_SERIES + 1),
  gen_ai_client_token_usage: 2 * (HISTOGRAM_SERIES + 1),
  gen_ai_client_operation_time_to_first_chunk_seconds: HISTOGRAM_SERIES + 1,
  gen_ai_client_operation_time_per_output_chunk_seconds: VALUES + 2,
  sluice_requests_total: COUNTER_SERIES + 1,
  sluice_failovers_total: COUNTER_SERIES + 1,
  sluice_cost_USD_total: COUNTER_SERIES + 1,
  sluice_call_duration_seconds: VALUES + 2,
  sluice_time_to_first_token_seconds: VALUES + 2,
  sluice_overhead_seconds: 1,
  sluice_output_tokens_per_second: VALUES + 2,
};

const total = (metric: Metric | undefined, label?: string, value?: string): number =>
  (metric?.data ?? [])
    .filter(({ labels }) => label === undefined || labels[label] === value)
    .reduce((sum, series) => sum + (series.value ?? series.count ?? 0), 0);

function valuesOf(metrics: Metrics, label: string): string[] {
  const all = Object.values(metrics).flatMap(({ data }) => data.flatMap(({ labels }) => labels[label] ?? []));
  return [...new Set(all)].sort();
}

test.each([
  { of: "names that nobody else uses", names: 2 ** 32 },
  // Bounded labels multiply: 30 features, models, versions, plans and regions make 24 million combinations.
  { of: "a few names, in ever new combinations", names: 30 },
])("10,000 calls of $of fill no page", async ({ names }) => {
  const random = createRandom(7);
  const { metrics, read } = await measure({ maxFeatures: VALUES, maxOthers: VALUES, cohorts: ["plan", "region"] });
  for (let call = 0; call < CALLS; call++) {
    tellCall(metrics, {
      // Every tenth call is of one feature: it was there before the flood.
      feature: call % 10 === 0 ? "steady" : `feature-${random(names)}`,
      userId: `user-${random(2 ** 32)}`,
      sessionId: `session-${random(2 ** 32)}`,
      promptVersion: `v-${random(names)}`,
      metadata: { plan: `plan-${random(names)}`, region: `region-${random(names)}`, user: `user-${random(2 ** 32)}` },
      model: `model-${random(names)}`,
      servedModel: `served-${random(names)}`,
      reason: reasons[call % 3] ?? ErrorReason.UPSTREAM_ERROR,
    });
    // The SDK forgets what it has counted with each reading.
    if (call % 1000 === 0) await read();
  }
  const page = await read();
  const found = await parseMetrics(page);
  for (const [name, { data }] of Object.entries(found)) {
    expect.soft(data.length, name).toBeLessThanOrEqual(limits[name] ?? 0);
  }
  expect(page).not.toMatch(/user|session/);
  const counts = labels.map((label) => [
    label,
    valuesOf(found, label).length,
    valuesOf(found, label).includes("other"),
  ]);
  expect(counts).toEqual(labels.map((label) => [label, VALUES + 1, true]));
  // Nothing is lost, and what was known before the flood is still told apart.
  const requests = found.sluice_requests_total;
  const cost = found.sluice_cost_USD_total;
  expect([total(requests), total(cost)]).toEqual([CALLS, CALLS]);
  expect(total(requests, "sluice_feature", "steady")).toBe(CALLS / 10);
  expect(total(cost, "sluice_feature", "steady")).toBe(CALLS / 10);
  expect(total(found.gen_ai_client_operation_duration_seconds)).toBe(2 * CALLS);
  expect(total(found.sluice_failovers_total)).toBe(CALLS);
});

test("combinations beyond a metric's limit lose their details, then their names, but are counted", () => {
  const series = new BoundedSeries(4);
  const of = (feature: string, plan: string) => series.of({ feature, plan }, () => ({ feature, plan: "other" }));
  const overflow = { "otel.metric.overflow": true };
  expect([of("a", "1"), of("a", "2")]).toEqual([
    { feature: "a", plan: "1" },
    { feature: "a", plan: "2" },
  ]);
  expect([of("a", "3"), of("a", "4"), of("b", "1")]).toEqual([
    { feature: "a", plan: "other" },
    { feature: "a", plan: "other" },
    { feature: "b", plan: "other" },
  ]);
  expect([of("c", "1"), of("b", "2"), of("a", "1")]).toEqual([
    overflow,
    { feature: "b", plan: "other" },
    { feature: "a", plan: "1" },
  ]);
});

test("a label keeps the names that came first, and those that it knew before", () => {
  const label = new BoundedLabel(2, ["configured"]);
  expect(["a", "b", "c", "a", "configured"].map((value) => label.of(value))).toEqual([
    "a",
    "b",
    "other",
    "a",
    "configured",
  ]);
  expect(["a", "c"].map((value) => label.find(value))).toEqual(["a", "other"]);
});

test("a refused request makes no label of its feature, its cohort or its version", async () => {
  const { metrics, read } = await measure({ cohorts: ["plan"] });
  tellCall(metrics, { feature: "known" });
  for (const feature of ["known", "unknown", 'Not Valid {}\n"', ""]) {
    tellCall(metrics, {
      feature,
      outcome: "rejected",
      reason: ErrorReason.INVALID_REQUEST,
      promptVersion: "v1",
      metadata: { plan: "x" },
    });
  }
  const found = (await parseMetrics(await read())).sluice_requests_total?.data.map(({ labels, value }) => [
    ...Object.values(labels),
    value,
  ]);
  expect(found).toEqual([
    ["known", "answered", "house", "model", 1],
    ["known", "rejected", "INVALID_REQUEST", 1],
    ["other", "rejected", "INVALID_REQUEST", 3],
  ]);
});

test("values that a page must escape come back as they were", async () => {
  const { metrics, read } = await measure({ cohorts: ["plan", "constructor", "__proto__"] });
  const plan = 'a "quoted" back\\slash, {braces} = and\nlines – 水';
  tellCall(metrics, { metadata: { plan }, promptVersion: plan });
  const parsed = await parseMetrics(await read());
  expect(parsed.sluice_cost_USD_total?.data).toEqual([
    {
      labels: {
        sluice_provider: "house",
        sluice_model: "model",
        sluice_feature: "feature",
        sluice_cohort_plan: plan,
        sluice_prompt_version: plan,
      },
      value: 1,
    },
  ]);
});

test("speed is of the tokens after the first one", async () => {
  const { metrics, read } = await measure();
  tellCall(metrics, {});
  const [speed] = (await parseMetrics(await read())).sluice_output_tokens_per_second?.data ?? [];
  // 19 tokens in 1.9 s; the failed attempt has no speed.
  expect([speed?.count, speed?.sum]).toEqual([1, 10]);
});

test("callers that make names up on real sockets fill no page", async () => {
  const simulator = await openSimulator();
  onTestFinished(() => simulator.close());
  const gateway = await startGateway(
    JSON.stringify({
      providers: { house: { dialect: "openai-chat", base_url: simulator.url } },
      models: { known: { targets: ["house/echo"] } },
      prices: { "house/*": { input: 1, output: 2 } },
      telemetry: { max_features: 3, max_label_values: 4, cohorts: ["plan"] },
    }),
  );
  onTestFinished(() => gateway.close());
  const call = async (n: number): Promise<void> => {
    const attribution = {
      feature: n % 5 === 4 ? `Bad Feature ${n}` : `feature-${n}`,
      userId: `user-${n}`,
      sessionId: `session-${n}`,
      promptVersion: `v-${n}`,
      metadata: { plan: `plan-${n}`, user: `user-${n}` },
    };
    const model = n % 2 === 0 ? `house/text:tokens=${n + 1}` : `house/unheard-of-${n}`;
    await gateway.client.complete({ ...ask(model), attribution }).catch(() => {});
  };
  for (let n = 0; n < 200; n += 10) await Promise.all(Array.from({ length: 10 }, (_, at) => call(n + at)));
  await gateway.client.complete({ ...ask("known"), attribution: { feature: "late" } });
  const page = await readPage(gateway.httpAddress);
  const metrics = await parseMetrics(page);
  expect(page).not.toMatch(/user|session|Bad/);
  const count = (label: string): number => valuesOf(metrics, label).length;
  expect({
    features: count("sluice_feature"),
    models: count("gen_ai_request_model"),
    versions: count("sluice_prompt_version"),
    plans: count("sluice_cohort_plan"),
    requests: total(metrics.sluice_requests_total),
  }).toEqual({ features: 4, models: 6, versions: 5, plans: 5, requests: 201 });
  expect(valuesOf(metrics, "gen_ai_request_model")).toContain("echo");
});

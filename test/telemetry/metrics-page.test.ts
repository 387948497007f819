/** Every metric on the page for Prometheus, after calls that ended in every way. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadCatalogue } from "../../src/pricing/catalogue.ts";
import type { TestGateway } from "../support/gateway.ts";
import { type Metrics, parseMetrics, readPage, type Series, tell } from "./metrics-page.ts";
import { openScriptedGateway } from "./scripted-calls.ts";

const rpcBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];
const genAiBuckets = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92];
const tokenBuckets = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864];
const overheadBuckets = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];
const speedBuckets = [1, 2.5, 5, 10, 20, 40, 60, 80, 100, 150, 200, 400, 800, 1600];

interface Row {
  readonly name: string;
  readonly type: string;
  readonly unit?: string;
  /** Bounds of a histogram's buckets. */
  readonly buckets?: readonly number[];
}

/** Everything on the page. */
const expected: readonly Row[] = [
  { name: "target_info", type: "gauge" },
  { name: "rpc_server_call_duration_seconds", type: "histogram", unit: "s", buckets: rpcBuckets },
  { name: "gen_ai_client_operation_duration_seconds", type: "histogram", unit: "s", buckets: genAiBuckets },
  { name: "gen_ai_client_token_usage", type: "histogram", unit: "{token}", buckets: tokenBuckets },
  { name: "gen_ai_client_operation_time_to_first_chunk_seconds", type: "histogram", unit: "s", buckets: genAiBuckets },
  {
    name: "gen_ai_client_operation_time_per_output_chunk_seconds",
    type: "histogram",
    unit: "s",
    buckets: genAiBuckets,
  },
  { name: "sluice_requests_total", type: "counter", unit: "{request}" },
  { name: "sluice_retries_total", type: "counter", unit: "{retry}" },
  { name: "sluice_failovers_total", type: "counter", unit: "{failover}" },
  { name: "sluice_cost_USD_total", type: "counter", unit: "USD" },
  { name: "sluice_cost_unpriced_total", type: "counter", unit: "{attempt}" },
  { name: "sluice_call_duration_seconds", type: "histogram", unit: "s", buckets: genAiBuckets },
  { name: "sluice_time_to_first_token_seconds", type: "histogram", unit: "s", buckets: genAiBuckets },
  { name: "sluice_overhead_seconds", type: "histogram", unit: "s", buckets: overheadBuckets },
  { name: "sluice_output_tokens_per_second", type: "histogram", unit: "{token}/s", buckets: speedBuckets },
  { name: "sluice_calls_open", type: "gauge", unit: "{call}" },
  { name: "sluice_calls_limit", type: "gauge", unit: "{call}" },
  { name: "sluice_overload_level", type: "gauge", unit: "1" },
  { name: "sluice_queue_length", type: "gauge", unit: "{call}" },
  { name: "sluice_upstream_connections", type: "gauge", unit: "{connection}" },
  { name: "sluice_target_breaker", type: "gauge", unit: "1" },
  { name: "sluice_prices_updated_seconds", type: "gauge", unit: "s" },
  { name: "nodejs_eventloop_delay_max_seconds", type: "gauge", unit: "s" },
  { name: "nodejs_eventloop_delay_mean_seconds", type: "gauge", unit: "s" },
  { name: "nodejs_eventloop_delay_p50_seconds", type: "gauge", unit: "s" },
  { name: "nodejs_eventloop_delay_p99_seconds", type: "gauge", unit: "s" },
];

let gateway: TestGateway;
let page: string;
let metrics: Metrics;

beforeAll(async () => {
  gateway = await openScriptedGateway();
  page = await readPage(gateway.httpAddress);
  metrics = await parseMetrics(page);
});

afterAll(() => gateway.close());

function boundsOf({ buckets = {} }: Series): number[] {
  return Object.keys(buckets)
    .map((bound) => Number(bound.replace("+Inf", "Infinity")))
    .sort((a, b) => a - b);
}

test("the page holds these metrics and no others", () => {
  expect(Object.keys(metrics).sort()).toEqual(expected.map(({ name }) => name).sort());
});

test.each(expected)("$name is a $type in $unit", ({ name, type, unit, buckets }) => {
  const { type: found, help, data } = metrics[name] ?? { type: "", help: "", data: [] };
  const bounds = [...new Set(data.map((series) => boundsOf(series).join()))];
  expect({ type: found, bounds, described: help !== "" }).toEqual({
    type,
    bounds: [buckets === undefined ? "" : [...buckets, Number.POSITIVE_INFINITY].join()],
    described: true,
  });
  expect(page.includes(`# UNIT ${name} ${unit}\n`)).toBe(unit !== undefined);
});

/** How far the cancelled call and the open one came is up to the clock: their values are left out. */
function tellTimeless(name: string): string[] {
  const port = /server_address=127.0.0.1 server_port=\d+/;
  return tell(metrics[name]).map((line) =>
    line.replace(/(rate=(?:50|20)\b.*): [\d.e-]+$/, "$1").replace(port, "AT_HOUSE"),
  );
}

/** Labels of an attempt that was asked for this model. */
function attempt(provider: string, model: string, more: { error?: string; served?: boolean; type?: string } = {}) {
  const { error, served = true, type } = more;
  return [
    ...(error === undefined ? [] : [`error_type=${error}`]),
    "gen_ai_operation_name=chat",
    `gen_ai_provider_name=${provider}`,
    `gen_ai_request_model=${model}`,
    ...(served ? [`gen_ai_response_model=${model}`] : []),
    ...(type === undefined ? [] : [`gen_ai_token_type=${type}`]),
    `provider=${provider}`,
    "AT_HOUSE",
  ].join(" ");
}

const cancelledModel = "text:tokens=1000:rate=50";
const pacedModel = "text:tokens=20:rate=400";
const complete = "rpc_method=sluice.v1.GatewayService/Complete";
const stream = "rpc_method=sluice.v1.GatewayService/Stream";

test.each([
  ["target_info", ["service_name=sluice service_version=0.0.0-test: 1"]],
  [
    "rpc_server_call_duration_seconds",
    [
      `error_type=UPSTREAM_TRUNCATED ${stream} rpc_response_status_code=UNAVAILABLE rpc_system_name=grpc: 1`,
      `${complete} rpc_response_status_code=INVALID_ARGUMENT rpc_system_name=grpc: 3`,
      `${complete} rpc_response_status_code=NOT_FOUND rpc_system_name=grpc: 1`,
      `${complete} rpc_response_status_code=OK rpc_system_name=grpc: 4`,
      `${stream} rpc_response_status_code=CANCELLED rpc_system_name=grpc: 1`,
      `${stream} rpc_response_status_code=OK rpc_system_name=grpc: 1`,
    ],
  ],
  [
    "gen_ai_client_operation_duration_seconds",
    [
      `${attempt("house", cancelledModel, { error: "CANCELLED" })}`,
      `${attempt("house", "fault.context-length", { error: "CONTEXT_LENGTH_EXCEEDED", served: false })}: 1`,
      `${attempt("house", "flaky:fail=1", { error: "UPSTREAM_OVERLOADED", served: false })}: 1`,
      `${attempt("house", "fault.insufficient-quota", { error: "UPSTREAM_QUOTA_EXHAUSTED", served: false })}: 1`,
      `${attempt("house", "fault.cut-mid-stream", { error: "UPSTREAM_TRUNCATED" })}: 1`,
      `${attempt("annex", "text:tokens=3")}: 1`,
      `${attempt("annex", "text:tokens=7")}: 1`,
      `${attempt("house", "flaky:fail=1")}: 1`,
      `${attempt("house", pacedModel)}: 1`,
      `${attempt("house", "text:tokens=5")}: 1`,
    ],
  ],
  [
    "gen_ai_client_token_usage",
    [
      ["annex", "text:tokens=3"],
      ["annex", "text:tokens=7"],
      ["house", "fault.cut-mid-stream"],
      ["house", "flaky:fail=1"],
      ["house", cancelledModel],
      ["house", pacedModel],
      ["house", "text:tokens=5"],
    ].flatMap(([provider = "", model = ""]) =>
      ["input", "output"].map((type) => attempt(provider, model, { type }) + (model === cancelledModel ? "" : ": 1")),
    ),
  ],
  [
    "gen_ai_client_operation_time_to_first_chunk_seconds",
    [
      `${attempt("house", "fault.cut-mid-stream")}: 1`,
      attempt("house", cancelledModel),
      `${attempt("house", pacedModel)}: 1`,
    ],
  ],
  [
    "sluice_requests_total",
    [
      "cohort_plan=pro cohort_region_name=eu feature=chat model=text:tokens=5 outcome=answered provider=house: 1",
      "feature=chat model=fault.context-length outcome=failed provider=house reason=CONTEXT_LENGTH_EXCEEDED: 1",
      "feature=chat model=fault.cut-mid-stream outcome=failed provider=house reason=UPSTREAM_TRUNCATED: 1",
      `feature=chat model=${cancelledModel} outcome=cancelled provider=house reason=CANCELLED`,
      `feature=chat model=${pacedModel} outcome=answered provider=house: 1`,
      "feature=chat outcome=failed reason=MODEL_NOT_FOUND: 1",
      "feature=chat outcome=rejected reason=INVALID_REQUEST: 1",
      "feature=other outcome=rejected reason=INVALID_REQUEST: 1",
      "feature=search model=flaky:fail=1 outcome=answered provider=house: 1",
      "feature=search model=text:tokens=3 outcome=answered provider=annex: 1",
      "feature=search model=text:tokens=7 outcome=answered provider=annex: 1",
    ],
  ],
  ["sluice_retries_total", ["from=house/flaky:fail=1 reason=UPSTREAM_OVERLOADED to=house/flaky:fail=1: 1"]],
  [
    "sluice_failovers_total",
    ["from=house/fault.insufficient-quota reason=UPSTREAM_QUOTA_EXHAUSTED to=annex/text:tokens=3: 1"],
  ],
  [
    // 5 tokens of the prompt at 1 USD and those of the answer at 2 USD a million.
    "sluice_cost_USD_total",
    [
      "cohort_plan=pro cohort_region_name=eu feature=chat model=text:tokens=5 prompt_version=v3 provider=house: 0.000015",
      "feature=chat model=fault.cut-mid-stream provider=house: 0.000011",
      `feature=chat model=${cancelledModel} provider=house`,
      `feature=chat model=${pacedModel} prompt_version=v3 provider=house: 0.000045`,
      "feature=search model=flaky:fail=1 provider=house: 0.000025",
    ],
  ],
  ["sluice_cost_unpriced_total", ["model=text:tokens=3 provider=annex: 1", "model=text:tokens=7 provider=annex: 1"]],
  [
    "sluice_call_duration_seconds",
    [
      "feature=chat outcome=answered provider=house: 2",
      "feature=chat outcome=cancelled provider=house: 1",
      "feature=chat outcome=failed provider=house: 2",
      "feature=chat outcome=failed: 1",
      "feature=chat outcome=rejected: 1",
      "feature=other outcome=rejected: 1",
      "feature=search outcome=answered provider=annex: 2",
      "feature=search outcome=answered provider=house: 1",
    ],
  ],
  [
    "sluice_time_to_first_token_seconds",
    [
      "feature=chat outcome=answered provider=house: 1",
      "feature=chat outcome=cancelled provider=house: 1",
      "feature=chat outcome=failed provider=house: 1",
    ],
  ],
  ["sluice_overhead_seconds", ["delivery=stream: 3", "delivery=unary: 5"]],
  ["sluice_output_tokens_per_second", [`model=${pacedModel} provider=house: 1`]],
  ["sluice_calls_open", ["delivery=stream: 1", "delivery=unary: 0"]],
  [
    "sluice_upstream_connections",
    [
      "connection_state=busy provider=annex: 0",
      "connection_state=busy provider=house: 1",
      "connection_state=idle provider=annex: 1",
      "connection_state=idle provider=house: 0",
      "connection_state=waiting provider=annex: 0",
      "connection_state=waiting provider=house: 0",
    ],
  ],
  ["sluice_prices_updated_seconds", [`: ${Date.parse(loadCatalogue().date) / 1000}`]],
] as const)("%s tells what happened", (name, lines) => {
  expect(tellTimeless(name)).toEqual([...lines].sort());
});

test("sums are of tokens, and of seconds", () => {
  const ofPaced = (name: string): (number | undefined)[] =>
    metrics[name]?.data.filter(({ labels }) => Object.values(labels).includes(pacedModel)).map(({ sum }) => sum) ?? [];
  expect(ofPaced("gen_ai_client_token_usage")).toEqual([5, 20]);
  const [seconds = 0] = ofPaced("gen_ai_client_operation_duration_seconds");
  // 20 tokens at 400 a second: the last one is due 47.5 ms after the first.
  expect(seconds).toBeGreaterThan(0.047);
  expect(seconds).toBeLessThan(10);
});

test("pieces of an answer after the first one are timed, each by itself", () => {
  const pieces = metrics.gen_ai_client_operation_time_per_output_chunk_seconds?.data ?? [];
  const paced = pieces.find(({ labels }) => labels.gen_ai_request_model === pacedModel);
  // What a busy machine reads at once is one piece.
  expect(paced?.count).toBeGreaterThan(1);
  expect(paced?.count).toBeLessThanOrEqual(20);
});

test("nothing on the page tells of a user or a session", () => {
  expect(page).not.toMatch(/user-1|session-1|user_id|session_id/);
});

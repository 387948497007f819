/** The dashboard and the alerts ask only for metrics, labels and values that the gateway's page has. */
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import type { TestGateway } from "../support/gateway.ts";
import { type Metrics, parseMetrics, readPage } from "./metrics-page.ts";
import { parseQuery, type Selector } from "./promql.ts";
import { openScriptedGateway } from "./scripted-calls.ts";

const root = new URL("../../dashboards/", import.meta.url);

interface Panel {
  readonly title: string;
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const dashboard = JSON.parse(readFileSync(new URL("grafana.json", root), "utf8")) as {
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly { name: string; type: string; definition?: string }[] };
  readonly panels: readonly (Panel & { readonly gridPos: Readonly<Record<"x" | "y" | "w" | "h", number>> })[];
};

const alerts = parse(readFileSync(new URL("alerts.yaml", root), "utf8")) as {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly expr: string;
      readonly annotations: { readonly summary: string };
    }[];
  }[];
};

const rules = alerts.groups.flatMap((group) => group.rules);

/** What Grafana puts into a query. */
const inserted = { $__rate_interval: "5m", $__range: "6h", $cohort: "sluice_cohort_plan" };

/** Queries, each with the labels that its words name. */
const queries = [
  ...dashboard.panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ title, expr: insert(expr), words: insert(legendFormat) })),
  ),
  ...rules.map(({ alert, expr, annotations }) => ({
    title: alert,
    expr,
    words: annotations.summary.replaceAll("$labels.", ""),
  })),
];

function insert(text: string): string {
  return Object.entries(inserted).reduce((done, [variable, value]) => done.replaceAll(variable, value), text);
}

/** Labels that Prometheus adds to whatever it scrapes. */
const SCRAPED = ["instance", "job"];

let gateway: TestGateway;
let metrics: Metrics;
const collector = createServer((_, response) => response.writeHead(400).end());

beforeAll(async () => {
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  // Spans are sent one by one to a collector that takes none: what is lost has a metric too.
  gateway = await openScriptedGateway(
    { otlp: { endpoint, protocol: "http/protobuf" } },
    { environment: { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "1", OTEL_BSP_SCHEDULE_DELAY: "1" } },
  );
  await vi.waitFor(async () => {
    metrics = await parseMetrics(await readPage(gateway.httpAddress));
    expect(labelsOf("otel_sdk_processor_span_processed_total")).toContain("error_type");
  });
});

afterAll(async () => {
  await gateway.close();
  collector.closeAllConnections();
  await new Promise((resolve) => collector.close(resolve));
});

/** The metric that a name of a query is of: a histogram has three. */
function baseOf(name: string): string {
  const base = name.replace(/_(?:bucket|count|sum)$/, "");
  return metrics[base]?.type === "histogram" ? base : name;
}

function labelsOf(name: string): readonly string[] {
  const base = baseOf(name);
  // A histogram's own name is none of a series.
  if (metrics[base]?.type === "histogram" && base === name) return [];
  const labels = (metrics[base]?.data ?? []).flatMap((series) => Object.keys(series.labels));
  return [...new Set([...labels, ...SCRAPED, ...(name.endsWith("_bucket") ? ["le"] : [])])];
}

/** Whether a series has all these labels and values. */
function selects({ metric, matchers }: Selector): boolean {
  return (metrics[baseOf(metric)]?.data ?? []).some(({ labels }) =>
    matchers.every(({ label, operator, value }) => {
      // A variable stands for all values that there are.
      if (value.startsWith("$")) return true;
      const pattern = operator.includes("~") ? new RegExp(`^(?:${value})$`) : undefined;
      const found = labels[label] ?? "";
      return (pattern?.test(found) ?? found === value) !== operator.startsWith("!");
    }),
  );
}

describe.each(queries)("$title: $expr", ({ expr, words }) => {
  test("asks for what there is", () => {
    const { selectors, groupings } = parseQuery(expr);
    const missing = [
      ...selectors.filter(({ metric }) => labelsOf(metric).length === 0).map(({ metric }) => metric),
      ...selectors.flatMap(({ metric, matchers }) =>
        matchers.map(({ label }) => `${metric}{${label}}`).filter((_, at) => !has(metric, matchers[at]?.label ?? "")),
      ),
      ...groupings
        .filter(({ label, metrics: summed }) => !summed.every((metric) => has(metric, label)))
        .map(({ label }) => `by (${label})`),
    ];
    expect({ missing, selected: selectors.map(selects) }).toEqual({ missing: [], selected: selectors.map(() => true) });
  });

  test("names only labels that its result has", () => {
    const named = [...words.matchAll(/{{\s*\$?(\w+)\s*}}/g)].map(([, label]) => label).filter((one) => one !== "value");
    const { groupings } = parseQuery(expr);
    expect(groupings.map(({ label }) => label)).toEqual(expect.arrayContaining(named));
  });
});

function has(metric: string, label: string): boolean {
  return labelsOf(metric).includes(label);
}

test("each variable of the dashboard asks for a metric and a label that there are", () => {
  const asked = dashboard.templating.list.flatMap(({ definition = "" }) => {
    const [, metric = "", label] = /^label_\w+\((\w+)(?:, (\w+))?\)$/.exec(definition) ?? [];
    return definition === "" ? [] : [[definition, has(metric, label ?? SCRAPED[0] ?? "")]];
  });
  expect(asked).toEqual([
    ["label_values(sluice_requests_total, sluice_feature)", true],
    ["label_values(sluice_upstream_connections, sluice_provider)", true],
    ["label_names(sluice_cost_USD_total)", true],
  ]);
});

test("every metric of the gateway is on the dashboard", () => {
  const shown = dashboard.panels.flatMap(({ targets = [] }) =>
    targets.flatMap(({ expr }) => parseQuery(insert(expr)).selectors.map(({ metric }) => baseOf(metric))),
  );
  const all = Object.keys(metrics).filter((name) => name !== "target_info" && !name.startsWith("otel_"));
  expect(all.filter((name) => !shown.includes(name))).toEqual([]);
});

test("the dashboard asks the source that is chosen on it, and no panel lies over another", () => {
  const { schemaVersion, templating, panels } = dashboard;
  const sources = panels.flatMap(({ datasource }) => datasource?.uid ?? []);
  expect([schemaVersion, templating.list[0]?.type, [...new Set(sources)]]).toEqual([
    42,
    "datasource",
    [expect.stringMatching(/^\$\{datasource\}$/)],
  ]);
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, at) => `${x + (at % w)},${y + Math.floor(at / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
});

test("alerts have names of their own", () => {
  const names = rules.map(({ alert }) => alert);
  expect(new Set(names).size).toBe(names.length);
});

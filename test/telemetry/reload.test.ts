/** A configuration that was read again is traced and counted, whether it could be used or not. */
import { expect, test } from "vitest";
import { readCapabilities } from "../../src/capabilities.ts";
import { emptyConfig } from "../../src/config/load.ts";
import { toSettings } from "../../src/config/settings.ts";
import { toTelemetrySettings } from "../../src/config/telemetry.ts";
import { readPrices } from "../../src/prices.ts";
import { parseMetrics, readPage, tell } from "./metrics-page.ts";
import { receive, serveTraced } from "./support.ts";

const plan = {
  settings: toSettings(emptyConfig(), { grpc: undefined, http: undefined, logLevel: undefined }),
  telemetry: toTelemetrySettings(emptyConfig(), {}, []),
  prices: readPrices({}, [], []),
  capabilities: readCapabilities({}, { providers: [], catalogueProviders: new Map() }, []),
  providers: [],
  models: {},
  packages: new Map(),
};

test("reloads are spans of their own, and counted by their outcome", async () => {
  const collector = await receive();
  const gateway = await serveTraced({ providers: {}, telemetry: { otlp: { endpoint: collector.url } } });
  gateway.reload(plan);
  gateway.reloadRefused([{ path: "listn", message: "is no known key" }]);
  gateway.reload(plan);
  const page = await parseMetrics(await readPage(gateway.httpAddress));
  expect(tell(page.sluice_config_reloads_total)).toEqual(["outcome=applied: 2", "outcome=refused: 1"]);
  await gateway.close();
  const told = collector.spans.map(({ name, kind, parentSpanId, status, attributes }) => {
    return { name, kind, parentSpanId, status: status.code, attributes };
  });
  const span = (outcome: string, status: string) => {
    return {
      name: "config reload",
      kind: "INTERNAL",
      parentSpanId: "",
      status,
      attributes: { "sluice.outcome": outcome },
    };
  };
  expect(told).toEqual([span("applied", "UNSET"), span("refused", "ERROR"), span("applied", "UNSET")]);
});

/** A configuration that was read again is traced and counted, whether it could be used or not. */
import { expect, test } from "vitest";
import { parseMetrics, readPage, tell } from "./metrics-page.ts";
import { receive, serveTraced } from "./support.ts";

test("reloads are spans of their own, and counted by their outcome", async () => {
  const collector = await receive();
  const files = ["", "listn: {}", ""];
  const gateway = await serveTraced(
    { providers: {}, telemetry: { otlp: { endpoint: collector.url } } },
    { reread: () => files.shift() ?? "" },
  );
  expect(
    [await gateway.reload(), await gateway.reload(), await gateway.reload()].map(({ applied }) => applied),
  ).toEqual([true, false, true]);
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

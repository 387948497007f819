/** Keys of callers' metadata as labels of metrics. */
import { expect, test } from "vitest";
import { ConfigError } from "../../src/config/problem.ts";
import { houseConfig, startGateway } from "../support/gateway.ts";

const yaml = (cohorts: string) => houseConfig("http://127.0.0.1:9/v1", `telemetry: { cohorts: ${cohorts} }\n`);

async function problemsOf(cohorts: string): Promise<unknown> {
  const thrown = await startGateway(yaml(cohorts)).then(
    (gateway) => gateway.close(),
    (error: unknown) => error,
  );
  return thrown instanceof ConfigError ? thrown.problems : thrown;
}

test.each([
  ["[plan.name, plan-name]", "telemetry.cohorts[1]", "plan.name"],
  ["[a__b, c, a_b]", "telemetry.cohorts[2]", "a__b"],
])("refuses %s: one label twice would make Prometheus refuse the page", async (cohorts, path, first) => {
  const message = `is the same label as "${first}" to Prometheus, which has _ for . and -`;
  expect(await problemsOf(cohorts)).toEqual([{ path, message }]);
});

test("takes keys that only look alike", async () => {
  expect(await problemsOf("[plan, Plan, plan_, plan2]")).toBeUndefined();
});

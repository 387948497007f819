/**
 * Prometheus' own tool reads the page and the rules, and plays the alerts. Left out where it is not installed, unless
 * PROMTOOL is `required` (Debian: the package `prometheus`).
 */
import { spawnSync } from "node:child_process";
import { describe, expect, onTestFinished, test } from "vitest";
import { readPage } from "./metrics-page.ts";
import { openScriptedGateway } from "./scripted-calls.ts";

function promtool(args: readonly string[], input = "") {
  const { status, stdout, stderr, error } = spawnSync("promtool", args, { input, encoding: "utf8" });
  return { status, complaint: status === 0 ? stderr : `${error?.message ?? ""}${stdout}${stderr}` };
}

const required = process.env.PROMTOOL === "required";
const installed = promtool(["--version"]).status === 0;
const CONTENT = { status: 0, complaint: "" };

describe.skipIf(!(installed || required))("promtool", () => {
  test("has nothing to say of the page", async () => {
    const gateway = await openScriptedGateway();
    onTestFinished(() => gateway.close());
    expect(promtool(["check", "metrics"], await readPage(gateway.httpAddress))).toEqual(CONTENT);
  });

  test("takes the rules", () => {
    expect(promtool(["check", "rules", "dashboards/alerts.yaml"])).toEqual(CONTENT);
  });

  test("sees each alert fire when it should, and none without traffic", () => {
    expect(promtool(["test", "rules", "test/telemetry/alerts.promtool.yaml"])).toEqual(CONTENT);
  });
});

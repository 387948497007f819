/** The page for Prometheus, as its door serves it: to whom, and how. */
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { startGateway, type TestGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { connectHttp2, portOf } from "./wire.ts";

const NOWHERE = 'providers:\n  house: { dialect: openai-chat, base_url: "http://127.0.0.1:9/v1" }\n';
const TYPE = "text/plain; version=0.0.4; charset=utf-8";

async function start(yaml = "", options: TestGatewayOptions = {}): Promise<TestGateway> {
  const gateway = await startGateway(NOWHERE + yaml, options);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Asks by loopback, wherever the door listens. */
function ask(gateway: TestGateway, init: RequestInit = {}): Promise<Response> {
  return fetch(`http://127.0.0.1:${portOf(gateway.httpAddress)}/metrics?x=1`, init);
}

const PAGE = expect.stringContaining("\nsluice_calls_open{");

describe("the page is there", () => {
  const loopback = {};
  const anywhere = { settings: { httpAddress: "0.0.0.0:0" }, insecure: true };
  const disabled = { environment: { OTEL_SDK_DISABLED: "true" } };
  const asked = { ...anywhere, environment: { OTEL_METRICS_EXPORTER: "otlp,prometheus" } };
  const on = "telemetry: { prometheus: true }\n";
  const off = "telemetry: { prometheus: false }\n";
  test.each([
    { when: "on loopback", yaml: "", options: loopback, status: 200 },
    { when: "on loopback, but not where it is off", yaml: off, options: loopback, status: 404 },
    { when: "not where others can reach it", yaml: "", options: anywhere, status: 404 },
    { when: "where others can reach it, once it is on", yaml: on, options: anywhere, status: 200 },
    { when: "where others can reach it, once the standard variable names it", yaml: "", options: asked, status: 200 },
    { when: "not where the file overrides the variable", yaml: off, options: asked, status: 404 },
    { when: "not where OpenTelemetry is disabled", yaml: "", options: disabled, status: 404 },
    { when: "not where OpenTelemetry is disabled, even if it is on", yaml: on, options: disabled, status: 404 },
  ])("$when", async ({ yaml, options, status }) => {
    const gateway = await start(yaml, options);
    expect((await ask(gateway)).status).toBe(status);
  });
});

describe("the page", () => {
  let gateway: TestGateway;

  beforeAll(async () => {
    gateway = await startGateway(`${NOWHERE}listen: { cors_origins: ["*"] }\n`);
  });

  afterAll(() => gateway.close());

  test.each([
    { method: "GET", status: 200, type: TYPE, allow: null, text: PAGE },
    { method: "HEAD", status: 200, type: TYPE, allow: null, text: "" },
    { method: "POST", status: 405, type: "text/plain; charset=utf-8", allow: "GET, HEAD", text: expect.any(String) },
    { method: "DELETE", status: 405, type: "text/plain; charset=utf-8", allow: "GET, HEAD", text: expect.any(String) },
  ])("answers $method with $status", async ({ method, ...expected }) => {
    const answer = await ask(gateway, { method });
    const { status, headers } = answer;
    const text = await answer.text();
    expect({ status, type: headers.get("content-type"), allow: headers.get("allow"), text }).toEqual(expected);
  });

  test.each(["GET", "HEAD"])("answers %s by HTTP/2 too", async (method) => {
    const connection = await connectHttp2(`http://${gateway.httpAddress}`);
    onTestFinished(() => connection.close());
    const { headers, body, resetCode } = await connection.send({ ":path": "/metrics", ":method": method });
    expect({ status: headers[":status"], type: headers["content-type"], resetCode }).toEqual({
      status: 200,
      type: TYPE,
      resetCode: 0,
    });
    expect(body.toString()).toEqual(method === "GET" ? PAGE : "");
  });

  test("lets no page of another origin read it, whatever cors_origins says", async () => {
    const origin = "https://app.example.com";
    const preflight = { origin, "access-control-request-method": "GET" };
    const answers = [
      await ask(gateway, { headers: { origin } }),
      await ask(gateway, { method: "OPTIONS", headers: preflight }),
    ];
    const told = answers.map(({ status, headers }) => [status, headers.get("access-control-allow-origin")]);
    expect(told).toEqual([
      [200, null],
      [405, null],
    ]);
  });

  test("is whole for each of many readers at once", async () => {
    const pages = await Promise.all(Array.from({ length: 8 }, async () => (await ask(gateway)).text()));
    for (const page of pages) expect(page).toEqual(PAGE);
  });
});

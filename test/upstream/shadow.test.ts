/** Shadows: copies of calls that nobody sees, whatever becomes of them. */
import { expect, test, vi } from "vitest";
import { createRandom } from "../routing/random.ts";
import type { TestGateway, TestGatewayOptions } from "../support/gateway.ts";
import { parseMetrics, readPage, tell } from "../telemetry/metrics-page.ts";
import { receive, serveTraced, tell as tellSpans } from "../telemetry/support.ts";
import { callLines, run, simulate } from "./support.ts";

interface Shadow {
  readonly target: string;
  readonly percentage?: number;
  readonly timeout?: string;
  readonly max_concurrent?: number;
}

/** A gateway whose alias `any` has this shadow. */
async function open(shadow: Shadow, options: TestGatewayOptions & { otlp?: string } = {}) {
  const simulator = await simulate();
  const gateway = await serveTraced(
    {
      providers: { house: simulator.url },
      models: { any: { targets: ["house/echo"], shadow: { percentage: 100, ...shadow } } },
      prices: { "house/*": { input: 1, output: 2 } },
      ...(options.otlp === undefined ? {} : { telemetry: { otlp: { endpoint: options.otlp } } }),
    },
    options,
  );
  return { gateway, simulator };
}

function shadowLines(gateway: TestGateway) {
  return gateway.logged.filter(({ msg }) => msg === "shadow");
}

async function ended(gateway: TestGateway, copies: number): Promise<void> {
  await vi.waitFor(() => expect(shadowLines(gateway).length).toBe(copies), { interval: 2, timeout: 10_000 });
}

const ANSWERED = { code: "OK", text: "Hello", attempts: ["house/echo SUCCEEDED 200"] };

test.each(["unary", "stream"] as const)(
  "a copy of a %s call goes to the shadow, and its answer nowhere",
  async (delivery) => {
    const { gateway, simulator } = await open({ target: "house/text" });
    expect(await run(gateway, delivery, "any")).toEqual(ANSWERED);
    await ended(gateway, 1);
    expect(new Set(simulator.calls.map(({ model }) => model))).toEqual(new Set(["echo", "text"]));
    expect(simulator.calls.length).toBe(2);
    const [asked, copied] = simulator.calls.map(({ body }) => ({ ...(body as object), model: "" }));
    expect(copied).toEqual(asked);
  },
);

test("its line is marked, has its own cost, and that is not the caller's", async () => {
  const { gateway } = await open({ target: "house/text:tokens=3" });
  await run(gateway, "unary", "any");
  await ended(gateway, 1);
  const [line] = callLines(gateway);
  const [shadow] = shadowLines(gateway);
  expect(line).toMatchObject({ model: "any", served_model: "echo", cost_nano_usd: 7000 });
  expect(shadow).toMatchObject({
    request_id: line?.request_id,
    outcome: "answered",
    served_model: "text:tokens=3",
    cost_nano_usd: 11_000,
    attempts: [{ model: "text:tokens=3", outcome: "succeeded" }],
  });
  const metrics = await parseMetrics(await readPage(gateway.httpAddress));
  expect(tell(metrics.sluice_shadow_requests_total)).toEqual([
    "model=text:tokens=3 outcome=answered provider=house: 1",
  ]);
  expect(tell(metrics.sluice_shadow_cost_USD_total)).toEqual(["model=text:tokens=3 provider=house: 0.000011"]);
  expect(metrics.sluice_cost_USD_total?.data.map(({ labels }) => labels.sluice_model)).toEqual(["echo"]);
  expect(tell(metrics.sluice_requests_total)).toEqual([expect.stringContaining("model=echo")]);
});

test("its span stands below the call's, and its attempt below that", async () => {
  const receiver = await receive();
  const { gateway } = await open({ target: "house/text" }, { otlp: receiver.url });
  await run(gateway, "unary", "any");
  await ended(gateway, 1);
  await gateway.stop(0);
  const spans = tellSpans(receiver.spans).map(({ name, parent, attributes }) => [
    name,
    parent,
    attributes["sluice.shadow"],
  ]);
  expect(new Set(spans)).toEqual(
    new Set([
      ["sluice.v1.GatewayService/Complete", "none", undefined],
      ["chat echo", "sluice.v1.GatewayService/Complete", undefined],
      ["shadow", "sluice.v1.GatewayService/Complete", true],
      ["chat text", "shadow", true],
    ]),
  );
});

test("a percentage of the calls is copied", async () => {
  const { gateway, simulator } = await open({ target: "house/text", percentage: 25 }, { random: createRandom(1) });
  for (let n = 0; n < 100; n++) await run(gateway, "unary", "any");
  const copies = (): number => simulator.calls.filter(({ model }) => model === "text").length;
  await ended(gateway, copies());
  expect(Math.abs(copies() - 25)).toBeLessThan(12);
});

test.each(["fault.server-error", "fault.rate-limited:retry-after=30", "fault.reset-before-headers"])(
  "a shadow that fails (%s) is asked once, and the caller does not hear of it",
  async (model) => {
    const { gateway, simulator } = await open({ target: `house/${model}` });
    expect(await run(gateway, "stream", "any")).toEqual(ANSWERED);
    await ended(gateway, 1);
    expect(shadowLines(gateway)).toEqual([expect.objectContaining({ level: "warn", outcome: "failed" })]);
    expect(simulator.calls.filter((call) => call.model === model).length).toBe(1);
  },
);

test("a call that may be made only once is not copied", async () => {
  const { gateway, simulator } = await open({ target: "house/echo" });
  await run(gateway, "unary", "any", { handling: { notIdempotent: true } });
  expect([simulator.calls.length, shadowLines(gateway)]).toEqual([1, []]);
});

test("a copy ends by its own deadline", async () => {
  const { gateway } = await open({ target: "house/fault.no-response", timeout: "0.1s" });
  expect(await run(gateway, "unary", "any")).toEqual(ANSWERED);
  await ended(gateway, 1);
  expect(shadowLines(gateway)).toEqual([expect.objectContaining({ outcome: "failed", reason: "DEADLINE_EXCEEDED" })]);
});

test("a copy does not end with its caller", async () => {
  const simulator = await simulate();
  const gateway = await serveTraced({
    providers: { house: simulator.url },
    models: {
      any: { targets: ["house/fault.no-response"], shadow: { target: "house/text:ttft=200ms", percentage: 100 } },
    },
  });
  const leaving = new AbortController();
  const arrived = simulator.nextCall();
  const call = run(gateway, "unary", "any", { signal: leaving.signal });
  await arrived;
  leaving.abort();
  expect((await call).code).toBe("Canceled");
  await ended(gateway, 1);
  expect(shadowLines(gateway)).toEqual([expect.objectContaining({ outcome: "answered" })]);
});

test("no more copies run at once than may; what would be more is counted, not made", async () => {
  const shadow = { target: "house/fault.no-response", timeout: "30s", max_concurrent: 2 };
  const { gateway, simulator } = await open(shadow);
  for (let n = 0; n < 5; n++) expect(await run(gateway, "unary", "any")).toEqual(ANSWERED);
  const metrics = await parseMetrics(await readPage(gateway.httpAddress));
  expect(tell(metrics.sluice_shadow_requests_total)).toEqual([
    "model=fault.no-response outcome=dropped provider=house: 3",
  ]);
  await gateway.stop(0);
  expect(simulator.calls.filter(({ model }) => model === "fault.no-response").length).toBe(2);
});

test("a stop ends copies, and reports them", async () => {
  const { gateway, simulator } = await open({ target: "house/fault.no-response", timeout: "30s" });
  await run(gateway, "unary", "any");
  await gateway.stop(0);
  expect(shadowLines(gateway)).toEqual([expect.objectContaining({ outcome: "failed", reason: "SHUTTING_DOWN" })]);
  await simulator.idle();
});

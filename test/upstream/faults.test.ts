import type { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { describeModels, openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { codes, type Expected, PLAIN, rows } from "./fault-table.ts";
import { callLines, type Delivery, QUICK_LIMITS, run, toYaml, within } from "./support.ts";

/** Looks like no key, so that nothing but knowing it can hide it. */
const CANARY = "house-canary-7c1e55-0123456789";

let simulator: Simulator;
/** One for each: what an upstream asked of the one is not asked of the other. */
let gateways: Record<Delivery, TestGateway>;

beforeAll(async () => {
  simulator = await openSimulator();
  const providers = { house: { base_url: simulator.url, api_key: "env:HOUSE_KEY" } };
  // Room for the one event of 64 KiB and its frame that a decompressed bomb is made of.
  const limits = { ...QUICK_LIMITS, max_event_bytes: 131_072 };
  const start = () => startGateway(toYaml({ providers, limits }), { environment: { HOUSE_KEY: CANARY } });
  gateways = { unary: await start(), stream: await start() };
});

afterAll(async () => {
  await Promise.all([gateways.unary.close(), gateways.stream.close()]);
  await simulator.close();
});

beforeEach(async () => {
  await within(3000, simulator.idle(), "the simulator's last call ends");
  simulator.reset();
});

function outcomeOf(model: string, expected: Expected) {
  if ("text" in expected) return { code: "OK", text: expected.text, attempts: [`house/${model} SUCCEEDED 200`] };
  const { reason, requests, status, retryAfterMs, shown } = expected;
  const attempt = [`house/${model}`, "FAILED", reason, status].join(" ");
  return {
    code: codes[reason],
    reason,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    partial: shown !== undefined,
    text: shown instanceof RegExp ? expect.stringMatching(shown) : (shown ?? ""),
    attempts: Array.from({ length: requests }, () => attempt),
  };
}

function holdsCanary(error: ConnectError): boolean {
  const bytes = error.details.map((detail) => ("value" in detail ? Buffer.from(detail.value as Uint8Array) : ""));
  const all = [error.message, ...bytes, ...[...error.metadata].flat()].join("\n");
  return all.includes(CANARY) || all.includes(CANARY.slice(0, 8)) || all.includes(CANARY.slice(-4));
}

const cases = rows.flatMap(({ fault, unary, stream }): { model: string; delivery: Delivery; expected: Expected }[] => [
  { model: `fault.${fault}`, delivery: "unary", expected: unary },
  { model: `fault.${fault}`, delivery: "stream", expected: stream },
]);

test.each(cases)("$model ends in one status, $delivery", async ({ model, delivery, expected }) => {
  const gateway = gateways[delivery];
  const errors: ConnectError[] = [];
  const linesBefore = callLines(gateway).length;
  const startedAt = performance.now();
  const outcome = await run(gateway, delivery, `house/${model}`, { onError: (error) => errors.push(error) });
  const tookMs = performance.now() - startedAt;

  expect(outcome).toEqual(outcomeOf(model, expected));
  expect(tookMs).toBeLessThan(3000);
  await within(2000, simulator.idle(), "every upstream request ends");
  expect(simulator.openRequests).toBe(0);
  expect(simulator.calls.map((call) => [call.path, call.model])).toEqual(
    outcome.attempts.map(() => ["/v1/chat/completions", model]),
  );
  expect(callLines(gateway).length - linesBefore).toBe(1);
  expect(errors.filter(holdsCanary)).toEqual([]);
  expect(simulator.calls[0]?.headers.authorization).toBe(`Bearer ${CANARY}`);

  const healthyAt = performance.now();
  expect(await run(gateway, delivery, "house/text:tokens=10")).toEqual({
    code: "OK",
    text: PLAIN,
    attempts: ["house/text:tokens=10 SUCCEEDED 200"],
  });
  expect(performance.now() - healthyAt).toBeLessThan(1000);
});

describe("the table", () => {
  test("has a row for every fault of the simulator", () => {
    const known = describeModels().map(({ name }) => name);
    const tried = new Set(rows.map(({ fault }) => `fault.${fault.split(":", 1)[0]}`));
    expect(known.filter((name) => name.startsWith("fault.") && !tried.has(name))).toEqual(["fault.tiny-chunks"]);
  });

  test("left no key in the log", () => {
    const logged = [...gateways.unary.logged, ...gateways.stream.logged];
    expect(JSON.stringify(logged)).not.toContain(CANARY);
    expect(logged.length).toBeGreaterThan(rows.length);
  });
});

test.each(["unary", "stream"] as const)("a million chunks of one byte are one good answer, %s", async (delivery) => {
  const model = "fault.tiny-chunks:count=1000000";
  const limits = { ...QUICK_LIMITS, max_response_bytes: 4_194_304, attempt_timeout: "20s" };
  const patient = await startGateway(toYaml({ providers: { house: simulator.url }, limits }));
  try {
    const { text, ...outcome } = await run(patient, delivery, `house/${model}`);
    expect(outcome).toEqual({ code: "OK", attempts: [`house/${model} SUCCEEDED 200`] });
    expect(text.length).toBeGreaterThan(100_000);
    expect(text).toMatch(/^( [a-z]+)+/);
  } finally {
    await patient.close();
  }
});

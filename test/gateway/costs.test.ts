/** What callers are told that their calls cost. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { AttemptOutcome, type Cost } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

const PRICES = `
prices: { "house/*": { input: 1, cache_read: 0.1, output: 2, reasoning: 3 } }
models: { safe: { targets: [house/fault.cut-mid-stream, house/echo] }, free: { targets: [free/echo] } }
retry: { base_delay: 0.001s, max_delay: 0.002s }
`;

beforeAll(async () => {
  simulator = await openSimulator();
  const free = `  free: { dialect: openai-chat, base_url: "${simulator.url}" }\n`;
  gateway = await startGateway(houseConfig(simulator.url, free + PRICES));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

async function streamed(model: string) {
  for await (const { event } of gateway.client.stream(ask(model))) if (event.case === "end") return event.value;
  throw new Error("The stream has no end.");
}

/** A cost without what `Cost` has of every message. */
function tell(cost: Cost | undefined) {
  if (cost === undefined) return undefined;
  const { $typeName: _type, $unknown: _unknown, ...parts } = cost;
  return parts;
}

test.each(["echo", "text:tokens=50", "tools", "reasoning", "cached", "json"])(
  "%s costs the same, whole and streamed",
  async (model) => {
    const whole = await gateway.client.complete(ask(`house/${model}`));
    const stream = await streamed(`house/${model}`);
    expect(whole.cost?.totalNanoUsd).toBeGreaterThan(0n);
    expect(tell(stream.cost)).toEqual(tell(whole.cost));
    expect(stream.usage).toEqual(whole.usage);
    expect(whole.attempts.map(({ cost }) => tell(cost))).toEqual([tell(whole.cost)]);
  },
);

test("the parts of a cost are its whole", async () => {
  const { cost, usage } = await gateway.client.complete(ask("house/cached"));
  expect([usage?.inputTokens, usage?.cacheReadTokens, usage?.outputTokens]).toEqual([1029, 1024, 10]);
  expect(tell(cost)).toEqual({
    totalNanoUsd: 127_400n,
    inputNanoUsd: 5000n,
    cacheReadNanoUsd: 102_400n,
    cacheWriteNanoUsd: 0n,
    outputNanoUsd: 20_000n,
    otherNanoUsd: 0n,
    priceSource: "config prices.house/*",
    estimated: false,
  });
});

test("a call costs what all of its attempts did", async () => {
  const { cost, attempts } = await gateway.client.complete(ask("safe"));
  expect(attempts.map(({ outcome }) => outcome)).toEqual([
    AttemptOutcome.FAILED,
    AttemptOutcome.FAILED,
    AttemptOutcome.SUCCEEDED,
  ]);
  const costs = attempts.map((attempt) => attempt.cost?.totalNanoUsd ?? 0n);
  expect(costs.every((one) => one > 0n)).toBe(true);
  expect(cost?.totalNanoUsd).toBe(costs.reduce((sum, one) => sum + one));
  expect([cost?.estimated, attempts.map((attempt) => attempt.cost?.estimated)]).toEqual([true, [true, true, false]]);
});

test("a cost that nobody knows is not there, and not 0", async () => {
  const { cost, usage, attempts } = await gateway.client.complete(ask("free"));
  expect([cost, attempts[0]?.cost, usage?.estimated]).toEqual([undefined, undefined, false]);
});

test("a stream that is cancelled costs what came until then", async () => {
  const leave = new AbortController();
  const line = async () =>
    await expect
      .poll(() => gateway.logged.find(({ model }) => model === "house/text:tokens=1000:rate=200"))
      .toMatchObject({ outcome: "cancelled" });
  let words = 0;
  try {
    for await (const { event } of gateway.client.stream(ask("house/text:tokens=1000:rate=200"), {
      signal: leave.signal,
    })) {
      if (event.case === "blockDelta" && ++words === 20) leave.abort();
    }
  } catch {
    // The client's own abort.
  }
  await line();
  const logged = gateway.logged.find(({ model }) => model === "house/text:tokens=1000:rate=200");
  expect(logged).toMatchObject({ cost_estimated: true, output_tokens: expect.any(Number) });
  expect(Number(logged?.output_tokens)).toBeGreaterThanOrEqual(19);
  expect(Number(logged?.cost_nano_usd)).toBe(
    Number(logged?.input_tokens) * 1000 + Number(logged?.output_tokens) * 2000,
  );
});

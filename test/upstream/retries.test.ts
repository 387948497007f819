/** Asking the only target again: how often, how soon, and what the caller is told. */
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { toMs } from "../../src/domain/duration.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, startGateway, type TestGateway } from "../support/gateway.ts";
import { PLAIN } from "./fault-table.ts";
import { type Delivery, run, toYaml } from "./support.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
});

afterAll(() => simulator.close());

// A new one for each test: one that was told to wait would not ask again before.
beforeEach(async () => {
  gateway = await startGateway(toYaml({ providers: { house: simulator.url } }));
  onTestFinished(() => gateway.close());
});

beforeEach(() => simulator.reset());

/** From each request's arrival to the next one's, ms. */
function gaps(): number[] {
  const at = simulator.calls.map(({ startedAtMs }) => startedAtMs);
  return at.slice(1).map((ms, index) => ms - (at[index] ?? 0));
}

const deliveries: Delivery[] = ["unary", "stream"];

describe.each(deliveries)("%s", (delivery) => {
  test.each([
    ["error-status", "UPSTREAM_OVERLOADED 503"],
    ["reset-before-headers", "UPSTREAM_UNREACHABLE 0"],
    ["reset-after-headers", "UPSTREAM_TRUNCATED 200"],
    ["overloaded-in-stream", "UPSTREAM_OVERLOADED 200"],
    ["html-200", "UPSTREAM_MALFORMED 200"],
  ])("answers after %s, twice", async (fault, failure) => {
    const model = `flaky:fail=2:fault=${fault}`;
    expect(await run(gateway, delivery, `house/${model}`)).toEqual({
      code: "OK",
      text: PLAIN,
      attempts: [
        `house/${model} FAILED ${failure}`,
        `house/${model} FAILED ${failure}`,
        `house/${model} SUCCEEDED 200`,
      ],
    });
    expect(simulator.calls.length).toBe(3);
  });

  test("tells of the third failure, and makes no fourth request", async () => {
    const { code, reason, attempts } = await run(gateway, delivery, "house/flaky:fail=3");
    expect({ code, reason, tried: attempts.length, asked: simulator.calls.length }).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_OVERLOADED",
      tried: 3,
      asked: 3,
    });
  });

  test.each([
    ["in a header of milliseconds", "retry-after-ms=150"],
    ["in seconds", "retry-after=0.15"],
    ["in words", "hint=150ms"],
    ["as the longer of two headers", "retry-after=0.05:twice=0.15"],
  ])("does not come back sooner than asked for, %s", async (_, option) => {
    const model = `flaky:fail=1:fault=rate-limited:${option}`;
    expect((await run(gateway, delivery, `house/${model}`)).code).toBe("OK");
    const [gap = 0, ...more] = gaps();
    expect(more).toEqual([]);
    expect(gap).toBeGreaterThanOrEqual(150);
    expect(gap).toBeLessThan(400);
  });

  test("does not wait for an hour, and says when to come back", async () => {
    const startedAt = performance.now();
    const { code, reason, retryAfterMs } = await run(gateway, delivery, "house/fault.rate-limited:retry-after=3600");
    expect({ code, reason, retryAfterMs, asked: simulator.calls.length }).toEqual({
      code: "ResourceExhausted",
      reason: "UPSTREAM_RATE_LIMITED",
      retryAfterMs: 3_600_000,
      asked: 1,
    });
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test("does not begin a wait that its deadline would cut", async () => {
    const startedAt = performance.now();
    const model = "house/fault.rate-limited:retry-after=20";
    const { code, retryAfterMs } = await run(gateway, delivery, model, { timeoutMs: 10_000 });
    expect({ code, retryAfterMs, asked: simulator.calls.length }).toEqual({
      code: "ResourceExhausted",
      retryAfterMs: 20_000,
      asked: 1,
    });
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test("says when to come back after its last attempt", async () => {
    const { retryAfterMs } = await run(gateway, delivery, "house/fault.rate-limited:retry-after-ms=5");
    expect({ retryAfterMs, asked: simulator.calls.length }).toEqual({ retryAfterMs: 5, asked: 3 });
  });

  test("makes one request where it may not be repeated, and says when to come back", async () => {
    const model = "house/fault.rate-limited:retry-after-ms=5";
    const { retryAfterMs, attempts } = await run(gateway, delivery, model, { handling: { notIdempotent: true } });
    expect({ retryAfterMs, tried: attempts.length, asked: simulator.calls.length }).toEqual({
      retryAfterMs: 5,
      tried: 1,
      asked: 1,
    });
  });
});

describe("waits between attempts", () => {
  test.each([
    ["no jitter", 0, [0, 0]],
    ["half of it", 0.5, [50, 100]],
    ["nearly all of it", 0.999_999, [100, 200]],
  ])("double, at %s", async (_, random, delays) => {
    const yaml = toYaml({ providers: { house: simulator.url }, retry: { base_delay: "0.1s", max_delay: "10s" } });
    const own = await startGateway(yaml, { random: () => random });
    try {
      await run(own, "unary", "house/fault.error-status");
    } finally {
      await own.close();
    }
    const measured = gaps();
    expect(measured).toHaveLength(2);
    for (const [at, gap] of measured.entries()) {
      expect(gap).toBeGreaterThanOrEqual((delays[at] ?? 0) - 1);
      expect(gap).toBeLessThan((delays[at] ?? 0) + 100);
    }
  });

  test.each([1, 2, 5])("the configuration's most attempts are %i", async (most) => {
    const yaml = toYaml({
      providers: { house: simulator.url },
      retry: { max_attempts: most, base_delay: "0.001s", max_delay: "0.001s" },
    });
    const own = await startGateway(yaml);
    try {
      expect((await run(own, "unary", "house/fault.error-status")).attempts.length).toBe(most);
    } finally {
      await own.close();
    }
    expect(simulator.calls.length).toBe(most);
  });
});

describe("attempts tell", () => {
  test("how long they took, and when their first token came", async () => {
    const model = "house/text:tokens=3:ttft=60ms";
    for await (const { event } of gateway.client.stream(ask(model))) {
      if (event.case !== "end") continue;
      const [attempt] = event.value.attempts;
      const firstMs = toMs(attempt?.timeToFirstToken) ?? 0;
      expect(event.value.attempts.length).toBe(1);
      expect(firstMs).toBeGreaterThanOrEqual(59);
      expect(toMs(attempt?.latency)).toBeGreaterThanOrEqual(firstMs);
      expect(attempt?.usage).toEqual(event.value.usage);
      expect(attempt?.usage?.outputTokens).toBe(3);
    }
  });

  test("no first token of whole answers, nor of attempts that said nothing", async () => {
    const whole = await gateway.client.complete(ask("house/flaky:fail=1"));
    expect(whole.attempts.map(({ timeToFirstToken }) => timeToFirstToken)).toEqual([undefined, undefined]);
    expect(whole.attempts.every(({ latency }) => (toMs(latency) ?? 0) > 0)).toBe(true);
    expect(whole.attempts.map(({ usage }) => usage?.outputTokens)).toEqual([undefined, 10]);
  });
});

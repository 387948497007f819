/** What a target has shown decides whether it is asked: breakers, pauses that were asked for, and the retry budget. */
import { beforeEach, expect, test } from "vitest";
import type { Simulator } from "../../src/simulator/server.ts";
import { run, serve, simulate } from "./support.ts";

let simulator: Simulator;

beforeEach(async () => {
  simulator = await simulate();
});

const BAD = "fault.server-error";
const GOOD = "text:tokens=3";
const asked = () => simulator.calls.map(({ model }) => model);

test("a target that failed five times in a row is left alone, and the next one answers at once", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    models: { both: [`house/${BAD}`, `house/${GOOD}`] },
    retry: { max_attempts: 2, base_delay: "0.001s" },
    breaker: { consecutive_failures: 5, open: "60s", max_open: "600s" },
  });
  for (let n = 0; n < 7; n++) expect((await run(gateway, "unary", "both")).code).toBe("OK");
  expect(asked()).toEqual([...Array.from({ length: 5 }, () => [BAD, GOOD]).flat(), GOOD, GOOD]);
});

test("the last target standing is asked, though its breaker is open", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    retry: { max_attempts: 1 },
    breaker: { consecutive_failures: 2, open: "60s", max_open: "600s" },
  });
  for (let n = 0; n < 4; n++) expect((await run(gateway, "unary", `house/${BAD}`)).code).toBe("Unavailable");
  expect(asked()).toEqual([BAD, BAD, BAD, BAD]);
});

test("a caller's own short timeout opens no breaker", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    models: { both: ["house/fault.no-response", `house/${GOOD}`] },
    retry: { max_attempts: 1 },
    breaker: { consecutive_failures: 2, open: "60s", max_open: "600s" },
  });
  const handling = { attemptTimeout: { seconds: 0n, nanos: 20_000_000 } };
  for (let n = 0; n < 4; n++) {
    expect((await run(gateway, "unary", "both", { handling })).reason).toBe("UPSTREAM_TIMEOUT");
  }
  expect(asked().length).toBe(4);
});

test("a target that said when to come back is not asked before, and callers hear how long that is", async () => {
  const model = "house/fault.rate-limited:retry-after=30";
  const gateway = await serve({ providers: { house: simulator.url }, retry: { max_attempts: 1 } });
  expect((await run(gateway, "unary", model)).attempts.length).toBe(1);
  const second = await run(gateway, "unary", model);
  expect(second).toMatchObject({ code: "ResourceExhausted", reason: "UPSTREAM_RATE_LIMITED", attempts: [] });
  expect(second.retryAfterMs).toBeGreaterThan(25_000);
  expect(second.retryAfterMs).toBeLessThanOrEqual(30_000);
  expect(simulator.calls.length).toBe(1);
});

test("a target that said when to come back is passed over for the next one", async () => {
  const limited = "fault.rate-limited:retry-after=30";
  const gateway = await serve({
    providers: { house: simulator.url },
    models: { both: [`house/${limited}`, `house/${GOOD}`] },
  });
  for (let n = 0; n < 3; n++) expect((await run(gateway, "unary", "both")).code).toBe("OK");
  expect(asked()).toEqual([limited, GOOD, GOOD, GOOD]);
});

test("a pause that is short is waited for where there is nobody else", async () => {
  const model = "flaky:fail=1:fault=rate-limited:retry-after-ms=200";
  const gateway = await serve({ providers: { house: simulator.url }, retry: { max_attempts: 1 } });
  expect((await run(gateway, "unary", `house/${model}`)).code).toBe("ResourceExhausted");
  expect((await run(gateway, "unary", `house/${model}`)).code).toBe("OK");
  const [first, second] = simulator.calls;
  expect((second?.startedAtMs ?? 0) - (first?.startedAtMs ?? 0)).toBeGreaterThanOrEqual(200);
});

test("extra attempts end with the target's budget", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    retry: { max_attempts: 3, base_delay: "0.001s", max_delay: "0.001s", budget_ratio: 0.5, budget_per_second: 0 },
  });
  for (let n = 0; n < 10; n++) await run(gateway, "unary", `house/${BAD}`);
  expect(simulator.calls.length).toBe(15);
});

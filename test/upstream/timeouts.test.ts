/** Timeouts that a call chooses for itself, and calls that wait for a connection. */
import { describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../src/domain/clock.ts";
import { PLAIN } from "./fault-table.ts";
import { callLines, type Door, PATIENT_LIMITS, run, serve, simulate } from "./support.ts";

const quick = { seconds: 0n, nanos: 100_000_000 };
/** The configuration's own timeouts are their defaults: half a minute and more. */
const patient = {};

async function house() {
  const simulator = await simulate();
  const gateway = await serve({
    providers: { house: simulator.url },
    models: { pair: ["house/fault.no-response", "house/text:tokens=10"] },
    limits: patient,
  });
  return { simulator, gateway };
}

describe("a call's own timeout", () => {
  test.each([
    ["of an attempt ends a whole answer", "unary", "no-response", { attemptTimeout: quick }, 0, ""],
    [
      "of an attempt ends a stream in its middle",
      "stream",
      "stall-mid-stream",
      { attemptTimeout: quick },
      200,
      "The water runs",
    ],
    ["of the first token ends a stream without a head", "stream", "no-response", { firstTokenTimeout: quick }, 0, ""],
    [
      "of the first token ends a stream without a token",
      "stream",
      "slow-first-token",
      { firstTokenTimeout: quick },
      200,
      "",
    ],
    [
      "of silence ends a stream in its middle",
      "stream",
      "stall-mid-stream",
      { idleTimeout: quick },
      200,
      "The water runs",
    ],
  ] as const)("%s", async (_, delivery, fault, handling, status, text) => {
    const { simulator, gateway } = await house();
    const startedAt = performance.now();
    expect(await run(gateway, delivery, `house/fault.${fault}`, { handling })).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_TIMEOUT",
      partial: text !== "",
      text,
      attempts: [[`house/fault.${fault}`, "FAILED", "UPSTREAM_TIMEOUT", status].join(" ")],
    });
    const tookMs = performance.now() - startedAt;
    expect(tookMs).toBeGreaterThanOrEqual(99);
    expect(tookMs).toBeLessThan(1000);
    await simulator.idle();
  });

  test("leaves a silent target once for the next one", async () => {
    const { simulator, gateway } = await house();
    expect(await run(gateway, "stream", "pair", { handling: { firstTokenTimeout: quick } })).toEqual({
      code: "OK",
      text: PLAIN,
      attempts: ["house/fault.no-response FAILED UPSTREAM_TIMEOUT 0", "house/text:tokens=10 SUCCEEDED 200"],
    });
    expect(simulator.calls.length).toBe(2);
  });

  test("of the first token is none of whole answers", async () => {
    const { gateway } = await house();
    const handling = { firstTokenTimeout: quick, idleTimeout: quick };
    expect((await run(gateway, "unary", "house/fault.slow-headers:after=300ms", { handling })).text).toBe(PLAIN);
  });

  test("of silence counts from each token anew", async () => {
    const { gateway } = await house();
    const handling = { idleTimeout: { seconds: 0n, nanos: 200_000_000 } };
    // Ten tokens, 50 ms apart: half a second altogether.
    expect((await run(gateway, "stream", "house/text:tokens=10:rate=20", { handling })).text).toBe(PLAIN);
  });
});

/** The system's clock, that tells when a timer of this length is set. */
function createWatchedClock(): { clock: Clock; timerOf: (ms: number) => Promise<void> } {
  const waiting: { ms: number; resolve: () => void }[] = [];
  const schedule: Clock["schedule"] = (ms, task) => {
    for (const one of waiting) if (Math.abs(one.ms - ms) < 1) one.resolve();
    return systemClock.schedule(ms, task);
  };
  const timerOf = (ms: number) => new Promise<void>((resolve) => waiting.push({ ms, resolve }));
  return { clock: { ...systemClock, schedule }, timerOf };
}

describe.each(["client", "connectClient"] as Door[])("a call that waits for a connection, through %s", (door) => {
  test("ends at once when it is cancelled, and is never sent", async () => {
    const simulator = await simulate();
    const { clock, timerOf } = createWatchedClock();
    const provider = { base_url: simulator.url, max_connections: 1 };
    const gateway = await serve({ providers: { house: provider }, limits: { headers_timeout: "77s" } }, { clock });
    const busy = new AbortController();
    const arriving = simulator.nextCall();
    const holding = run(gateway, "stream", "house/fault.no-response", { door, signal: busy.signal });
    await arriving;

    const queued = timerOf(77_000);
    const leaving = new AbortController();
    const waiting = run(gateway, "stream", "house/echo", { door, signal: leaving.signal });
    await queued;
    leaving.abort();
    expect((await waiting).code).toBe("Canceled");
    await expect.poll(() => callLines(gateway).map(({ outcome }) => outcome), { interval: 1 }).toEqual(["cancelled"]);

    busy.abort();
    expect((await holding).code).toBe("Canceled");
    expect((await run(gateway, "stream", "house/text:tokens=10", { door })).text).toBe(PLAIN);
    expect(simulator.calls.map(({ model }) => model)).toEqual(["fault.no-response", "text:tokens=10"]);
  });

  test("is answered once the connection is free", async () => {
    const simulator = await simulate();
    const gateway = await serve({
      providers: { house: { base_url: simulator.url, max_connections: 1 } },
      limits: PATIENT_LIMITS,
    });
    const calls = [1, 2, 3].map(() => run(gateway, "stream", "house/text:tokens=10:ttft=20ms", { door }));
    expect((await Promise.all(calls)).map(({ text }) => text)).toEqual([PLAIN, PLAIN, PLAIN]);
    expect(simulator.openSockets).toBe(1);
  });
});

test("a provider's own timeouts go before the usual ones, and a call's before both", async () => {
  const simulator = await simulate();
  const gateway = await serve({
    providers: { house: { base_url: simulator.url, timeouts: { first_token: "0.1s", attempt: "0.1s" } } },
    models: { both: ["house/fault.no-response", "house/text:tokens=3"] },
    limits: { first_token_timeout: "30s", attempt_timeout: "30s" },
  });
  const deliveries = ["unary", "stream"] as const;
  for (const delivery of deliveries) {
    const { code, attempts } = await run(gateway, delivery, "both");
    expect([code, attempts[0]]).toEqual(["OK", "house/fault.no-response FAILED UPSTREAM_TIMEOUT 0"]);
  }
  const patient = { attemptTimeout: { seconds: 9n, nanos: 0 }, firstTokenTimeout: { seconds: 9n, nanos: 0 } };
  const slow = await run(gateway, "stream", "house/text:tokens=3:ttft=300ms", { handling: patient });
  expect(slow.code).toBe("OK");
});

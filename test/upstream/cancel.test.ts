import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";

/** A cancelled call's upstream socket closes within this time, ms. */
const AT_ONCE_MS = 50;

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  gateway = await startGateway(houseConfig(simulator.url, "retry: { base_delay: 5s, max_delay: 5s }"), {
    random: () => 0.99,
  });
  // The first call of a door opens its connection; the measured ones do not wait for that.
  for (const door of doors) await gateway[door].complete(ask("house/echo"));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

const doors = ["client", "connectClient", "webClient"] as const;

function codeOf(thrown: unknown): Code {
  return ConnectError.from(thrown).code;
}

test.each(doors)(
  "a call that is cancelled before its answer closes the upstream's socket at once, through %s",
  async (door) => {
    const arrival = simulator.nextCall();
    const leaving = new AbortController();
    const failure = gateway[door].complete(ask("house/fault.no-response"), { signal: leaving.signal }).catch(codeOf);
    const call = await arrival;
    const leftAt = performance.now();
    leaving.abort();
    const { early } = await call.closed;
    expect(performance.now() - leftAt).toBeLessThan(AT_ONCE_MS);
    expect([early, await failure]).toEqual([true, Code.Canceled]);
  },
);

test.each(doors)(
  "a stream that is cancelled in the middle closes the upstream's socket at once, through %s",
  async (door) => {
    const arrival = simulator.nextCall();
    const leaving = new AbortController();
    let leftAt = 0;
    const failure = (async () => {
      const stream = gateway[door].stream(ask("house/text:tokens=1000:rate=50"), { signal: leaving.signal });
      for await (const { event } of stream) {
        if (event.case !== "blockDelta" || leftAt > 0) continue;
        leftAt = performance.now();
        leaving.abort();
      }
    })().catch(codeOf);
    const { early } = await (await arrival).closed;
    expect(performance.now() - leftAt).toBeLessThan(AT_ONCE_MS);
    expect([early, await failure]).toEqual([true, Code.Canceled]);
  },
);

test.each(doors)(
  "a call that is cancelled while it waits to try again makes no further request, through %s",
  async (door) => {
    const arrival = simulator.nextCall();
    const leaving = new AbortController();
    const failure = gateway[door].complete(ask("house/fault.server-error"), { signal: leaving.signal }).catch(codeOf);
    await (await arrival).closed;
    const before = simulator.calls.length;
    leaving.abort();
    expect(await failure).toBe(Code.Canceled);
    await expect.poll(() => gateway.logged.at(-1)?.outcome, { interval: 5, timeout: 2000 }).toBe("cancelled");
    expect(simulator.calls.length).toBe(before);
  },
);

test.each(doors)(
  "a deadline closes the upstream's socket and is told with what was tried, through %s",
  async (door) => {
    const arrival = simulator.nextCall();
    const startedAt = performance.now();
    const failure = gateway[door].complete(ask("house/fault.no-response"), { timeoutMs: 200 }).catch(codeOf);
    const { early } = await (await arrival).closed;
    expect(performance.now() - startedAt).toBeLessThan(200 + 250);
    expect([early, await failure]).toEqual([true, Code.DeadlineExceeded]);
  },
);

/** How long, and how much, streams are kept that nobody reads. */
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Settings } from "../../src/config/settings.ts";
import type { SimulatorCall } from "../../src/simulator/calls.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { eventOf, type Line, lineDoors } from "./lines.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const GRACE_MS = 5000;
const LIMITS: Settings["resume"] = { graceMs: GRACE_MS, maxBytesPerStream: MIB, maxBytes: 64 * MIB };

let simulator: Simulator;
let clock: ManualClock;
let gateway: TestGateway;

/** A gateway whose time stands still. */
async function start(limits: Partial<Settings["resume"]> = {}): Promise<void> {
  clock = createManualClock();
  gateway = await startGateway(houseConfig(simulator.url), { clock, settings: { resume: { ...LIMITS, ...limits } } });
}

beforeEach(async () => {
  simulator = await openSimulator();
});

afterEach(async () => {
  const stopped = gateway.stop(0);
  await expect
    .poll(() => {
      clock.advance(1000);
      return gateway.logged.at(-1)?.msg;
    })
    .toBe("stopped");
  await stopped;
  await simulator.close();
});

const [grpc] = lineDoors;
if (grpc === undefined) throw new Error("there is no gRPC door");
const { open } = grpc;

function resumable(model: string) {
  return { ...ask(model), handling: { resumable: true } };
}

function resume(model: string, requestId: string, afterSequence: number) {
  return { ...resumable(model), resume: { requestId, afterSequence } };
}

async function take(line: Line, count: number): Promise<void> {
  for (let taken = 0; taken < count; taken++) expect(await line.next()).toBeDefined();
}

function recordsOf(requestId: string): unknown[] {
  return gateway.logged
    .filter((line) => line.request_id === requestId && line.msg === "call")
    .map((line) => line.outcome);
}

/** Cuts a line; resolves once the gateway has noticed, and waits for somebody to come back. */
async function cut(line: Line): Promise<void> {
  const before = clock.timers;
  line.cut();
  await expect.poll(() => clock.timers, { interval: 5 }).toBe(before + 1);
}

/** Resolves once the simulator has not been able to write for a while. */
async function stoppedAt(call: SimulatorCall): Promise<number> {
  for (let last = -1, still = 0; still < 10; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    still = call.bytesWritten === last ? still + 1 : 0;
    last = call.bytesWritten;
  }
  return call.bytesWritten;
}

test("a stream that nobody comes back for is cancelled when its grace is over, at once, with one record", async () => {
  await start();
  const model = "house/fault.stall-mid-stream";
  const arrival = simulator.nextCall();
  const line = await open(gateway, resumable(model));
  await take(line, 2);
  const call = await arrival;
  await cut(line);
  clock.advance(GRACE_MS - 1);
  expect([call.end, recordsOf(line.requestId)]).toEqual([undefined, []]);
  const overAt = performance.now();
  clock.advance(1);
  expect((await call.closed).early).toBe(true);
  expect(performance.now() - overAt).toBeLessThan(50);
  expect(recordsOf(line.requestId)).toEqual(["cancelled"]);
  const late = await open(gateway, resume(model, line.requestId, 2));
  expect([await late.rest(), late.status().code]).toEqual([[], "not_found"]);
});

test("who comes back gets a new grace each time", async () => {
  await start();
  const model = "house/fault.stall-mid-stream";
  let line = await open(gateway, resumable(model));
  const { requestId } = line;
  await take(line, 2);
  for (let round = 0; round < 3; round++) {
    await cut(line);
    clock.advance(GRACE_MS - 1);
    line = await open(gateway, resume(model, requestId, 1));
    await take(line, 1);
    clock.advance(2);
  }
  expect(recordsOf(requestId)).toEqual([]);
  line.cancel();
  await expect.poll(() => recordsOf(requestId), { interval: 5 }).toEqual(["cancelled"]);
  line.cut();
});

test("a stream that has ended is kept for the grace time, and then forgotten", async () => {
  await start();
  const model = "house/text:tokens=3";
  const line = await open(gateway, resumable(model));
  const whole = await line.rest();
  clock.advance(GRACE_MS - 1);
  const again = await open(gateway, resume(model, line.requestId, 0));
  expect(Buffer.concat(await again.rest())).toEqual(Buffer.concat(whole));
  clock.advance(GRACE_MS);
  const late = await open(gateway, resume(model, line.requestId, 0));
  expect([await late.rest(), late.status().code]).toEqual([[], "not_found"]);
});

test("an upstream whose events nobody takes is read up to the bound, then waits, and nothing is lost", async () => {
  await start();
  const total = 30 * MIB;
  const model = `house/text:total-bytes=${total / MIB}MiB`;
  const arrival = simulator.nextCall();
  const line = await open(gateway, resumable(model));
  line.cut();
  const call = await arrival;
  // What fits into sockets on the way, of 30 MiB.
  expect(await stoppedAt(call)).toBeLessThan(16 * MIB);
  const second = await open(gateway, resume(model, line.requestId, 1));
  let received = 0;
  let sequence = 1;
  let last: string | undefined;
  for (const message of await second.rest()) {
    const { sequence: next, event } = eventOf(message);
    expect(next).toBe(++sequence);
    if (event.case === "blockDelta") received += event.value.text.length;
    last = event.case;
  }
  expect([received, last, recordsOf(line.requestId)]).toEqual([total, "end", ["answered"]]);
});

test("of what was delivered, only the last events are kept", async () => {
  await start({ maxBytesPerStream: 16 * KIB });
  const model = "house/text:tokens=200";
  const line = await open(gateway, resumable(model));
  const whole = await line.rest();
  const early = await open(gateway, resume(model, line.requestId, 1));
  expect(await early.rest()).toEqual([]);
  expect(early.status()).toEqual({
    code: "not_found",
    message: expect.stringMatching(/^The events of this stream before \d+ are not kept any more\. Ask anew/),
  });
  const late = await open(gateway, resume(model, line.requestId, whole.length - 20));
  expect(Buffer.concat(await late.rest())).toEqual(Buffer.concat(whole.slice(-20)));
});

test("where all together take too much, those that have ended are forgotten first", async () => {
  await start({ maxBytes: 256 * KIB });
  const model = "house/text:tokens=200";
  const ids: string[] = [];
  for (let made = 0; made < 8; made++) {
    const line = await open(gateway, resumable(model));
    await line.rest();
    ids.push(line.requestId);
  }
  const found = await Promise.all(
    ids.map(async (requestId) => {
      const line = await open(gateway, resume(model, requestId, 0));
      return (await line.rest()).length > 0;
    }),
  );
  expect([found[0], found.at(-1)]).toEqual([false, true]);
  expect(found).toEqual([...found].sort((a, b) => Number(a) - Number(b)));
});

test("streams that nobody reads wait while all together take too much, and go on when there is room", async () => {
  await start({ maxBytesPerStream: 64 * MIB, maxBytes: 4 * MIB });
  const model = "house/text:total-bytes=30MiB";
  const arrival = simulator.nextCall();
  const first = await open(gateway, resumable(model));
  first.cut();
  const call = await arrival;
  expect(await stoppedAt(call)).toBeLessThan(16 * MIB);
  // It takes all the room: of a second one, next to nothing is read before it is gone.
  const secondArrival = simulator.nextCall();
  const second = await open(gateway, resumable(model));
  second.cut();
  const secondCall = await secondArrival;
  const before = await stoppedAt(secondCall);
  const third = await open(gateway, resume(model, first.requestId, 1));
  third.cancel();
  expect((await call.closed).early).toBe(true);
  await expect.poll(() => secondCall.bytesWritten, { interval: 5 }).toBeGreaterThan(before);
  third.cut();
});

test("a gateway that stops ends what nobody reads at once, and lets others be read to their end", async () => {
  await start();
  const arrival = simulator.nextCall();
  const lost = await open(gateway, resumable("house/fault.stall-mid-stream"));
  await take(lost, 2);
  const call = await arrival;
  await cut(lost);
  const read = await open(gateway, resumable("house/text:tokens=20:rate=100"));
  await take(read, 1);
  const stopped = gateway.stop(60_000);
  expect((await call.closed).early).toBe(true);
  expect(recordsOf(lost.requestId)).toEqual(["cancelled"]);
  const rest = await read.rest();
  expect([eventOf(rest.at(-1) as Buffer).event.case, read.status().code]).toEqual(["end", ""]);
  await stopped;
  expect(recordsOf(read.requestId)).toEqual(["answered"]);
});

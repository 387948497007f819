/** Streams that lose their connection and are taken up again. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { expectHealthy } from "./failures.ts";
import { eventOf, type Line, lineDoors, type Request } from "./lines.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  gateway = await startGateway(houseConfig(simulator.url));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

afterEach(() => expectHealthy(gateway));

const tools = [{ name: "look_up", parametersJsonSchema: '{"type":"object","properties":{"city":{"type":"string"}}}' }];

function request(model: string) {
  const { attribution, prompt } = ask(model);
  return { attribution, prompt: model.startsWith("house/tools") ? { ...prompt, tools } : prompt };
}

function resumable(model: string) {
  return { ...request(model), handling: { resumable: true } };
}

function resume(model: string, requestId: string, afterSequence: number) {
  return { ...resumable(model), resume: { requestId, afterSequence } };
}

async function take(line: Line, count: number): Promise<Buffer[]> {
  const taken: Buffer[] = [];
  while (taken.length < count) {
    const message = await line.next();
    if (message === undefined) expect.fail(`the answer is over after ${taken.length} events: ${line.status().code}`);
    taken.push(message);
  }
  return taken;
}

/** The lines that the gateway wrote of a call. */
function recordsOf(requestId: string): { outcome: unknown; reason: unknown }[] {
  return gateway.logged
    .filter((line) => line.request_id === requestId && line.msg === "call")
    .map(({ outcome, reason }) => ({ outcome, reason }));
}

describe.each(lineDoors)("over $name", ({ open, canReset }) => {
  test.each(["house/text:tokens=8:rate=100", "house/text:tokens=8", "house/tools:count=2", "house/reasoning"])(
    "%s goes on where it was cut, byte for byte, wherever that was",
    async (model) => {
      const whole = await (await open(gateway, request(model))).rest();
      expect(whole.length).toBeGreaterThan(5);
      await Promise.all(
        Array.from({ length: whole.length }, async (_, at) => {
          const first = await open(gateway, resumable(model));
          const before = await take(first, at + 1);
          first.cut();
          const second = await open(gateway, resume(model, first.requestId, at + 1));
          const after = await second.rest();
          expect([second.requestId, second.status().code]).toEqual([first.requestId, ""]);
          const again = await open(gateway, resume(model, first.requestId, 0));
          expect(Buffer.concat([...before, ...after])).toEqual(Buffer.concat(await again.rest()));
          const events = [...before, ...after].map(eventOf);
          expect(events.map(({ sequence }) => sequence)).toEqual(whole.map((_, index) => index + 1));
          expect(events.map(({ event }) => event.case)).toEqual(whole.map((message) => eventOf(message).event.case));
          expect(recordsOf(first.requestId)).toEqual([{ outcome: "answered", reason: undefined }]);
        }),
      );
    },
  );

  test("a stream that is cut again and again arrives whole", async () => {
    const model = "house/text:tokens=10:rate=200";
    const line = await open(gateway, resumable(model));
    const { requestId } = line;
    const all = await take(line, 1);
    line.cut();
    while (eventOf(all.at(-1) as Buffer).event.case !== "end") {
      const next = await open(gateway, resume(model, requestId, all.length));
      all.push(...(await take(next, 1)));
      next.cut();
    }
    expect(all.map((message) => eventOf(message).sequence)).toEqual(all.map((_, at) => at + 1));
    await expect
      .poll(() => recordsOf(requestId), { interval: 5 })
      .toEqual([{ outcome: "answered", reason: undefined }]);
  });

  test.runIf(canReset)("a stream whose caller says that it leaves is cancelled at once and not kept", async () => {
    const model = "house/text:tokens=1000:rate=50";
    const arrival = simulator.nextCall();
    const line = await open(gateway, resumable(model));
    await take(line, 3);
    const call = await arrival;
    const leftAt = performance.now();
    line.cancel();
    expect((await call.closed).early).toBe(true);
    expect(performance.now() - leftAt).toBeLessThan(50);
    const late = await open(gateway, resume(model, line.requestId, 3));
    expect([await late.rest(), late.status().code]).toEqual([[], "not_found"]);
    expect(recordsOf(line.requestId)).toEqual([{ outcome: "cancelled", reason: "CANCELLED" }]);
    line.cut();
  });

  test("a caller whose connection is lost can still cancel, and only for its own feature", async () => {
    const model = "house/text:tokens=1000:rate=50";
    const arrival = simulator.nextCall();
    const line = await open(gateway, resumable(model));
    await take(line, 3);
    const call = await arrival;
    line.cut();
    const wish = { ...resumable(model), resume: { requestId: line.requestId, cancel: true } };
    const stranger = await open(gateway, { ...wish, attribution: { feature: "other" } });
    expect([await stranger.rest(), stranger.status().code, call.end]).toEqual([[], "not_found", undefined]);
    const cancelling = await open(gateway, wish);
    expect([await cancelling.rest(), cancelling.status().code]).toEqual([[], "canceled"]);
    expect((await call.closed).early).toBe(true);
    expect(recordsOf(line.requestId)).toEqual([{ outcome: "cancelled", reason: "CANCELLED" }]);
  });

  test("who reads a stream that another connection cancels is told so", async () => {
    const model = "house/text:tokens=1000:rate=50";
    const line = await open(gateway, resumable(model));
    await take(line, 2);
    await open(gateway, { ...resumable(model), resume: { requestId: line.requestId, cancel: true } });
    await line.rest();
    expect(line.status().code).toBe("canceled");
  });

  test("a stream that did not ask for it is cancelled when its connection is lost", async () => {
    const arrival = simulator.nextCall();
    const line = await open(gateway, ask("house/text:tokens=1000:rate=50"));
    await take(line, 3);
    const call = await arrival;
    line.cut();
    expect((await call.closed).early).toBe(true);
    await expect
      .poll(() => recordsOf(line.requestId), { interval: 5 })
      .toEqual([{ outcome: "cancelled", reason: "CANCELLED" }]);
  });

  test("of two that take a stream up, the later one gets the rest, and the earlier one is told so", async () => {
    const model = "house/text:tokens=20:rate=100";
    const lost = await open(gateway, resumable(model));
    await take(lost, 2);
    // Nobody noticed that the first connection is dead: it is ended, too.
    const earlier = await open(gateway, resume(model, lost.requestId, 2));
    await take(earlier, 2);
    const later = await open(gateway, resume(model, lost.requestId, 2));
    const rest = (await later.rest()).map(eventOf);
    expect([rest[0]?.sequence, rest.at(-1)?.event.case]).toEqual([3, "end"]);
    for (const line of [lost, earlier]) {
      await line.rest();
      expect(line.status()).toEqual({
        code: "not_found",
        message: "Another connection has taken this stream up, and gets the rest of it.",
      });
    }
    expect(recordsOf(lost.requestId)).toEqual([{ outcome: "answered", reason: undefined }]);
  });

  test("the deadline of the first request goes on counting", async () => {
    const model = "house/text:tokens=1000:rate=50";
    const timeout = { "grpc-timeout": "400m", "connect-timeout-ms": "400" };
    const startedAt = performance.now();
    const arrival = simulator.nextCall();
    const line = await open(gateway, resumable(model), timeout);
    await take(line, 2);
    line.cut();
    const second = await open(gateway, resume(model, line.requestId, 2));
    await second.rest();
    expect(second.status().code).toBe("deadline_exceeded");
    expect(performance.now() - startedAt).toBeLessThan(400 + 250);
    expect((await (await arrival).closed).early).toBe(true);
    expect(recordsOf(line.requestId)).toEqual([{ outcome: "failed", reason: "DEADLINE_EXCEEDED" }]);
  });

  test("a shorter deadline of who takes it up ends the call, too", async () => {
    const model = "house/text:tokens=1000:rate=50";
    const line = await open(gateway, resumable(model));
    await take(line, 2);
    line.cut();
    const timeout = { "grpc-timeout": "200m", "connect-timeout-ms": "200" };
    const second = await open(gateway, resume(model, line.requestId, 2), timeout);
    await second.rest();
    expect(second.status().code).toBe("deadline_exceeded");
    await expect
      .poll(() => recordsOf(line.requestId), { interval: 5 })
      .toEqual([{ outcome: "cancelled", reason: "CANCELLED" }]);
  });

  test("a failure of the upstream that nobody heard of is told after what came before it", async () => {
    const model = "house/fault.cut-mid-stream:events=3";
    const line = await open(gateway, resumable(model));
    const { requestId } = line;
    line.cut();
    await expect.poll(() => recordsOf(requestId).length, { interval: 5 }).toBe(1);
    const second = await open(gateway, resume(model, requestId, 1));
    expect((await second.rest()).map((message) => eventOf(message).sequence).slice(0, 2)).toEqual([2, 3]);
    expect(second.status().code).toBe("unavailable");
    expect(recordsOf(requestId)).toMatchObject([{ outcome: "failed" }]);
  });

  test.each([
    ["is not known", { resume: { requestId: "6a1f5d3e-0000-4000-8000-000000000000" } }, "not_found", /Ask anew/],
    ["belongs to another feature", { attribution: { feature: "other" } }, "not_found", /Ask anew/],
    [
      "has no such event yet",
      { resume: { afterSequence: 1_000_000 } },
      "invalid_argument",
      /resume\.after_sequence: .*so far/,
    ],
    ["is asked for without the wish", { handling: {} }, "invalid_argument", /handling\.resumable: must be true/],
    ["has no id", { resume: { requestId: "" } }, "invalid_argument", /resume\.request_id/],
  ])("a stream that %s is refused, and goes on", async (_, wrong, code, message) => {
    const model = "house/text:tokens=4";
    const line = await open(gateway, resumable(model));
    const whole = await line.rest();
    const right = resume(model, line.requestId, 1);
    const asked = {
      ...right,
      ...wrong,
      resume: { ...right.resume, ...("resume" in wrong ? wrong.resume : {}) },
    } as Request;
    const refused = await open(gateway, asked);
    expect(await refused.rest()).toEqual([]);
    expect(refused.status()).toEqual({ code, message: expect.stringMatching(message) });
    expect(refused.requestId).not.toBe(line.requestId);
    expect(gateway.logged.filter(({ request_id }) => request_id === refused.requestId)).toMatchObject([
      { msg: "rejected", outcome: "rejected" },
    ]);
    const rest = await (await open(gateway, right)).rest();
    expect(Buffer.concat(rest)).toEqual(Buffer.concat(whole.slice(1)));
  });
});

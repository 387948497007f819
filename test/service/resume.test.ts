/** Kept streams, event by event: what readers get however often they are lost, and what is left in the end. */
import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  FinishReason,
  type StreamRequest,
  StreamRequestSchema,
  type StreamResponse,
} from "../../src/domain/contract.ts";
import type { GatewayError } from "../../src/domain/error.ts";
import type { Batch, ChatEvent } from "../../src/domain/event.ts";
import { blockDeltaEvent, blockStartEvent, endEvent, startEvent } from "../../src/domain/event.ts";
import { Calls } from "../../src/service/calls.ts";
import type { CallOwner, Departure, RpcContext } from "../../src/service/context.ts";
import { Resuming } from "../../src/service/resume.ts";
import { createMemoryResumeStore } from "../../src/service/resume-store.ts";
import type { RunningCall } from "../../src/service/resume-stream.ts";
import { createManualClock } from "../pipeline/manual-clock.ts";
import { unwatched } from "../support/unwatched.ts";

const GRACE_MS = 1000;
const ID = "00000000-0000-4000-8000-000000000000";

const request = create(StreamRequestSchema, {
  attribution: { feature: "test" },
  prompt: { model: "m" },
  handling: { resumable: true },
});

/** An RPC that goes away when told. */
function rpc(): RpcContext & { leave(how: Departure): void } {
  let listener: ((how: Departure) => void) | undefined;
  return {
    requestId: ID,
    system: "grpc",
    timeoutMs: undefined,
    peer: () => ({ address: "127.0.0.1:1", subject: undefined }),
    header: () => undefined,
    onGone(given) {
      listener = given;
    },
    continueAs: () => {},
    interrupt: () => {},
    leave: (how) => listener?.(how),
  };
}

/** Streams of a scripted answer. */
function setUp(batches: readonly Batch[], limits: { maxBytesPerStream?: number; maxBytes?: number } = {}) {
  const clock = createManualClock();
  const calls = new Calls(clock);
  const resuming = new Resuming(
    createMemoryResumeStore(),
    { graceMs: GRACE_MS, maxBytesPerStream: 1_000_000, maxBytes: 10_000_000, ...limits },
    clock,
  );
  let asked = 0;
  let closed = 0;
  const open = (owner: CallOwner): RunningCall => {
    const { prompt } = request;
    if (prompt === undefined) throw new Error("the request has no prompt");
    const opening = { delivery: "stream", arrivedAt: 0, defaultDeadlineMs: 600_000, watch: unwatched } as const;
    const { call, close } = calls.open(request, { prompt, delivery: "stream" as const }, opening, owner);
    const next = async (): Promise<Batch | undefined> => {
      if (call.signal.aborted) throw call.signal.reason as GatewayError;
      return batches[++asked];
    };
    return {
      call,
      answer: async () => ({ first: batches[0] as Batch, rest: { next, leave: () => {} } }),
      close: () => {
        closed++;
        close();
      },
    };
  };
  return {
    clock,
    calls,
    resuming,
    begin: (context: RpcContext) => resuming.begin(request, context, open),
    takeUp: async (afterSequence: number, context: RpcContext, from: StreamRequest = request) => {
      const resume = { $typeName: "sluice.v1.Resume" as const, requestId: ID, afterSequence, cancel: false };
      const events = await resuming.takeUp(resume, from, context);
      if (events === undefined) throw new Error("it was no cancel");
      return events;
    },
    get asked() {
      return asked;
    },
    get closed() {
      return closed;
    },
  };
}

const restart: ChatEvent = {
  case: "restart",
  value: { $typeName: "sluice.v1.StreamRestart", discardFromSequence: 2, provider: "p", model: "m" },
};
const end = endEvent({
  finishReason: FinishReason.STOP,
  providerFinishReason: "stop",
  model: "m",
  providerResponseId: "",
  usage: undefined,
  providerMetadata: undefined,
});

const middles = fc.array(
  fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.string({ maxLength: 8 }).map((text) => blockDeltaEvent(0, text)) },
      { weight: 1, arbitrary: fc.constant(restart) },
    ),
    { minLength: 1, maxLength: 4 },
  ),
  { maxLength: 15 },
);

test("whoever is lost and comes back, however often, has every event once and in order, restarts too", async () => {
  const visits = fc.array(fc.record({ reads: fc.nat(6), forgets: fc.nat(3), awayMs: fc.nat(GRACE_MS - 1) }));
  await fc.assert(
    fc.asyncProperty(middles, visits, async (middle, plan) => {
      const batches = [
        [startEvent("m", ""), blockStartEvent(0, { case: "text", value: { $typeName: "sluice.v1.TextBlock" } })],
      ];
      batches.push(...middle.map((batch) => [...batch]), [end]);
      const streams = setUp(batches);
      const got: StreamResponse[] = [];
      let context = rpc();
      let events = streams.begin(context)[Symbol.asyncIterator]();
      got.push((await events.next()).value);
      for (const { reads, forgets, awayMs } of plan) {
        for (let read = 0; read < reads; read++) {
          const { value, done } = await events.next();
          if (done === true) break;
          got.push(value);
        }
        context.leave("lost");
        // The last ones were lost on the way.
        got.length = Math.max(0, got.length - forgets);
        streams.clock.advance(awayMs);
        context = rpc();
        events = (await streams.takeUp(got.length, context))[Symbol.asyncIterator]();
      }
      for (let one = await events.next(); one.done !== true; one = await events.next()) got.push(one.value);
      expect(got.map(({ event }) => event)).toEqual(batches.flat());
      expect(got.map(({ sequence }) => sequence)).toEqual(got.map((_, at) => at + 1));
      streams.clock.advance(GRACE_MS);
      const { resuming, calls, clock, closed } = streams;
      expect({ ...resuming.size, calls: calls.size, timers: clock.timers, closed }).toEqual({
        ...{ streams: 0, bytes: 0, calls: 0, timers: 0, closed: 1 },
      });
    }),
  );
});

function manyBatches(count: number): Batch[] {
  return [[startEvent("m", "")], ...Array.from({ length: count }, (_, at) => [blockDeltaEvent(0, `${at}`)]), [end]];
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) await Promise.resolve();
}

test("a reader is not run ahead of: the next events are asked for once it has taken the last ones", async () => {
  const streams = setUp(manyBatches(50));
  const events = streams.begin(rpc())[Symbol.asyncIterator]();
  await settled();
  expect(streams.asked).toBe(0);
  for (let taken = 1; taken <= 5; taken++) {
    await events.next();
    await settled();
    expect(streams.asked).toBe(taken - 1);
  }
});

test("a call is over with its last event, whether or not its reader comes for more", async () => {
  const streams = setUp(manyBatches(0));
  const events = streams.begin(rpc())[Symbol.asyncIterator]();
  for (const _ of ["start", "end"]) await events.next();
  await settled();
  expect([streams.closed, streams.calls.size]).toEqual([1, 0]);
});

test("without a reader, events are asked for until half of the room is full, of a reader that took the other half", async () => {
  const streams = setUp(manyBatches(100), { maxBytesPerStream: 260 * 20 });
  const context = rpc();
  const events = streams.begin(context)[Symbol.asyncIterator]();
  for (let taken = 0; taken < 40; taken++) await events.next();
  context.leave("lost");
  await settled();
  expect(streams.asked).toBeGreaterThan(40 + 5);
  expect(streams.asked).toBeLessThan(40 + 15);
  const rest = await streams.takeUp(35, rpc());
  const got: number[] = [];
  for await (const { sequence } of rest) got.push(sequence);
  expect(got).toEqual(Array.from({ length: 102 - 35 }, (_, at) => 36 + at));
});

test("a stream that is lost before its first event is cancelled at once: nobody knows its request id", async () => {
  const streams = setUp(manyBatches(3));
  const context = rpc();
  streams.begin(context);
  context.leave("lost");
  await settled();
  const { resuming, calls, clock, closed } = streams;
  expect({ ...resuming.size, calls: calls.size, timers: clock.timers, closed }).toEqual({
    ...{ streams: 0, bytes: 0, calls: 0, timers: 0, closed: 1 },
  });
});

test("draining forgets what nobody reads, and the others when they are read", async () => {
  const streams = setUp(manyBatches(3));
  const context = rpc();
  const events = streams.begin(context)[Symbol.asyncIterator]();
  await events.next();
  streams.resuming.drain();
  expect(streams.resuming.size.streams).toBe(1);
  context.leave("lost");
  await settled();
  const { resuming, calls, clock, closed } = streams;
  expect({ ...resuming.size, calls: calls.size, timers: clock.timers, closed }).toEqual({
    ...{ streams: 0, bytes: 0, calls: 0, timers: 0, closed: 1 },
  });
});

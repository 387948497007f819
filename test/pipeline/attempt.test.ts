/** The stage that asks the targets, with a clock of the test's own and an upstream over real HTTP. */
import { setImmediate } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { AttemptOutcome, CompleteRequestSchema, ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Batch, ChatEvent } from "../../src/domain/event.ts";
import { Accounts } from "../../src/pipeline/account.ts";
import { attempt } from "../../src/pipeline/attempt.ts";
import { HealthRegistry } from "../../src/pipeline/health.ts";
import type { RoutedCall } from "../../src/pipeline/stages.ts";
import { loadCatalogue } from "../../src/pricing/catalogue.ts";
import { createPriceBook } from "../../src/pricing/price-book.ts";
import { Provider } from "../../src/provider/provider.ts";
import { findDialect } from "../../src/provider/registry.ts";
import { BREAKER_DEFAULTS } from "../../src/routing/breaker.ts";
import { RETRY_BUDGET_DEFAULTS } from "../../src/routing/retry-budget.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { batchesOf } from "../support/batches.ts";
import { unwatched } from "../support/unwatched.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

const HOUR_MS = 3_600_000;
const IDLE_MS = 30_000;

let clock: ManualClock;
let simulator: Simulator;
let provider: Provider;
let controller: AbortController;

beforeEach(async () => {
  clock = createManualClock();
  controller = new AbortController();
  simulator = await openSimulator();
  const dialect = findDialect(undefined, "openai-chat");
  if (dialect === undefined) throw new Error("The dialect is missing.");
  provider = new Provider({
    name: "house",
    dialect,
    clock,
    baseUrl: simulator.url,
    key: undefined,
    keyHeader: "authorization",
    vendor: "house",
    catalogueProvider: undefined,
    propagatesTrace: false,
    headers: {},
    apiVersion: undefined,
    connectTimeoutMs: 5000,
    maxConnections: 4,
    limits: { maxResponseBytes: 64 * 1024 * 1024, maxEventBytes: 1024 * 1024 },
  });
  onTestFinished(async () => {
    await provider.close();
    await simulator.close();
  });
});

/** A streamed call to this model, on its way; it ends in an hour. */
function start(model: string): { call: RoutedCall; events: AsyncIterator<ChatEvent> } {
  const { prompt, attribution } = create(CompleteRequestSchema, {
    attribution: { feature: "test" },
    prompt: {
      model: `house/${model}`,
      messages: [{ role: 2, parts: [{ content: { case: "text", value: "Hello" } }] }],
    },
  });
  if (prompt === undefined || attribution === undefined) throw new Error("The request has no prompt.");
  const call: RoutedCall = {
    id: "00000000-0000-0000-0000-000000000000",
    attribution,
    prompt,
    handling: undefined,
    delivery: "stream",
    signal: controller.signal,
    deadline: clock.now() + HOUR_MS,
    attempts: [],
    arrivedAt: 0,
    waits: { upstreamMs: 0, retryMs: 0, queueMs: 0 },
    watch: unwatched,
    targets: [{ provider, model }],
  };
  const stage = attempt({
    clock,
    random: () => 0,
    accounts: new Accounts(createPriceBook({ catalogue: loadCatalogue(), overrides: [] }), clock),
    hedging: new Map(),
    health: new HealthRegistry({ breaker: BREAKER_DEFAULTS, retryBudget: RETRY_BUDGET_DEFAULTS }, clock, () => 0),
    retry: { maxAttempts: 3, baseDelayMs: 100, maxDelayMs: 5000, maxRetryAfterMs: 60_000 },
    timeouts: { headersMs: 30_000, firstTokenMs: 30_000, idleMs: IDLE_MS, attemptMs: 24 * HOUR_MS },
  });
  return { call, events: oneByOne(batchesOf(stage(call))) };
}

async function* oneByOne(batches: AsyncIterable<Batch>): AsyncGenerator<ChatEvent> {
  for await (const events of batches) yield* events;
}

async function take(events: AsyncIterator<ChatEvent>, count: number): Promise<string> {
  const cases: string[] = [];
  for (let taken = 0; taken < count; taken++) cases.push((await events.next()).value.case);
  return cases.join(" ");
}

async function rest(events: AsyncIterator<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = [];
  for (let next = await events.next(); next.done !== true; next = await events.next()) all.push(next.value);
  return all;
}

const outcomes = (call: RoutedCall) => call.attempts.map(({ outcome, errorReason }) => [outcome, errorReason]);

test("a reader who is slow for an hour is no silent upstream", async () => {
  const { call, events } = start("text:total-bytes=4MiB");
  expect(await take(events, 3)).toBe("start blockStart blockDelta");
  clock.advance(HOUR_MS);
  const all = await rest(events);
  expect(all.at(-1)?.case).toBe("end");
  expect(outcomes(call)).toEqual([[AttemptOutcome.SUCCEEDED, ErrorReason.UNSPECIFIED]]);
  await simulator.idle();
  expect(clock.timers).toBe(0);
});

test("an upstream who is silent for the idle timeout is left, and not sooner", async () => {
  const { call, events } = start("fault.stall-mid-stream:events=3");
  expect(await take(events, 5)).toBe("start blockStart blockDelta blockDelta blockDelta");
  const failing = events.next().catch((error: unknown) => error);
  await setImmediate();
  clock.advance(IDLE_MS - 1);
  await setImmediate();
  expect(simulator.openRequests).toBe(1);
  clock.advance(1);
  expect(await failing).toMatchObject({
    reason: ErrorReason.UPSTREAM_TIMEOUT,
    message: `house did not send its next token in time (${IDLE_MS} ms into the attempt).`,
  });
  await simulator.idle();
  expect(outcomes(call)).toEqual([[AttemptOutcome.FAILED, ErrorReason.UPSTREAM_TIMEOUT]]);
  expect(clock.timers).toBe(0);
});

test("a reader who leaves closes the upstream's socket, and the attempt is a cancelled one", async () => {
  const arriving = simulator.nextCall();
  const { call, events } = start("fault.stall-mid-stream:events=3");
  expect(await take(events, 3)).toBe("start blockStart blockDelta");
  await events.return?.();
  expect((await (await arriving).closed).early).toBe(true);
  expect(outcomes(call)).toEqual([[AttemptOutcome.CANCELLED, ErrorReason.CANCELLED]]);
  expect(clock.timers).toBe(0);
});

test("a call that ends while nobody reads closes the upstream's socket before anybody does", async () => {
  const arriving = simulator.nextCall();
  const { call, events } = start("text:total-bytes=16MiB");
  expect(await take(events, 3)).toBe("start blockStart blockDelta");
  const over = new GatewayError(ErrorReason.DEADLINE_EXCEEDED, "The call's deadline passed.");
  controller.abort(over);
  expect((await (await arriving).closed).early).toBe(true);
  await expect(rest(events)).rejects.toBe(over);
  expect(outcomes(call)).toEqual([[AttemptOutcome.CANCELLED, ErrorReason.DEADLINE_EXCEEDED]]);
  expect(clock.timers).toBe(0);
});

test("waits to the millisecond as long as the only target asks", async () => {
  const { call, events } = start("flaky:fail=1:fault=rate-limited:retry-after=30");
  const first = events.next();
  await expect.poll(() => [call.attempts.length, clock.timers], { interval: 1 }).toEqual([1, 1]);
  clock.advance(29_999);
  await setImmediate();
  expect([simulator.calls.length, clock.timers]).toEqual([1, 1]);
  clock.advance(1);
  expect((await first).value.case).toBe("start");
  expect((await rest(events)).at(-1)?.case).toBe("end");
  expect(simulator.calls.length).toBe(2);
  expect(outcomes(call)).toEqual([
    [AttemptOutcome.FAILED, ErrorReason.UPSTREAM_RATE_LIMITED],
    [AttemptOutcome.SUCCEEDED, ErrorReason.UNSPECIFIED],
  ]);
});

test("a call that ends while it waits makes no further request, and leaves no timer", async () => {
  const { call, events } = start("flaky:fail=1:fault=rate-limited:retry-after=30");
  const failing = events.next();
  await expect.poll(() => [call.attempts.length, clock.timers], { interval: 1 }).toEqual([1, 1]);
  const left = new GatewayError(ErrorReason.CANCELLED, "The caller left.");
  controller.abort(left);
  await expect(failing).rejects.toBe(left);
  expect([simulator.calls.length, clock.timers, call.attempts.length]).toEqual([1, 0, 1]);
});

test("a call that has ended before makes no request", async () => {
  const left = new GatewayError(ErrorReason.CANCELLED, "The caller left.");
  controller.abort(left);
  const { call, events } = start("echo");
  await expect(events.next()).rejects.toBe(left);
  expect([simulator.calls.length, clock.scheduled, call.attempts]).toEqual([0, 0, []]);
});

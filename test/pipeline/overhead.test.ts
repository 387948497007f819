/** What the gateway itself adds to a call: its time without the waits for upstreams, retries and readers. */
import { create } from "@bufbuild/protobuf";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import type { Call } from "../../src/domain/call.ts";
import type { Clock } from "../../src/domain/clock.ts";
import { CompleteRequestSchema, ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Batch, Delivery } from "../../src/domain/event.ts";
import type { CallEnd, CallWatch } from "../../src/domain/watch.ts";
import { Accounts } from "../../src/pipeline/account.ts";
import { attempt } from "../../src/pipeline/attempt.ts";
import { HealthRegistry } from "../../src/pipeline/health.ts";
import { observe } from "../../src/pipeline/observe.ts";
import { route } from "../../src/pipeline/route.ts";
import { TargetSwitches } from "../../src/pipeline/target-switches.ts";
import { loadCatalogue } from "../../src/pricing/catalogue.ts";
import { createPriceBook } from "../../src/pricing/price-book.ts";
import { Provider } from "../../src/provider/provider.ts";
import { findDialect } from "../../src/provider/registry.ts";
import { BREAKER_DEFAULTS } from "../../src/routing/breaker.ts";
import { RETRY_BUDGET_DEFAULTS } from "../../src/routing/retry-budget.ts";
import { batchesOf } from "../support/batches.ts";
import { unwatched } from "../support/unwatched.ts";
import { answerWith } from "../upstream/raw.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

const HOUR_MS = 3_600_000;
const RETRY_MS = 4000;

type Answer = Parameters<typeof answerWith>[0];

let clock: ManualClock;
let controller: AbortController;

beforeEach(() => {
  clock = createManualClock();
  controller = new AbortController();
});

/** The clock, with something that happens once the gateway waits to try again. */
function passing(whileRetrying: () => void): Clock {
  return {
    now: () => clock.now(),
    wallNow: () => clock.wallNow(),
    schedule(ms, task) {
      const timer = clock.schedule(ms, task);
      if (ms === RETRY_MS) setImmediate(whileRetrying);
      return timer;
    },
  };
}

interface Started {
  readonly batches: AsyncIterator<Batch>;
  /** Ends of the call: there must be one. */
  readonly ends: readonly CallEnd[];
}

/** A call to an upstream that answers so. */
async function start(
  delivery: Delivery,
  answer: Answer,
  whileRetrying = () => clock.advance(RETRY_MS),
  watching: Partial<CallWatch> = {},
): Promise<Started> {
  const upstream = await answerWith(answer);
  const dialect = findDialect(undefined, "openai-chat");
  if (dialect === undefined) throw new Error("The dialect is missing.");
  const own = passing(whileRetrying);
  const house = new Provider({
    name: "house",
    dialect,
    clock: own,
    baseUrl: `http://127.0.0.1:${upstream.port}/v1`,
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
  onTestFinished(() => house.close());
  const ends: CallEnd[] = [];
  const { prompt, attribution } = create(CompleteRequestSchema, {
    attribution: { feature: "test" },
    prompt: { model: "house/m", messages: [{ role: 2, parts: [{ content: { case: "text", value: "Hello" } }] }] },
  });
  if (prompt === undefined || attribution === undefined) throw new Error("The request has no prompt.");
  const call: Call = {
    id: "00000000-0000-0000-0000-000000000000",
    attribution,
    prompt,
    handling: undefined,
    delivery,
    signal: controller.signal,
    deadline: clock.now() + HOUR_MS,
    attempts: [],
    arrivedAt: clock.now(),
    waits: { upstreamMs: 0, retryMs: 0, queueMs: 0 },
    watch: { ...unwatched, ...watching, ended: (end) => ends.push(end) },
  };
  const timeouts = { headersMs: HOUR_MS, firstTokenMs: HOUR_MS, idleMs: HOUR_MS, attemptMs: HOUR_MS };
  const attempted = attempt({
    clock: own,
    random: () => 1,
    hedging: new Map(),
    health: new HealthRegistry({ breaker: BREAKER_DEFAULTS, retryBudget: RETRY_BUDGET_DEFAULTS }, own, () => 0),
    retry: { maxAttempts: 3, baseDelayMs: RETRY_MS, maxDelayMs: RETRY_MS, maxRetryAfterMs: HOUR_MS },
    accounts: new Accounts(createPriceBook({ catalogue: loadCatalogue(), overrides: [] }), own),
    timeouts,
  });
  const routed = route(
    { providers: new Map([["house", house]]), aliases: new Map(), switches: new TargetSwitches() },
    () => 1,
  );
  const handle = observe<Call>(own)(
    routed(({ candidates: targets, ...routedCall }) => attempted({ ...routedCall, targets })),
  );
  return { batches: batchesOf(handle(call)), ends };
}

/** Reads to the end; `pause` is what the reader does with each batch. */
async function read({ batches, ends }: Started, pause = () => {}): Promise<readonly (readonly unknown[])[]> {
  try {
    while ((await batches.next()).done !== true) pause();
  } catch {
    // Told by `ends`.
  }
  return ends.map(({ outcome, latencyMs, overheadMs }) => [outcome, latencyMs, overheadMs]);
}

const whole = JSON.stringify({
  id: "x",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1, completion_tokens: 1 },
});

const event = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ id: "x", model: "m", choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;

/** Answers whole, this long after it was asked. */
const answerAfter =
  (ms: number): Answer =>
  (_, response) => {
    clock.advance(ms);
    response.writeHead(200, { "content-type": "application/json" });
    response.end(whole);
  };

test("the wait for a whole answer is none of it", async () => {
  expect(await read(await start("unary", answerAfter(700)))).toEqual([["answered", 700, 0]]);
});

test("what the gateway does itself is all of it", async () => {
  const busy: Partial<CallWatch> = {
    attempt() {
      clock.advance(30);
      return { headers: {}, came: () => clock.advance(4), ended: () => clock.advance(5) };
    },
  };
  expect(await read(await start("unary", answerAfter(700), undefined, busy))).toEqual([["answered", 739, 39]]);
});

test("neither the waits of a stream nor its slow reader are any of it", async () => {
  const answer: Answer = (_, response) => {
    clock.advance(500);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event({ content: "One" }));
    setTimeout(() => {
      clock.advance(250);
      response.end(`${event({ content: " two" })}${event({}, "stop")}data: [DONE]\n\n`);
    }, 50);
  };
  let reads = 0;
  const told = await read(await start("stream", answer), () => {
    reads++;
    clock.advance(10_000);
  });
  const [[outcome, latencyMs, overheadMs] = []] = told;
  expect({ outcome, latencyMs, overheadMs }).toEqual({
    outcome: "answered",
    latencyMs: 750 + reads * 10_000,
    overheadMs: 0,
  });
});

test("a reader that leaves in the middle took its time, not the gateway's", async () => {
  const started = await start("stream", (_, response) => {
    clock.advance(500);
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(event({ content: "One" }));
  });
  await started.batches.next();
  clock.advance(9000);
  await started.batches.return?.(undefined);
  expect(started.ends.map(({ outcome, latencyMs, overheadMs }) => [outcome, latencyMs, overheadMs])).toEqual([
    ["cancelled", 9500, 0],
  ]);
});

test("failed attempts and the waits between them are none of it", async () => {
  let asked = 0;
  const answer: Answer = (request, response, body) => {
    if (++asked > 2) {
      answerAfter(100)(request, response, body);
      return;
    }
    clock.advance(300);
    response.writeHead(503, { "content-type": "application/json" });
    response.end("{}");
  };
  expect(await read(await start("unary", answer))).toEqual([["answered", 300 + RETRY_MS + 300 + RETRY_MS + 100, 0]]);
});

test("the body of a refusal that comes slowly is none of it", async () => {
  const answer: Answer = (_, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.flushHeaders();
    setTimeout(() => {
      clock.advance(900);
      response.end("{}");
    }, 50);
  };
  expect(await read(await start("unary", answer))).toEqual([["failed", 900, 0]]);
});

test("a page of HTML that comes slowly is none of it", async () => {
  const answer: Answer = (_, response) => {
    response.writeHead(200, { "content-type": "text/html" });
    response.flushHeaders();
    setTimeout(() => {
      clock.advance(900);
      controller.abort(new GatewayError(ErrorReason.DEADLINE_EXCEEDED, "Too late."));
      response.end("<title>Hello</title>");
    }, 50);
  };
  expect(await read(await start("unary", answer))).toEqual([["failed", 900, 0]]);
});

test("a wait for a retry that is cut short is none of it", async () => {
  const answer: Answer = (_, response) => {
    clock.advance(300);
    response.writeHead(503).end();
  };
  const started = await start("unary", answer, () => {
    clock.advance(1500);
    controller.abort(new GatewayError(ErrorReason.CANCELLED, "The caller cancelled the call."));
  });
  expect(await read(started)).toEqual([["cancelled", 1800, 0]]);
});

test("an upstream that is silent until the call's end is none of it", async () => {
  const answer: Answer = () => {
    clock.advance(2500);
    controller.abort(new GatewayError(ErrorReason.DEADLINE_EXCEEDED, "Too late."));
  };
  expect(await read(await start("stream", answer))).toEqual([["failed", 2500, 0]]);
});

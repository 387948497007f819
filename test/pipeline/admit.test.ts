/** Who is let in, and when a place is free again: the stage with a clock and a next stage of the test's own. */
import { setImmediate } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import type { Answer, Call, Handler } from "../../src/domain/call.ts";
import { CompleteRequestSchema, ErrorReason, type Handling, Priority } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Batch } from "../../src/domain/event.ts";
import { Admission, type AdmissionOptions } from "../../src/pipeline/admission.ts";
import { admit, admitWhole } from "../../src/pipeline/admit.ts";
import { QUEUE_DEFAULTS } from "../../src/routing/queue.ts";
import { SHED_DEFAULTS } from "../../src/routing/shed.ts";
import { unwatched } from "../support/unwatched.ts";
import { createManualClock, type ManualClock } from "./manual-clock.ts";

const FAR = 1_000_000;

let clock: ManualClock;
let admission: Admission;
let handle: Handler<Call>;
let heapUsed: number;
let told: number[];
/** Calls that came through, by their ids, in order; each ends as the test says. */
let inside: Map<string, { answer(answer: Answer): void; fail(error: unknown): void }>;

function open(limit: Partial<AdmissionOptions["limit"]> = {}, queue: Partial<AdmissionOptions["queue"]> = {}): void {
  admission = new Admission(
    {
      limit: { initial: 1, min: 1, max: 1, maxLoopDelayMs: 10, ...limit },
      queue: { ...QUEUE_DEFAULTS, ...queue },
      shed: SHED_DEFAULTS,
    },
    clock,
    () => 0.5,
    { loopBusy: () => 0, heapUsed: () => heapUsed },
    (count) => told.push(count),
  );
  handle = admit(
    admission,
    clock,
  )(
    (call) =>
      new Promise((resolve, reject) => {
        inside.set(call.id, { answer: resolve, fail: reject });
      }),
  );
}

beforeEach(() => {
  clock = createManualClock();
  inside = new Map();
  heapUsed = 0;
  told = [];
  open();
});

interface Started {
  readonly call: Call;
  readonly answer: Promise<Answer>;
  readonly cancel: () => void;
}

function start(id: string, priority: Priority = Priority.UNSPECIFIED, deadline = FAR): Started {
  const { prompt, attribution } = create(CompleteRequestSchema, { attribution: {}, prompt: {} });
  if (prompt === undefined || attribution === undefined) throw new Error("The request has no prompt.");
  const controller = new AbortController();
  const call: Call = {
    id,
    attribution,
    prompt,
    handling: { priority } as Handling,
    delivery: "stream",
    signal: controller.signal,
    deadline,
    arrivedAt: clock.now(),
    attempts: [],
    waits: { upstreamMs: 0, retryMs: 0, queueMs: 0 },
    watch: unwatched,
  };
  const answer = handle(call);
  answer.catch(() => {});
  const cancel = (): void => controller.abort(new GatewayError(ErrorReason.CANCELLED, "gone"));
  return { call, answer, cancel };
}

const whole: Answer = { first: [], rest: undefined };

async function finish(id: string): Promise<void> {
  inside.get(id)?.answer(whole);
  await setImmediate();
}

async function reasonOf(answer: Promise<Answer>): Promise<unknown> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof GatewayError)) return error;
    return { reason: error.reason, because: error.metadata.because, retryAfterMs: error.retryAfterMs };
  }
  return "answered";
}

describe("a place", () => {
  const ends: Readonly<Record<string, (started: Started) => Promise<void>>> = {
    "the whole answer": () => finish("a"),
    "a failure": async () => inside.get("a")?.fail(new GatewayError(ErrorReason.UPSTREAM_ERROR, "down")),
    "the end of a stream": async ({ answer }) => {
      inside.get("a")?.answer({ first: [], rest: { next: async () => undefined, leave: () => {} } });
      const { rest } = await answer;
      expect(admission.inUse).toBe(2);
      expect(await rest?.next()).toBeUndefined();
      expect(await rest?.next()).toBeUndefined();
    },
    "a stream that breaks off": async ({ answer }) => {
      inside.get("a")?.answer({ first: [], rest: { next: () => Promise.reject(new Error("cut")), leave: () => {} } });
      const { rest } = await answer;
      await expect(rest?.next()).rejects.toThrow("cut");
      rest?.leave();
    },
    "a reader that leaves": async ({ answer }) => {
      let left = 0;
      inside.get("a")?.answer({ first: [], rest: { next: async () => [], leave: () => left++ } });
      const { rest } = await answer;
      await rest?.next();
      expect(admission.inUse).toBe(2);
      rest?.leave();
      rest?.leave();
      expect(left).toBe(2);
    },
  };

  test.each(Object.keys(ends))("is free after %s, once", async (end) => {
    open({ initial: 2, max: 2 });
    start("other");
    const first = start("a");
    expect(admission.inUse).toBe(2);
    await ends[end]?.(first);
    await setImmediate();
    expect(admission.inUse).toBe(1);
  });

  test("passes events on as they are", async () => {
    const [first, second]: Batch[] = [[], []];
    const { answer } = start("a");
    inside.get("a")?.answer({ first: first ?? [], rest: { next: async () => second, leave: () => {} } });
    const got = await answer;
    expect(got.first).toBe(first);
    expect(await got.rest?.next()).toBe(second);
  });
});

describe("a place of a call whose answer is no conversation", () => {
  test.each([
    ["its answer", () => Promise.resolve("vectors")],
    ["its failure", () => Promise.reject(new Error("down"))],
  ])("is free after %s", async (_, end) => {
    const { call } = start("first");
    const embed = admitWhole<Call, string>(admission, clock, end);
    const answer = embed(call).catch(() => "failed");
    expect([admission.inUse, admission.waiting("default")]).toEqual([1, 1]);
    await finish("first");
    await answer;
    expect([admission.inUse, admission.waiting("default")]).toEqual([0, 0]);
  });
});

describe("calls that find no place", () => {
  test("wait for one, and their wait is told apart", async () => {
    start("a");
    const { call } = start("b");
    clock.advance(40);
    expect([...inside.keys()]).toEqual(["a"]);
    await finish("a");
    expect([[...inside.keys()], call.waits.queueMs, admission.inUse]).toEqual([["a", "b"], 40, 1]);
  });

  test("get it by their priority", async () => {
    start("first");
    start("b", Priority.BATCH);
    start("d", Priority.DEFAULT);
    start("u");
    start("i", Priority.INTERACTIVE);
    // Of twenty turns, the first is batch's.
    for (const id of ["first", "b", "i", "d"]) await finish(id);
    expect([...inside.keys()]).toEqual(["first", "b", "i", "d", "u"]);
  });

  test("are refused at once where the deadline comes before their turn", async () => {
    start("a");
    start("b");
    clock.advance(50);
    await finish("a");
    const late = start("late", Priority.UNSPECIFIED, clock.now() + 40);
    expect(await reasonOf(late.answer)).toEqual({
      reason: ErrorReason.OVERLOADED,
      because: "too-late",
      retryAfterMs: 750,
    });
    expect(late.call.waits.queueMs).toBe(0);
  });

  test("are refused, batch first, where as many wait as may", async () => {
    open({}, { capacity: 2 });
    start("a");
    const batch = start("batch", Priority.BATCH);
    start("d");
    const interactive = start("i", Priority.INTERACTIVE);
    expect(await reasonOf(batch.answer)).toMatchObject({ reason: ErrorReason.OVERLOADED, because: "shed" });
    expect(await reasonOf(start("d2").answer)).toMatchObject({ because: "full" });
    await finish("a");
    expect([...inside.keys()]).toEqual(["a", "i"]);
    await finish("i");
    expect(await reasonOf(interactive.answer)).toBe("answered");
  });

  test("are refused after a while where the queue does not empty", async () => {
    start("a");
    const waiting = start("b");
    clock.advance(100);
    expect(admission.waiting("default")).toBe(1);
    clock.advance(25);
    expect(await reasonOf(waiting.answer)).toMatchObject({ because: "overloaded" });
    expect(waiting.call.waits.queueMs).toBe(125);
  });

  test("leave their place in the queue when they are cancelled", async () => {
    start("a");
    const gone = start("gone");
    start("b");
    gone.cancel();
    expect(await reasonOf(gone.answer)).toMatchObject({ reason: ErrorReason.CANCELLED });
    expect(admission.waiting("default")).toBe(1);
    await finish("a");
    expect([[...inside.keys()], admission.inUse]).toEqual([["a", "b"], 1]);
  });

  test("free the place that they got in the moment in which they were cancelled", async () => {
    start("a");
    const { cancel } = start("b");
    inside.get("a")?.answer(whole);
    await setImmediate();
    cancel();
    inside.get("b")?.fail(new GatewayError(ErrorReason.CANCELLED, "gone"));
    await setImmediate();
    expect(admission.inUse).toBe(0);
  });

  test("leave nothing behind, be they a thousand", async () => {
    start("a");
    const waiting = Array.from({ length: 1000 }, (_, at) => start(`w${at}`));
    expect(admission.waiting("default")).toBe(1000);
    for (const { cancel } of waiting.slice(0, 500)) cancel();
    clock.advance(1000);
    const reasons = await Promise.all(waiting.map(({ answer }) => reasonOf(answer)));
    expect(
      reasons.filter((reason) => (reason as { reason: ErrorReason }).reason === ErrorReason.CANCELLED),
    ).toHaveLength(500);
    await finish("a");
    clock.advance(2000);
    expect([admission.inUse, admission.waiting("default"), clock.timers]).toEqual([0, 0, 0]);
  });
});

describe("under pressure", () => {
  /** A process that runs one call, so that it looks at itself. */
  function press(share: number): void {
    open({ initial: 10, max: 10 });
    start("running");
    heapUsed = share;
    clock.advance(200);
  }

  test("batch is refused, and nobody else", async () => {
    press(0.81);
    expect(await reasonOf(start("b", Priority.BATCH).answer)).toEqual({
      reason: ErrorReason.OVERLOADED,
      because: "pressure",
      retryAfterMs: 1500,
    });
    start("d");
    expect([...inside.keys()]).toEqual(["running", "d"]);
  });

  test("then the default, too", async () => {
    press(0.9);
    expect(await reasonOf(start("d").answer)).toMatchObject({ because: "pressure" });
    start("i", Priority.INTERACTIVE);
    expect([...inside.keys()]).toEqual(["running", "i"]);
  });

  test("the process keeps looking until there is none any more, then it sleeps", async () => {
    press(0.99);
    await finish("running");
    expect(await reasonOf(start("i", Priority.INTERACTIVE).answer)).toMatchObject({ because: "pressure" });
    heapUsed = 0;
    clock.advance(10_000);
    expect(clock.timers).toBe(0);
    start("b", Priority.BATCH);
    expect([...inside.keys()]).toEqual(["running", "b"]);
  });
});

test("says before any work is done who would be refused", () => {
  open({}, { capacity: 1 });
  expect([admission.strict, admission.refusal("batch", FAR)]).toEqual([false, undefined]);
  start("a");
  expect([admission.strict, admission.refusal("batch", FAR)]).toEqual([true, undefined]);
  start("b");
  expect(admission.refusal("default", FAR)?.toError().message).toBe(
    "This instance has too much to do: as many calls wait as may. Wait as RetryInfo says; another instance may answer at once.",
  );
  expect([...admission.refused()]).toEqual([["default", "full", 1]]);
});

test("tells once a second how many were refused", async () => {
  open({}, { capacity: 1 });
  start("a");
  start("b");
  for (let at = 0; at < 10; at++) {
    start("c", Priority.BATCH);
    clock.advance(5);
  }
  clock.advance(3000);
  expect(told).toEqual([11]);
});

test("an idle process sets no timer", async () => {
  expect(clock.scheduled).toBe(0);
  start("a");
  await finish("a");
  clock.advance(100);
  expect(clock.timers).toBe(0);
});

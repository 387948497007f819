/** A gateway that has as many calls as it takes: who is refused, how it is told, and what still answers. */
import * as http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { type CallOptions, Code } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { CompleteRequestSchema, Priority, StreamRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { doors, failureOf, methods } from "./failures.ts";
import { frame } from "./wire.ts";

/** Speaks, and then says nothing until it is left. */
const STALLS = "house/fault.stall-mid-stream:events=1";
const ECHO = "house/echo";

let simulator: Simulator;
let gateway: TestGateway;
let leaving: AbortController[];

beforeEach(async () => {
  simulator = await openSimulator();
  leaving = [];
  gateway = await startGateway(
    houseConfig(simulator.url, "overload: { max_calls: 1, max_waiting: 1, max_wait: 20s }\n"),
    { random: () => 0.5 },
  );
});

afterEach(async () => {
  for (const each of leaving) each.abort();
  await gateway.close();
  await simulator.close();
});

function asking(model: string, priority: Priority) {
  return { ...ask(model), handling: { priority } };
}

/** Holds the only place, until the returned function is called. */
async function occupy(): Promise<() => void> {
  const controller = new AbortController();
  leaving.push(controller);
  const events = gateway.client.stream(ask(STALLS), { signal: controller.signal })[Symbol.asyncIterator]();
  expect((await events.next()).value?.event.case).toBe("start");
  return () => controller.abort();
}

async function metric(name: string, label = ""): Promise<number> {
  const page = await (await fetch(`http://${gateway.httpAddress}/metrics`)).text();
  const line = page.split("\n").find((each) => each.startsWith(name) && each.includes(label));
  return Number(line?.split(" ").at(-1) ?? 0);
}

/** Takes a place in the queue. */
async function queue(priority: Priority, options: CallOptions = {}): Promise<{ readonly ended: Promise<string> }> {
  const before = await waiting();
  const ended = gateway.client.complete(asking(ECHO, priority), options).then(
    () => "answered",
    (error: { code: Code }) => Code[error.code] ?? "",
  );
  await expect.poll(waiting, { interval: 5, timeout: 10_000 }).toBe(before + 1);
  return { ended };
}

async function waiting(): Promise<number> {
  const names = ["interactive", "default", "batch"];
  const counts = await Promise.all(names.map((name) => metric("sluice_queue_length", `"${name}"`)));
  return counts.reduce((total, count) => total + count, 0);
}

const REFUSED = {
  code: Code.Unavailable,
  reason: "OVERLOADED",
  domain: "sluice",
  retryAfterS: 0.75,
  violations: [],
};

describe("where as many wait as may", () => {
  describe.each(doors)("over %s", (door) => {
    test.each(methods)("%s is refused at once, and told when to come back", async (method) => {
      await occupy();
      await queue(Priority.DEFAULT);
      const failure = await failureOf(gateway[door], method, ask(ECHO));
      expect(failure).toMatchObject(REFUSED);
      expect(failure.metadata).toEqual({ priority: "default", because: "full", request_id: failure.requestId });
      expect(failure.message).toContain("as many calls wait as may");
    });
  });

  test("batch makes room for interactive calls", async () => {
    const leave = await occupy();
    const batch = await queue(Priority.BATCH);
    const interactive = gateway.client.complete(asking(ECHO, Priority.INTERACTIVE));
    expect(await batch.ended).toBe("Unavailable");
    leave();
    expect((await interactive).provider).toBe("house");
  });

  test("the priority of a message that comes in pieces counts, too", async () => {
    const leave = await occupy();
    const batch = await queue(Priority.BATCH);
    const bytes = frame(
      toBinary(CompleteRequestSchema, create(CompleteRequestSchema, asking(ECHO, Priority.INTERACTIVE))),
    );
    const session = http2.connect(`http://${gateway.grpcAddress}`);
    const stream = session.request({
      ":method": "POST",
      ":path": "/sluice.v1.GatewayService/Complete",
      "content-type": "application/grpc",
      te: "trailers",
    });
    const trailers = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("trailers", resolve));
    stream.resume();
    for (const byte of bytes) {
      stream.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    stream.end();
    expect(await batch.ended).toBe("Unavailable");
    leave();
    expect((await trailers)["grpc-status"]).toBe("0");
    session.close();
  });

  test("a call without a message is told to come again", async () => {
    await occupy();
    const session = http2.connect(`http://${gateway.grpcAddress}`);
    const stream = session.request(
      { ":method": "POST", ":path": "/sluice.v1.GatewayService/Complete", "content-type": "application/grpc" },
      { endStream: true },
    );
    const error = await new Promise((resolve) => stream.once("error", resolve));
    expect([stream.rstCode, error]).toEqual([http2.constants.NGHTTP2_REFUSED_STREAM, expect.any(Error)]);
    session.close();
  });

  test("refused calls are counted, and told of in one line", async () => {
    await occupy();
    await queue(Priority.DEFAULT);
    for (let at = 0; at < 3; at++) await failureOf(gateway.client, "complete", ask(ECHO));
    expect(await metric("sluice_overload_refused_total")).toBe(3);
    expect(await metric("sluice_requests_total", 'sluice_reason="OVERLOADED"')).toBe(3);
    await expect
      .poll(() => gateway.logged.filter(({ msg }) => msg === "calls refused: too many").length, { timeout: 10_000 })
      .toBeGreaterThan(0);
    expect(gateway.logged.filter(({ msg }) => msg === "rejected")).toEqual([]);
  });

  test("health, reflection, models and pages answer", async () => {
    await occupy();
    await queue(Priority.DEFAULT);
    for (const path of ["healthz", "readyz", "metrics"]) {
      expect((await fetch(`http://${gateway.httpAddress}/${path}`)).status).toBe(200);
    }
    const session = http2.connect(`http://${gateway.grpcAddress}`);
    for (const path of ["/grpc.health.v1.Health/Check", "/sluice.v1.ModelService/ListModels"]) {
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
      const trailers = new Promise<http2.IncomingHttpHeaders>((resolve) => stream.once("trailers", resolve));
      stream.resume();
      stream.end(frame(new Uint8Array()));
      expect([path, (await trailers)["grpc-status"]]).toEqual([path, "0"]);
    }
    session.close();
  });
});

describe("a place is the next one's", () => {
  test("once its call was cancelled in its stream; the wait is in the log", async () => {
    const leave = await occupy();
    const next = await queue(Priority.DEFAULT);
    leave();
    expect(await next.ended).toBe("answered");
    const line = gateway.logged.find(({ msg, outcome }) => msg === "call" && outcome === "answered");
    expect(line?.queue_ms).toBeGreaterThan(0);
  });

  test("once its call's deadline passed", async () => {
    const slow = await failureOf(gateway.client, "stream", ask(STALLS), { timeoutMs: 400 });
    expect(slow.code).toBe(Code.DeadlineExceeded);
    await gateway.client.complete(ask(ECHO));
  });

  test("once its call failed, or was answered, as often as one likes", async () => {
    for (let at = 0; at < 5; at++) {
      await gateway.client.complete(ask(ECHO));
      await failureOf(gateway.client, "complete", ask("house/fault.status:code=400"));
      for await (const _ of gateway.client.stream(ask(ECHO)));
    }
    expect(await metric("sluice_overload_refused_total")).toBe(0);
  });

  test("and one that waits leaves the queue when its caller does", async () => {
    await occupy();
    const controller = new AbortController();
    const gone = await queue(Priority.DEFAULT, { signal: controller.signal });
    controller.abort();
    expect(await gone.ended).toBe("Canceled");
    await expect.poll(waiting, { interval: 5 }).toBe(0);
  });
});

test("a call whose deadline comes while it waits ends then", async () => {
  await occupy();
  const failure = await failureOf(gateway.client, "complete", ask(ECHO), { timeoutMs: 300 });
  expect(failure.code).toBe(Code.DeadlineExceeded);
});

describe("a target that is full", () => {
  const SILENT = "house/fault.no-response";
  const limited = "overload: { target_concurrency: { initial: 1, min: 1, max: 1 } }\n";

  async function start(more: string): Promise<TestGateway> {
    const started = await startGateway(houseConfig(simulator.url, limited + more), { random: () => 0.5 });
    onTestFinished(() => started.close());
    return started;
  }

  /** Waits for a first token, until the returned function is called. */
  async function wait(at: TestGateway): Promise<() => Promise<void>> {
    const controller = new AbortController();
    const before = simulator.calls.length;
    const failed = failureOf(at.client, "stream", ask(SILENT), { signal: controller.signal });
    await expect.poll(() => simulator.calls.length, { interval: 5, timeout: 10_000 }).toBe(before + 1);
    return async () => {
      controller.abort();
      await failed;
    };
  }

  test("is asked no more; the call is told to come again, until there is a place", async () => {
    const other = await start("");
    const stop = await wait(other);
    const failure = await failureOf(other.client, "stream", ask(SILENT), { timeoutMs: 5000 });
    expect(failure).toMatchObject({ ...REFUSED, message: expect.stringContaining(`wait for ${SILENT}`) });
    await stop();
    const again = async (): Promise<Code> =>
      (await failureOf(other.client, "stream", ask(SILENT), { timeoutMs: 300 })).code;
    await expect.poll(again, { interval: 5, timeout: 10_000 }).toBe(Code.DeadlineExceeded);
  });

  test("is passed over for the next one", async () => {
    const other = await start(`models: { either: { targets: ["${SILENT}", "${ECHO}"] } }\n`);
    const stop = await wait(other);
    const answer = await other.client.complete(ask("either"));
    expect(answer.provider).toBe("house");
    expect(answer.attempts).toHaveLength(1);
    await stop();
  });
});

test("a stream's wishes are read as a whole call's", () => {
  expect(StreamRequestSchema.field.handling.number).toBe(CompleteRequestSchema.field.handling.number);
});

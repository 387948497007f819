/** Streams followed to their end, over connections that break. */
import { Code, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Answer } from "../../src/client/answer.ts";
import { type FollowOptions, followStream, IncompleteAnswerError } from "../../src/client/follow-stream.ts";
import { hostPace } from "../../src/client/wait.ts";
import { GatewayService, OnStreamFailure } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { type BreakableWay, openBreakableWay } from "./breakable.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  const targets = '["house/fault.cut-mid-stream:events=3", "house/text:tokens=8:rate=100"]';
  // Every time anew: the target that breaks is neither taken out nor spared.
  const always = "breaker: { consecutive_failures: 1000, min_attempts: 1000 }\nretry: { budget_per_second: 1000 }";
  gateway = await startGateway(
    houseConfig(simulator.url, `models: { breaking: { targets: ${targets} } }\n${always}\n`),
  );
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

interface Case {
  readonly name: string;
  readonly address: () => string;
  readonly transport: (baseUrl: string) => Transport;
}

const cases: readonly Case[] = [
  { name: "gRPC", address: () => gateway.grpcAddress, transport: (baseUrl) => createGrpcTransport({ baseUrl }) },
  {
    name: "Connect over HTTP/1.1",
    address: () => gateway.httpAddress,
    transport: (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  },
  {
    name: "gRPC-Web over HTTP/1.1",
    address: () => gateway.httpAddress,
    transport: (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  },
];

/** Reconnects at once. */
const pace = { ...hostPace, random: () => 0 };

function recordsOf(requestId: string | undefined): unknown[] {
  return gateway.logged
    .filter((line) => line.request_id === requestId && line.msg === "call")
    .map((line) => line.outcome);
}

async function all(answers: AsyncIterable<Answer>): Promise<Answer[]> {
  const found: Answer[] = [];
  for await (const answer of answers) found.push(answer);
  return found;
}

async function caught(run: () => Promise<unknown>): Promise<IncompleteAnswerError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof IncompleteAnswerError) return error;
    throw error;
  }
  return expect.fail("it did not fail");
}

describe.each(cases)("over $name", ({ address, transport }) => {
  async function onWay<T>(
    run: (
      way: BreakableWay,
      follow: (
        model: string,
        more?: FollowOptions,
        handling?: { onStreamFailure: OnStreamFailure },
      ) => AsyncGenerator<Answer>,
    ) => Promise<T>,
  ): Promise<T> {
    const way = await openBreakableWay(address());
    const client = createClient(GatewayService, transport(way.url));
    try {
      return await run(way, (model, more = {}, handling = { onStreamFailure: OnStreamFailure.FAIL }) =>
        followStream(client, { ...ask(model), handling }, { pace, ...more }),
      );
    } finally {
      await way.close();
    }
  }

  test.each(["house/text:tokens=8:rate=100", "house/text:tokens=8", "house/reasoning"])(
    "%s arrives whole and once, wherever its connection was cut",
    async (model) => {
      const expected = await gateway.client.complete(ask(model));
      const whole = await onWay((_, follow) => all(follow(model)));
      await Promise.all(
        whole.map((_, at) =>
          onWay(async (way, follow) => {
            const answers: Answer[] = [];
            for await (const answer of follow(model)) {
              answers.push(answer);
              if (answers.length === at + 1) way.cut();
            }
            expect(answers.map(({ parts }) => parts)).toEqual(whole.map(({ parts }) => parts));
            const last = answers.at(-1);
            expect(last?.parts).toEqual(expected.parts);
            expect(last?.end?.usage).toEqual(expected.usage);
            expect(recordsOf(last?.requestId)).toEqual(["answered"]);
          }),
        ),
      );
    },
  );

  test("a gateway that is out of reach for a while is asked again until it is back", async () => {
    await onWay(async (way, follow) => {
      let waits = 0;
      const patient = {
        ...hostPace,
        wait: async (): Promise<void> => {
          waits++;
          if (waits === 4) way.block(false);
        },
      };
      let answers = 0;
      let last: Answer | undefined;
      for await (const answer of follow("house/text:tokens=20:rate=50", { pace: patient })) {
        last = answer;
        if (++answers === 3) way.block(true);
      }
      expect([last?.end?.finishReason, waits >= 4]).toEqual([1, true]);
    });
  });

  test("one that stays out of reach is given up in time, with what has come", async () => {
    await onWay(async (way, follow) => {
      let now = 0;
      const waited: number[] = [];
      const manual = {
        now: () => now,
        random: () => 1,
        wait: async (ms: number): Promise<void> => {
          waited.push(ms);
          now += ms;
        },
      };
      let last: Answer | undefined;
      const error = await caught(async () => {
        for await (const answer of follow("house/text:tokens=100:rate=50", { pace: manual, reconnectForMs: 10_000 })) {
          last = answer;
          if (answer.parts.length > 0) way.block(true);
        }
      });
      expect([error.answer, error.answer.end]).toEqual([last, undefined]);
      expect(waited).toEqual([100, 200, 400, 800, 1600, 3200]);
    });
  });

  test("an answer that began anew at another target is that one's alone, wherever its connection was cut", async () => {
    const expected = await gateway.client.complete(ask("house/text:tokens=8"));
    const handling = { onStreamFailure: OnStreamFailure.RESTART };
    const whole = await onWay((_, follow) => all(follow("breaking", {}, handling)));
    const lengths = whole.map(({ parts }) => parts.length);
    expect(lengths.lastIndexOf(0)).toBeGreaterThan(lengths.indexOf(1));
    await Promise.all(
      whole.map((_, at) =>
        onWay(async (way, follow) => {
          const answers: Answer[] = [];
          for await (const answer of follow("breaking", {}, handling)) {
            answers.push(answer);
            if (answers.length === at + 1) way.cut();
          }
          expect(answers.map(({ parts }) => parts)).toEqual(whole.map(({ parts }) => parts));
          expect(answers.at(-1)?.parts).toEqual(expected.parts);
          expect(recordsOf(answers.at(-1)?.requestId)).toEqual(["answered"]);
        }),
      ),
    );
  });

  test.each([
    ["house/fault.cut-mid-stream:events=3", Code.Unavailable],
    ["house/fault.server-error", Code.Unavailable],
  ])("%s is no answer, and not asked for again", async (model, code) => {
    await onWay(async (_, follow) => {
      const error = await caught(() => all(follow(model)));
      expect([error.cause.code, error.answer.end]).toEqual([code, undefined]);
    });
  });

  test("its own deadline counts over all connections", async () => {
    await onWay(async (way, follow) => {
      const startedAt = performance.now();
      let answers = 0;
      const error = await caught(async () => {
        for await (const _ of follow("house/text:tokens=1000:rate=50", { timeoutMs: 500 })) {
          if (++answers === 3) way.cut();
        }
      });
      expect(error.cause.code).toBe(Code.DeadlineExceeded);
      expect(performance.now() - startedAt).toBeLessThan(500 + 250);
      expect(error.answer.parts).toHaveLength(1);
    });
  });

  test.each(["aborts", "leaves the loop"])("who %s cancels the call at once", async (how) => {
    await onWay(async (_, follow) => {
      const arrival = simulator.nextCall();
      const leaving = new AbortController();
      let leftAt = 0;
      let requestId: string | undefined;
      let failure: unknown;
      try {
        for await (const answer of follow("house/text:tokens=1000:rate=50", { signal: leaving.signal })) {
          requestId = answer.requestId;
          if (answer.parts.length === 0) continue;
          leftAt = performance.now();
          if (how === "leaves the loop") break;
          leaving.abort();
        }
      } catch (error) {
        failure = error;
      }
      expect(failure instanceof IncompleteAnswerError && failure.cause.code).toBe(
        how === "aborts" ? Code.Canceled : false,
      );
      expect((await (await arrival).closed).early).toBe(true);
      expect(performance.now() - leftAt).toBeLessThan(250);
      await expect.poll(() => recordsOf(requestId), { interval: 5 }).toEqual(["cancelled"]);
    });
  });
});

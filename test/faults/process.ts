/** The process: it is told to stop, killed, made to stand still, misled by the clock, misconfigured, starved. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { GatewayService } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { portOf } from "../doors/wire.ts";
import { PLAIN } from "../upstream/fault-table.ts";
import { besideHealthyCalls } from "./beside.ts";
import { type CallOptions, type CallRecord, makeCall } from "./call.ts";
import type { FaultCase, Section } from "./case.ts";
import { Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";
import { tell } from "./words.ts";

/** Three seconds of 60 tokens. */
const STREAMED = "house/text:tokens=60:rate=20";
const STREAMED_WORDS = 60;
const STALLED = "house/fault.stall-mid-stream";

export const processFaults: Section = {
  name: "process",
  async open() {
    const simulator = await openSimulator({ keptCalls: 5000 });
    const stage = await Stage.open({
      providers: { house: { base_url: simulator.url } },
      limits: { drain_timeout: "60s" },
      watched: [watch(simulator)],
    });
    return {
      stage,
      cases: [...stops, ...kills(simulator), ...stalls, ...clocks, badConfigs, noFiles],
      notes: [
        "The pause of a minute is one of three seconds, for calls that allow a silence of one and a half.",
        "The clock is set inside the process, for all that reads it: the machine's own stays.",
      ],
      async close() {
        await stage.close();
        await simulator.close();
      },
    };
  },
};

interface Streams {
  /** All of them have shown something. */
  readonly begun: Promise<unknown>;
  readonly ended: Promise<readonly CallRecord[]>;
}

/** Opens streams, fifty on a connection, and keeps their records. */
function openStreams(stage: Stage, count: number, model: string, options: CallOptions = {}): Streams {
  const begun: Promise<void>[] = [];
  const ended: Promise<CallRecord>[] = [];
  let client = stage.clients.grpc;
  for (let stream = 0; stream < count; stream++) {
    if (stream % 50 === 0) {
      client = createClient(GatewayService, createGrpcTransport({ baseUrl: `http://${stage.grpcAddress}` }));
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    begun.push(promise);
    const call = makeCall(client, "stream", model, {
      timeoutMs: 60_000,
      ...options,
      onEvent: (name) => name === "blockDelta" && resolve(),
    });
    ended.push(call.finally(resolve));
  }
  return {
    begun: Promise.all(begun),
    ended: Promise.all(ended).then((records) => {
      stage.calls.push(...records);
      return records;
    }),
  };
}

/** How calls ended, equal ones counted. */
function count(records: readonly CallRecord[], toWords: (record: CallRecord) => string): string {
  const counts = new Map<string, number>();
  for (const record of records) counts.set(toWords(record), (counts.get(toWords(record)) ?? 0) + 1);
  return [...counts].map(([words, times]) => `${times}× ${words}`).join(", ");
}

const isWhole = ({ code, text }: CallRecord): boolean => code === "OK" && text.split(" ").length === STREAMED_WORDS;
const wholeOrCode = (record: CallRecord): string =>
  isWhole(record) ? "whole" : `${record.code} ${record.reason ?? ""}`.trim();

const stops: readonly FaultCase[] = [
  {
    name: "SIGTERM with 500 streams that end within the window",
    expected: "500× whole; 500 lines; exit 0",
    async play(stage) {
      const { begun, ended } = openStreams(stage, 500, STREAMED);
      await begun;
      stage.gateway.child.kill("SIGTERM");
      const words = count(await ended, wholeOrCode);
      const { code } = await stage.gateway.ended;
      const lines = stage.lines.filter(({ outcome, model }) => outcome === "answered" && model === STREAMED).length;
      await stage.restart();
      return `${words}; ${lines} lines; exit ${code}`;
    },
  },
  {
    name: "SIGTERM twice with 50 streams that do not end",
    expected: "50× Unavailable SHUTTING_DOWN; cancelled SHUTTING_DOWN 200; retry in 1 s; partial; exit 0",
    async play(stage) {
      const { begun, ended } = openStreams(stage, 50, STALLED);
      await begun;
      stage.gateway.child.kill("SIGTERM");
      await stage.gateway.line("draining");
      stage.gateway.child.kill("SIGTERM");
      const words = count(await ended, (record) => tell(record, { shown: /^The water/ }));
      const { code } = await stage.gateway.ended;
      await stage.restart();
      return `${words}; exit ${code}`;
    },
  },
];

async function kill(stage: Stage): Promise<void> {
  stage.exempt.set("I2", "a killed process tells its callers nothing");
  stage.exempt.set("I6", "nor does it write records; none is kept elsewhere yet");
  stage.gateway.child.kill("SIGKILL");
  await stage.gateway.ended;
}

function kills(simulator: Simulator): readonly FaultCase[] {
  return [
    {
      name: "SIGKILL while idle",
      expected: "the next process answers",
      async play(stage) {
        await kill(stage);
        await stage.restart();
        return "the next process answers";
      },
    },
    {
      name: "SIGKILL in mid-stream",
      expected: "50 streams: none succeeds; upstream idle",
      async play(stage) {
        const { begun, ended } = openStreams(stage, 50, STREAMED);
        await begun;
        await kill(stage);
        const succeeded = (await ended).filter(({ code }) => code === "OK").length;
        await simulator.idle();
        await stage.restart();
        return `50 streams: ${succeeded === 0 ? "none" : succeeded} succeeds; upstream idle`;
      },
    },
    {
      name: "SIGKILL while calls settle, three times",
      expected: "60 calls: each is whole or fails; upstream idle",
      async play(stage) {
        let broken = 0;
        for (let round = 0; round < 3; round++) {
          const arrival = simulator.nextCall();
          const calls = Array.from({ length: 20 }, () => stage.call("unary", "house/text:tokens=10"));
          await (await arrival).closed;
          await kill(stage);
          for (const { code, text } of await Promise.all(calls))
            if (code === "OK" ? text !== PLAIN : text !== "") broken++;
          await simulator.idle();
          await stage.restart();
        }
        return `${stage.calls.length} calls: ${broken === 0 ? "each is whole or fails" : `${broken} broken`}; upstream idle`;
      },
    },
  ];
}

/** Streams that run while the process stands still for a while. */
function stall(
  name: string,
  expected: string,
  options: CallOptions,
  stand: (stage: Stage) => Promise<number>,
): FaultCase {
  return {
    name,
    expected,
    async play(stage) {
      const { begun, ended } = openStreams(stage, 20, STREAMED, options);
      await begun;
      stage.stoodStillMs = await stand(stage);
      const records = await ended;
      if (expected.startsWith("20×")) return count(records, wholeOrCode);
      const told = records.filter((record) => isWhole(record) || record.reason === "UPSTREAM_TIMEOUT").length;
      return `${told} of 20 are whole, or told of a silence`;
    },
  };
}

const suspend =
  (ms: number) =>
  async ({ gateway }: Stage): Promise<number> => {
    gateway.child.kill("SIGSTOP");
    await new Promise((resolve) => setTimeout(resolve, ms));
    gateway.child.kill("SIGCONT");
    return ms;
  };

const block =
  (ms: number) =>
  async (stage: Stage): Promise<number> => {
    await stage.command({ do: "block", ms });
    return ms;
  };

const SHORT_SILENCE = { handling: { idleTimeout: { seconds: 1n, nanos: 500_000_000 } } };

const stalls: readonly FaultCase[] = [
  stall("event loop stalled for 2 s", "20× whole", {}, block(2000)),
  stall("SIGSTOP for 2 s, then SIGCONT", "20× whole", {}, suspend(2000)),
  stall(
    "a pause longer than the allowed silence",
    "20 of 20 are whole, or told of a silence",
    SHORT_SILENCE,
    suspend(3000),
  ),
  stall("deadlines that pass in a pause", "20× DeadlineExceeded DEADLINE_EXCEEDED", { timeoutMs: 1000 }, suspend(3000)),
];

const HOUR_MS = 3_600_000;

const clocks: readonly FaultCase[] = [
  [HOUR_MS, "ahead", "OK, whole; RATE_LIMITED 429, answers"],
  [-HOUR_MS, "behind", "ResourceExhausted RATE_LIMITED; RATE_LIMITED 429; retry in 3602 s"],
].map(([aheadMs, where, dated]): FaultCase => {
  const name = `wall clock set an hour ${where}, in mid-stream`;
  return {
    name,
    expected: `20× whole; durations are sane; 429 until a date: ${dated}`,
    async play(stage) {
      const before = stage.lines.length;
      const { begun, ended } = openStreams(stage, 20, STREAMED);
      await begun;
      await stage.command({ do: "set clock", aheadMs: Number(aheadMs) });
      try {
        const words = count(await ended, wholeOrCode);
        const model = `house/flaky:fail=1:fault=rate-limited:date=${where === "ahead" ? 2001 : 2000}ms`;
        const call = await stage.call("unary", model, { timeoutMs: 10_000 });
        const wanted = { whole: PLAIN, retryAfterMs: HOUR_MS + 2000, retryToleranceMs: 1500 };
        const sane = stage.lines.slice(before).every(({ latency_ms: ms }) => Number(ms) >= 0 && Number(ms) < 30_000);
        return `${words}; durations are ${sane ? "sane" : "wrong"}; 429 until a date: ${tell(call, wanted)}`;
      } finally {
        await stage.command({ do: "set clock", aheadMs: 0 });
      }
    },
  };
});

const REFUSED = "the configuration has errors; the one before stays";

const badConfigs: FaultCase = {
  name: "bad configurations at reload, with 20 streams",
  expected: "5 refused, each error with its path; 20× whole",
  async play(stage) {
    const { begun, ended } = openStreams(stage, 20, STREAMED);
    await begun;
    const refused = (): readonly Record<string, unknown>[] =>
      stage.gateway.logged().filter(({ msg }) => msg === REFUSED) as Record<string, unknown>[];
    const bad = [
      "providers: { house: { dialect: openai-chat } }",
      "listn: {}",
      "providers: [",
      "limits: { idle_timeout: soon }",
      stage.yaml.replace('"limits":{', '"limits":{"idle_timout":"1s",'),
    ];
    let withPath = 0;
    for (const yaml of bad) {
      const before = refused().length;
      stage.gateway.rewrite(yaml);
      stage.gateway.child.kill("SIGHUP");
      const line = await stage.gateway.line(REFUSED, before + 1);
      const problems = line.problems as readonly { readonly path?: string; readonly message: string }[];
      if (problems.length > 0 && problems.every(({ path = "", message }) => path !== "" || /line \d/.test(message)))
        withPath++;
    }
    stage.gateway.rewrite(stage.yaml);
    stage.gateway.child.kill("SIGHUP");
    await stage.gateway.line("configuration reloaded");
    return `${withPath} refused, each error with its path; ${count(await ended, wholeOrCode)}`;
  },
};

const noFiles: FaultCase = {
  name: "out of file descriptors",
  expected: "60 calls: each is whole or Unavailable UNREACHABLE; some of each; healthy ones beside them are served",
  async play(stage) {
    const limit = (files: string): unknown =>
      execFileSync("prlimit", [`--nofile=${files}:`, "--pid", String(stage.pid)]);
    const open = readdirSync(`/proc/${stage.pid}/fd`).length;
    const strangers = Array.from({ length: 20 }, () =>
      connect(portOf(stage.httpAddress), "127.0.0.1").on("error", () => {}),
    );
    limit(String(open + 10));
    try {
      return await besideHealthyCalls(stage, async () => {
        const calls = Array.from({ length: 60 }, () => stage.call("stream", "house/text:tokens=10:rate=20"));
        const records = await Promise.all(calls);
        const whole = records.filter(({ code, text }) => code === "OK" && text === PLAIN).length;
        const told = records.filter(
          ({ code, reason }) => code === "Unavailable" && reason === "UPSTREAM_UNREACHABLE",
        ).length;
        const each =
          whole + told === records.length ? "each is whole or Unavailable UNREACHABLE" : count(records, wholeOrCode);
        const some = whole > 0 && told > 0 ? "some of each" : `${whole} whole, ${told} unreachable`;
        return `60 calls: ${each}; ${some}; healthy ones beside them are served`;
      });
    } finally {
      limit("20000");
      for (const socket of strangers) socket.destroy();
    }
  },
};

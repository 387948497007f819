/** Callers that do not stop to ask while their targets are down: what comes of it upstream, and when it is over. */
import type { SimulatorCall } from "../../src/simulator/calls.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import type { ReceivedSpan } from "../support/otlp/span.ts";
import type { CallRecord } from "./call.ts";
import type { FaultCase, RunOptions, Section } from "./case.ts";
import { Stage } from "./stage.ts";
import { watch } from "./upstream-answers.ts";

const CALLS_PER_SECOND = 50;
/** The budget of the catalogue: a fifth of the requests, and ten a second for each target. */
const BUDGET_RATIO = 1.2;
const BUDGET_PER_SECOND = 10;
const RETRY_AFTER_S = 2;
const FLAPPING_MS = 9000;
const BACK_WITHIN_MS = 30_000;

const down = ["down-a/fault.error-status", "down-b/fault.error-status"];
const limited = [0, 1].map((at) => `limited-${at}/fault.rate-limited:retry-after=${RETRY_AFTER_S}`);
const flapping = `flapping/fault.flapping:period=3s:for=${FLAPPING_MS / 1000}s`;

export const storms: Section = {
  name: "storms",
  async open({ full }: RunOptions) {
    const seconds = full ? 60 : 20;
    const simulator = await openSimulator({ keptCalls: 100_000 });
    // Each of its own, so that its requests can be told apart.
    const limiting = [await openSimulator({ keptCalls: 100_000 }), await openSimulator({ keptCalls: 100_000 })];
    const names = ["alone", "down-a", "down-b", "flapping", "shunned", "spare"];
    const urls = [
      ...names.map((name) => [name, simulator.url]),
      ...limiting.map(({ url }, at) => [`limited-${at}`, url]),
    ];
    const stage = await Stage.open({
      providers: Object.fromEntries(urls.map(([name, url]) => [name, { base_url: url }])),
      models: {
        down,
        limited,
        flaps: [flapping, "spare/text:tokens=10"],
        shuns: ["shunned/fault.server-error", "spare/text:tokens=10"],
      },
      watched: [simulator, ...limiting].map(watch),
    });
    return {
      stage,
      cases: [
        amplification("the only target is down", "alone/fault.server-error", 1, seconds, simulator),
        amplification("both targets are down", "down", 2, seconds, simulator),
        obedience(seconds, limiting),
        flaps(simulator),
        shunning(simulator),
      ],
      notes: full ? [] : [`Storms last ${seconds} s here, and a minute with --full.`],
      async close() {
        await stage.close();
        for (const one of [simulator, ...limiting]) await one.close();
      },
    };
  },
};

/** Makes calls at a steady rate, whatever comes of them, and waits for the last one's end. */
async function storm(stage: Stage, model: string, seconds: number): Promise<readonly CallRecord[]> {
  const calls: Promise<CallRecord>[] = [];
  const startedAt = performance.now();
  for (let call = 0; call < seconds * CALLS_PER_SECOND; call++) {
    const waitMs = startedAt + (call * 1000) / CALLS_PER_SECOND - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    calls.push(stage.call("unary", model));
  }
  return await Promise.all(calls);
}

const callsSince = ({ calls }: Simulator, number: number): readonly SimulatorCall[] =>
  calls.filter((call) => call.number > number);
const lastNumber = ({ calls }: Simulator): number => calls.at(-1)?.number ?? 0;

/** Each target has a budget of its own for what is beyond the calls' first attempts. */
function amplification(name: string, model: string, targets: number, seconds: number, simulator: Simulator): FaultCase {
  const requests = seconds * CALLS_PER_SECOND;
  const most = requests * BUDGET_RATIO + seconds * BUDGET_PER_SECOND * targets;
  return {
    name: `${name} for ${seconds} s at ${CALLS_PER_SECOND} calls a second`,
    expected: `${requests} calls: at most ${most} requests upstream`,
    async play(stage) {
      const before = lastNumber(simulator);
      await storm(stage, model, seconds);
      const arrived = lastNumber(simulator) - before;
      if (arrived > most) stage.miss("I4", `${arrived} requests upstream`);
      return `${requests} calls: ${arrived <= most ? `at most ${most}` : arrived} requests upstream`;
    },
  };
}

/**
 * No target is asked before the time that it gave. By the gateway's own account of when attempts began and ended: a
 * request that was on its way when another one was refused is none of these.
 */
function obedience(seconds: number, servers: readonly Simulator[]): FaultCase {
  return {
    name: `both targets ask for ${RETRY_AFTER_S} s, for ${seconds} s`,
    expected: "no request sooner than asked",
    async play(stage) {
      await storm(stage, "limited", seconds);
      const arrived = servers.reduce((sum, { calls }) => sum + calls.length, 0);
      const spans = (): readonly ReceivedSpan[] =>
        stage.collector.spans.filter(
          ({ kind, attributes }) => kind === "CLIENT" && /^limited/.test(String(attributes["gen_ai.provider.name"])),
        );
      await waitUntil(() => spans().length === arrived);
      const early = Object.values(
        Object.groupBy(spans(), ({ attributes }) => String(attributes["gen_ai.provider.name"])),
      ).flatMap((attempts = []) => attempts.filter((one) => attempts.some((other) => isEarly(one, other))));
      if (early.length > 0) stage.miss("I4", `${early.length} of ${arrived} requests sooner than asked`);
      return `${early.length === 0 ? "no" : early.length} request sooner than asked`;
    },
  };
}

/** Spans tell of whole milliseconds of a wall clock. */
const SPAN_SLACK_MS = 5;

function isEarly(one: ReceivedSpan, other: ReceivedSpan): boolean {
  const sinceMs = one.startMs - (other.startMs + other.durationMs);
  return sinceMs > SPAN_SLACK_MS && sinceMs < RETRY_AFTER_S * 1000 - SPAN_SLACK_MS;
}

async function waitUntil(holds: () => boolean): Promise<void> {
  const giveUpAt = performance.now() + 5000;
  while (!holds() && performance.now() < giveUpAt) await new Promise((resolve) => setTimeout(resolve, 20));
}

function flaps(simulator: Simulator): FaultCase {
  return {
    name: `a target flaps for ${FLAPPING_MS / 1000} s, with a spare`,
    expected: "each call is answered; back within 30 s of recovery",
    async play(stage) {
      const name = flapping.split("/")[1];
      const asked = (): readonly SimulatorCall[] => simulator.calls.filter(({ model }) => model === name);
      let failed = 0;
      for (const { code } of await storm(stage, "flaps", (FLAPPING_MS + 2000) / 1000)) if (code !== "OK") failed++;
      const recoveredAt = (asked()[0]?.startedAtMs ?? 0) + FLAPPING_MS;
      const giveUpAt = performance.now() + BACK_WITHIN_MS;
      while (!asked().some(({ startedAtMs }) => startedAtMs > recoveredAt) && performance.now() < giveUpAt) {
        for (const { code } of await storm(stage, "flaps", 1)) if (code !== "OK") failed++;
      }
      const back = asked().find(({ startedAtMs }) => startedAtMs > recoveredAt);
      return `${failed === 0 ? "each" : `all but ${failed}`} call is answered; ${back === undefined ? "not back" : "back within 30 s of recovery"}`;
    },
  };
}

/** The circuit: a target that fails every time is asked now and then, not by every call. */
function shunning(simulator: Simulator): FaultCase {
  return {
    name: "a target that is down is shunned, with a spare",
    expected: "each call is answered; the target is asked by less than a tenth of them",
    async play(stage) {
      const before = lastNumber(simulator);
      const records = await storm(stage, "shuns", 10);
      const failed = records.filter(({ code }) => code !== "OK").length;
      const asked = callsSince(simulator, before).filter(({ model }) => model === "fault.server-error").length;
      const share = asked < records.length / 10 ? "less than a tenth of them" : `${asked} requests`;
      return `${failed === 0 ? "each" : `all but ${failed}`} call is answered; the target is asked by ${share}`;
    },
  };
}

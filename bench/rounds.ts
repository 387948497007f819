import type { LoadProcess } from "./load-process.ts";
import type { Scenario } from "./load-protocol.ts";
import { readCpuNs, readResidentBytes } from "./meter.ts";
import { IDLE_MODEL, type Plan, STREAMS_PER_CONNECTION, scenarios } from "./plan.ts";
import type { Progress } from "./progress.ts";
import type { Subject, SubjectName, Subjects } from "./subjects.ts";

/** One round of one scenario against one subject. */
export interface Sample {
  readonly calls: number;
  readonly callsPerSecond: number;
  /** CPU of the subject's process; undefined where it cannot be read. */
  readonly cpuMicrosPerCall: number | undefined;
  /** Share of one CPU that the subject used. */
  readonly busy: number | undefined;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** By round. */
type Samples = { readonly [N in SubjectName]: readonly Sample[] };

export interface Measured {
  readonly scenario: Scenario;
  readonly samples: Samples;
}

/** Memory that an open stream adds, bytes, by round. */
export type IdleBytes = { readonly [N in SubjectName]: readonly (number | undefined)[] };

/** What is measured, in no order of its own. */
const order: readonly SubjectName[] = ["gateway", "relay-grpc", "gateway-unwatched", "relay-http", "direct"];

/** A Williams design: turned five ways, forwards and backwards, each of five follows each other equally often. */
const DESIGN = [0, 1, 4, 2, 3] as const;

/** The order of a round. Whoever always follows the same one would pay for what that one left in the caches. */
function inOrderOf<T>(round: number, all: readonly T[]): T[] {
  const turn = Math.floor(round / 2);
  const drawn = DESIGN.flatMap((at) => all[(at + turn) % all.length] ?? []);
  return round % 2 === 0 ? drawn : drawn.reverse();
}

/** Runs scenarios in rounds, each round against every subject, so that a noisy moment does not hit one of them alone. */
export async function measureLoad(
  part: "unary" | "stream",
  subjects: Subjects,
  load: LoadProcess,
  plan: Plan,
  progress: Progress,
): Promise<readonly Measured[]> {
  const started: Subject[] = [];
  for (const name of order) started.push(await subjects.start(name));
  const durationMs = part === "unary" ? plan.unaryMs : plan.streamMs;
  progress.step(`${part}: warming up`);
  for (const { target } of started) {
    for (const scenario of scenarios[part].slice(-2)) await load.run({ target, scenario, durationMs: plan.warmUpMs });
  }
  const measured: Measured[] = [];
  for (const scenario of scenarios[part]) {
    const samples: { [N in SubjectName]: Sample[] } = {
      direct: [],
      "relay-http": [],
      "relay-grpc": [],
      "gateway-unwatched": [],
      gateway: [],
    };
    for (let round = 0; round < plan.rounds; round++) {
      progress.step(`${scenario.name}: round ${round + 1} of ${plan.rounds}`);
      for (const subject of inOrderOf(round, started)) {
        samples[subject.name].push(await sample(subject, scenario, load, durationMs));
      }
    }
    measured.push({ scenario, samples });
  }
  for (const subject of started) await subjects.stop(subject);
  return measured;
}

async function sample(
  { target, child }: Subject,
  scenario: Scenario,
  load: LoadProcess,
  durationMs: number,
): Promise<Sample> {
  const before = child === undefined ? undefined : readCpuNs(child.pid);
  const { calls, wallMs, p50Ms, p99Ms } = await load.run({ target, scenario, durationMs });
  const after = child === undefined ? undefined : readCpuNs(child.pid);
  const cpuMicros = before === undefined || after === undefined ? undefined : (after - before) / 1000;
  return {
    calls,
    callsPerSecond: (calls * 1000) / wallMs,
    cpuMicrosPerCall: cpuMicros === undefined ? undefined : cpuMicros / calls,
    busy: cpuMicros === undefined ? undefined : cpuMicros / 1000 / wallMs,
    p50Ms,
    p99Ms,
  };
}

/**
 * Open already at the first reading. They take what is allocated once, and the room that starting has left in the
 * heap, so that what further streams add is theirs.
 */
const PRIMING_STREAMS = 200;

/** Opens many streams that say nothing against a fresh process of each subject, and compares what it occupies. */
export async function measureIdle(
  subjects: Subjects,
  load: LoadProcess,
  { idle }: Plan,
  progress: Progress,
): Promise<IdleBytes> {
  const bytes: { [N in SubjectName]: (number | undefined)[] } = {
    direct: [],
    "relay-http": [],
    "relay-grpc": [],
    "gateway-unwatched": [],
    gateway: [],
  };
  for (let round = 0; round < idle.rounds; round++) {
    for (const name of order.filter((one) => one !== "direct" && one !== "gateway-unwatched")) {
      progress.step(`${idle.streams} idle streams, ${name}: round ${round + 1} of ${idle.rounds}`);
      const subject = await subjects.start(name);
      const read = (): number | undefined => readResidentBytes(subject.child?.pid ?? 0);
      const hold = async (streams: number): Promise<void> => {
        await load.hold({ target: subject.target, model: IDLE_MODEL, streams, perConnection: STREAMS_PER_CONNECTION });
        await delay(idle.settleMs);
      };
      await hold(PRIMING_STREAMS);
      const before = read();
      await hold(idle.streams);
      const after = read();
      await load.release();
      await subjects.stop(subject);
      bytes[name].push(before === undefined || after === undefined ? undefined : (after - before) / idle.streams);
    }
  }
  return bytes;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { type DialectMicros, REFERENCE } from "./dialects.ts";
import { budgets } from "./plan.ts";
import type { IdleBytes, Measured, Sample } from "./rounds.ts";
import { eachRound, type Figure, toFigure } from "./statistics.ts";
import type { SubjectName } from "./subjects.ts";

/** A figure with a limit, and whether it keeps it; undefined where it could not be measured. */
export interface Verdict {
  readonly what: string;
  readonly figure: Figure | undefined;
  readonly budget: number;
  readonly ok: boolean | undefined;
}

export interface Row {
  readonly subject: SubjectName;
  readonly cpuMicrosPerCall: Figure | undefined;
  readonly cpuMicrosPerEvent: Figure | undefined;
  readonly callsPerSecond: Figure | undefined;
  readonly busy: Figure | undefined;
  readonly p50Ms: Figure | undefined;
  readonly p99Ms: Figure | undefined;
  /** Against the upstream without anything before it, in the same round. */
  readonly addedP50Ms: Figure | undefined;
  readonly addedP99Ms: Figure | undefined;
  /** CPU against the gRPC relay's, in the same round. */
  readonly ratio: Figure | undefined;
}

export interface ScenarioReport {
  readonly name: string;
  readonly streamed: boolean;
  readonly rows: readonly Row[];
}

interface DialectRow {
  readonly dialect: string;
  readonly cpuMicrosPerEvent: Figure | undefined;
  /** To openai-chat in the same round. */
  readonly ratio: Figure | undefined;
}

export interface Report {
  readonly scenarios: readonly ScenarioReport[];
  readonly idleBytesPerStream: { readonly [N in SubjectName]?: Figure | undefined };
  readonly dialects: readonly DialectRow[];
  readonly verdicts: readonly Verdict[];
}

const shown: readonly SubjectName[] = ["direct", "relay-http", "relay-grpc", "gateway-unwatched", "gateway"];

/** Makes figures of the rounds, and compares them with the budgets. */
export function toReport(
  measured: readonly Measured[],
  idle: IdleBytes | undefined,
  dialectMicros: DialectMicros,
): Report {
  const scenarios = measured.map(toScenario);
  const verdicts = scenarios.map(({ name, streamed, rows }) => {
    const figure = rows.find(({ subject }) => subject === "gateway")?.ratio;
    return toVerdict(`CPU ratio, ${name}`, figure, streamed ? budgets.eventRatio : budgets.unaryRatio);
  });
  const idleBytesPerStream = Object.fromEntries(
    Object.entries(idle ?? {})
      .filter(([, rounds]) => rounds.length > 0)
      .map(([name, rounds]) => [name, toFigure(rounds)]),
  );
  if (idle !== undefined) {
    verdicts.push(toVerdict("bytes for an idle stream", toFigure(idle.gateway), budgets.idleStreamBytes));
  }
  const dialects = toDialectRows(dialectMicros);
  for (const { dialect, ratio } of dialects) {
    if (dialect !== REFERENCE) verdicts.push(toVerdict(`CPU ratio, decoding ${dialect}`, ratio, budgets.dialectRatio));
  }
  return { scenarios, idleBytesPerStream, dialects, verdicts };
}

function toDialectRows(micros: DialectMicros): DialectRow[] {
  return Object.entries(micros).map(([dialect, rounds]) => ({
    dialect,
    cpuMicrosPerEvent: toFigure(rounds),
    ratio: toFigure(eachRound(rounds, micros[REFERENCE] ?? [], (own, other) => own / other)),
  }));
}

function toScenario({ scenario, samples }: Measured): ScenarioReport {
  const streamed = scenario.delivery === "stream";
  const figure = (of: readonly Sample[], read: (sample: Sample) => number | undefined) => toFigure(of.map(read));
  const rows = shown.map((subject): Row => {
    const own = samples[subject];
    const perEvent = ({ cpuMicrosPerCall }: Sample) =>
      cpuMicrosPerCall === undefined ? undefined : cpuMicrosPerCall / scenario.tokens;
    return {
      subject,
      cpuMicrosPerCall: figure(own, (sample) => sample.cpuMicrosPerCall),
      cpuMicrosPerEvent: streamed ? figure(own, perEvent) : undefined,
      callsPerSecond: figure(own, (sample) => sample.callsPerSecond),
      busy: figure(own, (sample) => sample.busy),
      p50Ms: figure(own, (sample) => sample.p50Ms),
      p99Ms: figure(own, (sample) => sample.p99Ms),
      addedP50Ms: subject === "direct" ? undefined : toFigure(eachRound(own, samples.direct, subtract("p50Ms"))),
      addedP99Ms: subject === "direct" ? undefined : toFigure(eachRound(own, samples.direct, subtract("p99Ms"))),
      ratio: toFigure(eachRound(own, samples["relay-grpc"], divide)),
    };
  });
  return { name: scenario.name, streamed, rows };
}

function subtract(key: "p50Ms" | "p99Ms"): (a: Sample, b: Sample) => number {
  return (a, b) => a[key] - b[key];
}

function divide(a: Sample, b: Sample): number | undefined {
  if (a.cpuMicrosPerCall === undefined || b.cpuMicrosPerCall === undefined) return undefined;
  return a.cpuMicrosPerCall / b.cpuMicrosPerCall;
}

function toVerdict(what: string, figure: Figure | undefined, budget: number): Verdict {
  return { what, figure, budget, ok: figure === undefined ? undefined : figure.median <= budget };
}

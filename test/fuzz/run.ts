import { Buffer } from "node:buffer";
import { type Fuzzed, readSeeds } from "./dialects.ts";
import { Dice } from "./dice.ts";
import { type Input, judge } from "./judge.ts";
import { chunk, mutate, type Seed } from "./mutate.ts";

interface Finding {
  readonly at: number;
  readonly wrong: string;
  readonly input: Input;
}

export interface Fuzzing {
  readonly inputs: number;
  readonly events: number;
  readonly slowestMs: number;
  readonly findings: readonly Finding[];
}

export interface FuzzOptions {
  readonly count: number;
  readonly seed: number;
  /** The first input, to look at one again. */
  readonly from?: number;
  /** Ends early at this instant of `performance.now()`. */
  readonly until?: number;
  readonly maxFindings?: number;
  readonly onProgress?: (inputs: number) => void;
}

/** The n-th input of a seed: always the same for the same recorded answers. */
function inputAt(fuzzed: Fuzzed, seeds: readonly Seed[], seed: number, at: number): { input: Input; dice: Dice } {
  const dice = new Dice(Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(at + 1, 0x85ebca6b));
  const start = dice.pick(seeds) ?? { body: Buffer.from("{}"), whole: true, status: 200 };
  const body = mutate(start, fuzzed.dialect.framing, dice, seeds);
  const whole = dice.once(20) ? !start.whole : start.whole;
  const status = dice.once(20) ? dice.pick([200, 400, 401, 404, 413, 429, 500, 503, 529]) : start.status;
  return { input: { chunks: chunk(body, dice), whole, status }, dice };
}

/** Gives a dialect wrong bodies, one after the other. */
export async function fuzz(fuzzed: Fuzzed, options: FuzzOptions): Promise<Fuzzing> {
  const { count, seed, from = 0, until = Number.POSITIVE_INFINITY, maxFindings = 20, onProgress } = options;
  const seeds = readSeeds(fuzzed);
  const findings: Finding[] = [];
  let [events, slowestMs, inputs] = [0, 0, 0];
  for (let at = from; at < from + count && findings.length < maxFindings; at++) {
    if (at % 256 === 0 && performance.now() > until) break;
    const { input, dice } = inputAt(fuzzed, seeds, seed, at);
    const verdict = await judge(fuzzed.dialect, input, dice.once(4));
    inputs++;
    events += verdict.events;
    slowestMs = Math.max(slowestMs, verdict.ms);
    if (verdict.wrong !== undefined) findings.push({ at, wrong: verdict.wrong, input });
    if (inputs % 10_000 === 0) onProgress?.(inputs);
  }
  return { inputs, events, slowestMs, findings };
}

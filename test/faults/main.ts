/**
 * Plays every fault of the catalogue against the real process, over real sockets, and looks at seven invariants after
 * each: `npm run faults`. Prints a table, and exits with 1 where anything is not as it must be.
 */
import { parseArgs } from "node:util";
import { within } from "../upstream/support.ts";
import { makeCall } from "./call.ts";
import type { FaultCase, OpenSection, RunOptions, Section } from "./case.ts";
import { checkInvariants, checkSpans, takeBaseline } from "./invariants.ts";
import { measureWaits } from "./machine.ts";
import { sections } from "./sections.ts";
import { HEALTHY, type Stage } from "./stage.ts";
import { isGood, type Result, toText } from "./table.ts";

const HELP = `npm run faults -- [options]

  --section TEXT    sections whose name holds the text
  --only TEXT       cases whose name holds the text
  --pending         also cases that wait for what is not there yet; they count
  --full            storms of a minute, and every recorded stream
  --help            print this and exit
`;

/** Calls by which a fresh process is made warm, and the machine's load is measured. */
const WARM_UP_CALLS = 30;

/** A case that takes longer hangs. */
const CASE_MS = 120_000;

const { values } = parseArgs({
  options: {
    section: { type: "string", default: "" },
    only: { type: "string", default: "" },
    pending: { type: "boolean", default: false },
    full: { type: "boolean", default: false },
    help: { type: "boolean" },
  },
});

async function main(): Promise<void> {
  if (values.help === true) {
    process.stdout.write(HELP);
    return;
  }
  const startedAt = performance.now();
  const results: Result[] = [];
  for (const section of sections.filter(({ name }) => name.includes(values.section))) {
    const open = await section.open({ full: values.full } satisfies RunOptions);
    try {
      results.push(...(await playSection(section, open)));
    } finally {
      await open.close();
    }
  }
  summarize(results, performance.now() - startedAt);
}

async function playSection(section: Section, { stage, cases, notes = [] }: OpenSection): Promise<Result[]> {
  const wanted = cases.filter(({ name }) => name.includes(values.only));
  if (wanted.length === 0) return [];
  console.log(`\n== ${section.name}: ${wanted.length} cases`);
  console.log(`   ${await warmUp(stage)}`);
  const results: Result[] = [];
  for (const one of wanted) {
    const result = await playCase(section, one, stage);
    results.push(result);
    console.log(toText(result));
  }
  const spans = {
    section: section.name,
    name: "what the collector was sent of all this",
    exempt: new Map(),
    tookMs: 0,
  };
  const words = "a span for each attempt, no secret";
  const result: Result = { ...spans, expected: words, seen: words, misses: await checkSpans(stage) };
  results.push(result);
  console.log(toText(result));
  for (const note of notes) console.log(`   ${note}`);
  return results;
}

/** Says how fast healthy calls are before anything happens, and how long processes wait for a processor meanwhile. */
async function warmUp(stage: Stage): Promise<string> {
  const waits = measureWaits([stage.pid, process.pid]);
  const took: number[] = [];
  for (let call = 0; call < WARM_UP_CALLS; call++) {
    const client = call % 2 === 0 ? stage.clients.grpc : stage.clients.connect;
    took.push((await makeCall(client, call % 4 < 2 ? "stream" : "unary", HEALTHY)).tookMs);
  }
  took.sort((a, b) => a - b);
  const [median = 0, most = 0] = [took[WARM_UP_CALLS / 2], took.at(-1)];
  return (
    `baseline: a healthy call takes ${median.toFixed(1)} ms, at most ${most.toFixed(1)} ms; ` +
    `${waits().toFixed(0)} ms of ${took.reduce((sum, ms) => sum + ms, 0).toFixed(0)} ms waited for a processor`
  );
}

let greatestAllowanceMs = 0;

async function playCase(section: Section, one: FaultCase, stage: Stage): Promise<Result> {
  const { name, expected, pending } = one;
  const shared = { section: section.name, name, expected };
  if (pending !== undefined && !values.pending) {
    return { ...shared, seen: "", misses: [], exempt: new Map(), tookMs: 0, pending };
  }
  stage.begin();
  const before = await takeBaseline(stage);
  const startedAt = performance.now();
  const waits = measureWaits([stage.pid, process.pid]);
  let seen: string;
  try {
    seen = await within(CASE_MS, one.play(stage), "its end");
  } catch (error) {
    seen = `the case itself failed: ${error instanceof Error ? error.message : String(error)}`;
  }
  const tookMs = performance.now() - startedAt;
  // Half of the allowance is measured while the case runs, half while the invariants are looked at.
  const allowanceMs = waits();
  greatestAllowanceMs = Math.max(greatestAllowanceMs, allowanceMs);
  const misses = await checkInvariants(stage, before, allowanceMs);
  return { ...shared, seen, misses, exempt: new Map(stage.exempt), tookMs };
}

function summarize(results: readonly Result[], tookMs: number): void {
  const pending = results.filter((result) => result.pending !== undefined);
  const missed = results.filter((result) => !isGood(result));
  console.log("\n== in short");
  console.log(
    `${results.length - pending.length} cases played, ${missed.length} missed, ${pending.length} pending; ` +
      `${(tookMs / 1000).toFixed(0)} s. Bounds in time were widened by what the two processes had waited for a processor: ` +
      `at most ${greatestAllowanceMs.toFixed(0)} ms.`,
  );
  console.log(
    "Not here: the catalogue's section of backends (Redis, PostgreSQL), which do not exist yet; overload has a run of its own.",
  );
  for (const result of missed) console.log(`\n${result.section}\n${toText(result)}`);
  for (const { section, name, pending: why } of pending) console.log(`pending  ${section}: ${name} (${why})`);
  if (missed.length > 0) process.exitCode = 1;
}

await main();

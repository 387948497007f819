import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Children } from "./children.ts";
import { type DialectMicros, measureDialects } from "./dialects.ts";
import { LoadProcess } from "./load-process.ts";
import { canMeter } from "./meter.ts";
import { measureOverload } from "./overload.ts";
import { fullPlan, type Part, parts, quickPlan, scenarios } from "./plan.ts";
import { Progress } from "./progress.ts";
import { toReport } from "./report.ts";
import { type IdleBytes, type Measured, measureIdle, measureLoad } from "./rounds.ts";
import { Subjects } from "./subjects.ts";
import { toText } from "./table.ts";

const HELP = `what the gateway costs, beside two relays that do as little as they can

  npm run bench -- [options]

  --quick       short rounds: rough figures, for a smoke test
  --only PART   ${parts.join(", ")}; all by default. Or overload: what becomes of the
                gateway when it is asked ten times as much as it can do
  --enforce     exit with 1 where a budget is not kept
  --help        print this and exit

Figures go to standard output, and with every round to bench/results/. Nothing
else should be running meanwhile.
`;

/** Average of waiting and running processes above which somebody else uses the machine. */
const BUSY_LOAD = 0.5;

const EXIT = { ok: 0, failed: 1, wrongArguments: 2, interrupted: 130 } as const;

interface Arguments {
  readonly quick: boolean;
  readonly enforce: boolean;
  readonly help: boolean;
  readonly chosen: readonly Part[];
  readonly overload: boolean;
}

interface Rounds {
  readonly measured: readonly Measured[];
  readonly idle: IdleBytes | undefined;
  readonly dialects: DialectMicros;
}

function parseArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      quick: { type: "boolean", default: false },
      enforce: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
      only: { type: "string" },
    },
  });
  const overload = values.only === "overload";
  const chosen = values.only === undefined ? parts : parts.filter((part) => part === values.only);
  if (chosen.length === 0 && !overload) throw new Error(`--only takes ${parts.join(", ")}, overload`);
  return { quick: values.quick, enforce: values.enforce, help: values.help, chosen, overload };
}

async function main(): Promise<number> {
  let args: Arguments;
  try {
    args = parseArguments();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    return EXIT.wrongArguments;
  }
  if (args.help) {
    process.stdout.write(HELP);
    return EXIT.ok;
  }
  const loadBefore = loadavg()[0] ?? 0;
  if (loadBefore > BUSY_LOAD) {
    process.stderr.write(`The machine is busy (load ${loadBefore.toFixed(1)}): figures will be rough.\n`);
  }
  const children = new Children();
  const subjects = new Subjects(children);
  const interrupted = new Promise<undefined>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve(undefined));
  });
  try {
    if (args.overload) {
      const work = measureOverload(children, subjects, args.quick);
      const report = await Promise.race([interrupted, work, children.lost]);
      if (report === undefined) return EXIT.interrupted;
      process.stdout.write(`\n${report.lines.join("\n")}\n`);
      const { verdicts, figures } = report;
      process.stdout.write(`Written to ${save({ quick: args.quick, loadBefore }, { verdicts, figures })}\n`);
      return args.enforce && verdicts.some(({ ok }) => !ok) ? EXIT.failed : EXIT.ok;
    }
    const rounds = await Promise.race([interrupted, measure(args, children, subjects), children.lost]);
    if (rounds === undefined) return EXIT.interrupted;
    const report = toReport(rounds.measured, rounds.idle, rounds.dialects);
    process.stdout.write(`\n${toText(report)}\n`);
    if (!canMeter) process.stdout.write("CPU and memory are read from Linux's /proc, which is missing here.\n");
    process.stdout.write(`Written to ${save({ quick: args.quick, loadBefore }, { report, rounds })}\n`);
    return args.enforce && report.verdicts.some(({ ok }) => ok !== true) ? EXIT.failed : EXIT.ok;
  } catch (error) {
    process.stderr.write(`\n${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT.failed;
  } finally {
    await children.stopAll();
    subjects.close();
  }
}

async function measure({ chosen, quick }: Arguments, children: Children, subjects: Subjects): Promise<Rounds> {
  const plan = quick ? quickPlan : fullPlan;
  const loads = (["unary", "stream"] as const).filter((part) => chosen.includes(part));
  const idles = chosen.includes("idle");
  const loadSteps = loads.reduce((total, part) => total + 1 + scenarios[part].length * plan.rounds, 0);
  const dialectSteps = chosen.includes("dialects") ? 1 + plan.dialects.rounds : 0;
  const progress = new Progress(loadSteps + (idles ? plan.idle.rounds * 3 : 0) + dialectSteps);
  const dialects = dialectSteps > 0 ? measureDialects(plan, progress) : {};
  const measured: Measured[] = [];
  let idle: IdleBytes | undefined;
  if (loads.length > 0 || idles) {
    await subjects.startUpstream();
    const load = await LoadProcess.start(children);
    for (const part of loads) measured.push(...(await measureLoad(part, subjects, load, plan, progress)));
    if (idles) idle = await measureIdle(subjects, load, plan, progress);
  }
  progress.end();
  return { measured, idle, dialects };
}

/** Keeps figures and rounds, and what they were measured on. Returns the file. */
function save(run: { quick: boolean; loadBefore: number }, measured: object): string {
  const writtenAt = new Date().toISOString();
  const machine = {
    node: process.version,
    platform: `${process.platform} ${release()} ${process.arch}`,
    cpus: cpus().map(({ model }) => model),
    memoryBytes: totalmem(),
  };
  const directory = new URL("results/", import.meta.url);
  mkdirSync(directory, { recursive: true });
  const file = fileURLToPath(new URL(`${writtenAt.replace(/[:.]/g, "-")}${run.quick ? "-quick" : ""}.json`, directory));
  writeFileSync(file, `${JSON.stringify({ writtenAt, ...run, machine, ...measured }, null, 2)}\n`);
  return relative(process.cwd(), file);
}

process.exitCode = await main();
// Whatever was still waited for when the run was cut short keeps nothing open.
process.exit();

import { parseArgs } from "node:util";
import { available } from "../exchanges/exchanges.ts";
import { dialects } from "./dialects.ts";
import { fuzz } from "./run.ts";

const HELP = `wrong answers for every dialect: mutated recorded ones, in random chunks

  npm run fuzz -- [options]

  --dialect NAME  ${Object.keys(dialects).join(", ")}; all by default
  --count N       inputs for each dialect; 100000 by default
  --seed S        another seed gives other inputs; 1 by default
  --from N        the first input, to look at one again with --count 1
  --seconds N     time for each dialect, after which it is left early
  --help          print this and exit

Exits with 1 where an input is answered by anything but events or an error of the
gateway's own, takes too long, or where the heap grows beyond its bound.
`;

/** Memory at any time, bytes. Above what `npm run fuzz` lets the heap grow to before it is collected, new objects aside. */
const MAX_HEAP = 256 * 1024 * 1024;

/** Of an input's body; the whole comes from the same seed again. */
const SHOWN_BYTES = 2048;

const { values } = parseArgs({
  options: {
    dialect: { type: "string" },
    count: { type: "string", default: "100000" },
    seed: { type: "string", default: "1" },
    from: { type: "string", default: "0" },
    seconds: { type: "string", default: "Infinity" },
    help: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (!available) throw new Error("There are no recorded answers to begin with.");
  const chosen = Object.entries(dialects).filter(([name]) => values.dialect === undefined || name === values.dialect);
  if (chosen.length === 0) throw new Error(`--dialect takes ${Object.keys(dialects).join(", ")}`);
  let failed = false;
  for (const [name, fuzzed] of chosen) {
    const startedAt = performance.now();
    let heap = 0;
    const { inputs, events, slowestMs, findings } = await fuzz(fuzzed, {
      count: Number(values.count),
      seed: Number(values.seed),
      from: Number(values.from),
      until: startedAt + Number(values.seconds) * 1000,
      onProgress: () => {
        heap = Math.max(heap, process.memoryUsage().heapUsed);
      },
    });
    for (const { at, wrong, input } of findings) {
      const body = Buffer.concat(input.chunks).subarray(0, SHOWN_BYTES).toString("base64");
      process.stdout.write(
        `${name} ${at}: ${wrong}\n  ${JSON.stringify({ ...input, chunks: input.chunks.length, body })}\n`,
      );
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const megabytes = (bytes: number): string => `${Math.round(bytes / 1024 / 1024)} MiB`;
    const figures = [
      `${inputs} inputs`,
      `${events} events`,
      `${findings.length} found`,
      `slowest ${slowestMs.toFixed(1)} ms`,
      `heap at most ${megabytes(heap)}`,
      `resident at most ${megabytes(process.resourceUsage().maxRSS * 1024)}`,
      `${seconds.toFixed(0)} s`,
    ];
    process.stdout.write(`${name}: ${figures.join(", ")}\n`);
    failed ||= findings.length > 0 || heap > MAX_HEAP;
  }
  return failed ? 1 : 0;
}

process.on("unhandledRejection", (reason) => {
  process.stderr.write(`A rejection that nobody handles: ${String(reason)}\n`);
  process.exit(1);
});
process.exitCode = await main();

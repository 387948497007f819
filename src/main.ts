import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { ConfigError } from "./config/problem.ts";
import { systemClock } from "./domain/clock.ts";
import { type Gateway, openGateway } from "./gateway.ts";
import { type Prepared, prepare } from "./prepare.ts";
import { printPrices } from "./prices-command.ts";
import { loadCatalogue } from "./pricing/catalogue.ts";
import { reloadOnChange, stateOf } from "./reload.ts";
import { createLog, type Log } from "./telemetry/log.ts";
import { openStandardOutput } from "./telemetry/standard-output.ts";
import { startSimulator, tryCommand } from "./trial.ts";

const HELP = `sluice: one typed gRPC contract in front of every model provider

  npm start -- [options]
  npm start -- prices [MODEL ...] [--config FILE]   what models cost, and who says so

  --config FILE      configuration (YAML); without it, providers come from the
                     environment, and a simulator answers for "simulator/echo"
  --grpc HOST:PORT   gRPC door (default 127.0.0.1:50051; port 0 takes a free one)
  --http HOST:PORT   HTTP door: Connect, gRPC-Web, health pages (default 127.0.0.1:8080)
  --admin HOST:PORT  administration (default 127.0.0.1:50052); "off" for none
  --log-level LEVEL  debug, info, warn or error (default info)
  --insecure         listen without TLS on addresses that others can reach
  --check            check the configuration and exit
  --version          print the version and the day of the prices, and exit
  --help             print this and exit

Exit codes: 0 stopped or checked, 1 crashed, 2 wrong arguments or configuration,
3 cannot listen.
`;

const EXIT = { ok: 0, crashed: 1, misconfigured: 2, cannotListen: 3 } as const;

/** Time that running calls get after a crash: the state of the process is in doubt. */
const CRASH_DRAIN_MS = 5000;

interface Arguments {
  config?: string;
  grpc?: string;
  http?: string;
  admin?: string;
  "log-level"?: string;
  insecure?: boolean;
  check?: boolean;
  version?: boolean;
  help?: boolean;
}

function parseArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      config: { type: "string" },
      grpc: { type: "string" },
      http: { type: "string" },
      admin: { type: "string" },
      "log-level": { type: "string" },
      insecure: { type: "boolean" },
      check: { type: "boolean" },
      version: { type: "boolean" },
      help: { type: "boolean" },
    },
  });
  return values;
}

async function main(): Promise<void> {
  if (process.argv[2] === "prices") {
    const { stdout, stderr, exitCode } = printPrices(process.argv.slice(3), systemClock.wallNow());
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    process.exitCode = exitCode;
    return;
  }
  let args: Arguments;
  try {
    args = parseArguments();
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exitCode = EXIT.misconfigured;
    return;
  }
  if (args.help === true) {
    process.stdout.write(HELP);
    return;
  }
  if (args.version === true) {
    process.stdout.write(`sluice ${version()}\nprices ${loadCatalogue().source}\n`);
    return;
  }
  let prepared: Prepared;
  // Taken before it is read, so that no change is missed.
  const fileState = args.config === undefined ? undefined : stateOf(args.config);
  try {
    prepared = await prepare(args);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    reportConfigError(error);
    process.exitCode = EXIT.misconfigured;
    return;
  }
  if (args.check === true) {
    process.stdout.write("The configuration is good.\n");
    return;
  }
  await run(args, prepared, fileState);
}

function reportConfigError(error: ConfigError): void {
  process.stderr.write(`The configuration cannot be used:\n${error.message.replace(/^/gm, "  ")}\n`);
}

async function run(args: Arguments, prepared: Prepared, fileState: string | undefined): Promise<void> {
  const { settings } = prepared;
  const output = openStandardOutput();
  const log = createLog(settings.logLevel, output);
  const simulator = args.config === undefined ? await startSimulator() : undefined;
  const withSimulator = ({ providers, ...rest }: Prepared): Prepared =>
    simulator === undefined ? { ...rest, providers } : { ...rest, providers: [...providers, simulator.provider] };
  let gateway: Gateway;
  try {
    gateway = await openGateway({
      ...withSimulator(prepared),
      reread: async () => withSimulator(await prepare(args)),
      configFile: args.config,
      log,
      output,
      version: version(),
      insecure: args.insecure === true,
      clock: systemClock,
      random: Math.random,
    });
  } catch (error) {
    await simulator?.close();
    if (error instanceof ConfigError) {
      reportConfigError(error);
      process.exitCode = EXIT.misconfigured;
      return;
    }
    log.fatal({ error }, "cannot listen");
    process.exitCode = EXIT.cannotListen;
    return;
  }

  let exitCode: number = EXIT.ok;
  void gateway.stopped.then(() => simulator?.close()).finally(() => process.exit(exitCode));
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      log.info({ signal }, "asked to stop");
      void gateway.stop();
    });
  }
  process.on("SIGHUP", () => void gateway.reload());
  if (args.config !== undefined) reloadOnChange(args.config, fileState, systemClock, () => void gateway.reload());
  stopOnCrash(log, () => {
    exitCode = EXIT.crashed;
    void gateway.stop(CRASH_DRAIN_MS);
  });

  // Whoever started it waits for this line, whatever the level.
  const ready = createLog("info", output);
  const { grpcAddress: grpc, httpAddress: http, adminAddress: admin } = gateway;
  ready.info({ grpc, http, admin, version: version(), pid: process.pid }, "ready");
  if (simulator !== undefined) output.write(`${tryCommand(gateway.grpcAddress)}\n`);
  output.flush();
}

/** What nobody caught is a defect: it is logged, the calls that still run get a moment, and the process ends. */
function stopOnCrash(log: Log, stop: () => void): void {
  const crash = (kind: string) => (error: unknown) => {
    log.fatal({ error, kind }, "crashed");
    stop();
  };
  process.on("uncaughtException", crash("uncaught exception"));
  process.on("unhandledRejection", crash("unhandled rejection"));
}

function version(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return String((JSON.parse(text) as { version: unknown }).version);
}

await main();

/** The gateway as its own process, as an operator starts it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { GatewayService } from "../../src/domain/contract.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Halves the time of a start, of which there are many here. */
const COMPILE_CACHE = join(ROOT, "node_modules/.cache/sluice-test");

export interface SpawnOptions {
  /** Text of a configuration file; without it there is none. */
  readonly yaml?: string;
  readonly args?: readonly string[];
  /** Added to an environment that holds next to nothing. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Text of a module that is loaded first. */
  readonly preload?: string;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface GatewayProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  /** What was written so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The JSON lines so far. */
  readonly logged: () => Readonly<Record<string, unknown>>[];
  /** Resolves with the n-th line that has this `msg`; rejects if the process ends before. */
  line(msg: string, n?: number): Promise<Readonly<Record<string, unknown>>>;
  /** Replaces the configuration file. */
  rewrite(yaml: string): void;
  /** Resolves once it has ended and all its output is there. */
  readonly ended: Promise<Ended>;
  /** Ends it at once, if it still runs, and removes its files. */
  dispose(): Promise<void>;
}

/** Starts `node src/main.ts`, on free ports unless told otherwise. Dispose of it in the end. */
export function spawnGateway({ yaml, args, environment = {}, preload }: SpawnOptions): GatewayProcess {
  const directory = mkdtempSync(join(tmpdir(), "sluice-process-"));
  const file = (name: string, text: string): string => {
    const path = join(directory, name);
    writeFileSync(path, text);
    return path;
  };
  const child = spawn(
    process.execPath,
    [
      ...(preload === undefined ? [] : ["--import", file("preload.mjs", preload)]),
      join(ROOT, "src/main.ts"),
      ...(yaml === undefined ? [] : ["--config", file("sluice.yaml", yaml)]),
      ...(args ?? ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin", "127.0.0.1:0"]),
    ],
    {
      cwd: directory,
      env: { PATH: process.env.PATH ?? "", NODE_COMPILE_CACHE: COMPILE_CACHE, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const output = { stdout: "", stderr: "" };
  const waiting = new Set<() => void>();
  for (const stream of ["stdout", "stderr"] as const) {
    child[stream].setEncoding("utf8").on("data", (text: string) => {
      output[stream] += text;
      for (const look of waiting) look();
    });
  }
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ...output }));
  const logged = () =>
    output.stdout
      .split("\n")
      .slice(0, -1)
      .flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as Record<string, unknown>] : []));
  return {
    child,
    logged,
    ended,
    pid: child.pid ?? 0,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    rewrite: (text) => void file("sluice.yaml", text),
    line(msg, n = 1) {
      const { promise, resolve, reject } = Promise.withResolvers<Readonly<Record<string, unknown>>>();
      const look = (): void => {
        const found = logged().filter((line) => line.msg === msg)[n - 1];
        if (found !== undefined) resolve(found);
      };
      waiting.add(look);
      look();
      void ended.then(() => reject(new Error(`no "${msg}" in:\n${output.stdout}${output.stderr}`)));
      return promise.finally(() => waiting.delete(look));
    },
    async dispose() {
      child.kill("SIGKILL");
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}

/** Runs it to its end; one that does not end by itself is killed, and has no exit code. */
export async function runGateway(options: SpawnOptions): Promise<Ended> {
  const gateway = spawnGateway(options);
  const timer = setTimeout(() => gateway.child.kill("SIGKILL"), 5000);
  try {
    return await gateway.ended;
  } finally {
    clearTimeout(timer);
    await gateway.dispose();
  }
}

export interface Clients {
  readonly grpc: Client<typeof GatewayService>;
  readonly connect: Client<typeof GatewayService>;
}

/** Waits until the process is ready; resolves with clients of its doors. */
export async function clientsOf(gateway: GatewayProcess): Promise<Clients> {
  const { grpc, http } = await gateway.line("ready");
  return {
    grpc: createClient(GatewayService, createGrpcTransport({ baseUrl: `http://${String(grpc)}` })),
    connect: createClient(
      GatewayService,
      createConnectTransport({ baseUrl: `http://${String(http)}`, httpVersion: "1.1" }),
    ),
  };
}

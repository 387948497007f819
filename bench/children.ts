import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** How long a process may take to say that it is ready, ms. */
const START_MS = 20_000;

/** How long a process may take to stop before it is killed, ms. */
const STOP_MS = 2000;

const STDERR_KEPT = 4000;

export interface Child {
  readonly pid: number;
  readonly process: ChildProcess;
  /** The line of JSON by which it said that it is ready. */
  readonly ready: Readonly<Record<string, unknown>>;
}

/** The processes of a run. Whatever happens, none of them outlives this one. */
export class Children {
  readonly #running = new Set<ChildProcess>();
  readonly #expected = new WeakSet<ChildProcess>();
  readonly #lost = Promise.withResolvers<never>();

  constructor() {
    this.#lost.promise.catch(() => {});
    process.on("exit", () => {
      for (const child of this.#running) child.kill("SIGKILL");
    });
  }

  /** Rejects once a process ends that was not told to. */
  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  /**
   * Runs a program. Resolves once it printed a line of JSON with `msg: "ready"`. `talks`: messages
   * go to and fro.
   */
  async start(name: string, program: URL, args: readonly string[], { talks = false } = {}): Promise<Child> {
    const child = spawn(process.execPath, [fileURLToPath(program), ...args], {
      stdio: ["ignore", "pipe", "pipe", ...(talks ? (["ipc"] as const) : [])],
    });
    this.#running.add(child);
    let said = "";
    child.stderr?.on("data", (text: Buffer) => {
      said = (said + text.toString("utf8")).slice(-STDERR_KEPT);
    });
    const ended = new Promise<never>((_, reject) => {
      child.once("error", reject);
      child.once("exit", (code, signal) => {
        this.#running.delete(child);
        const error = new Error(`the ${name} ended (${signal ?? code})${said === "" ? "" : `: ${said}`}`);
        reject(error);
        if (!this.#expected.has(child)) this.#lost.reject(error);
      });
    });
    ended.catch(() => {});
    const ready = await within(START_MS, `start the ${name}`, Promise.race([firstReadyLine(child), ended]));
    return { pid: child.pid ?? 0, process: child, ready };
  }

  async stop({ process: child }: Pick<Child, "process">): Promise<void> {
    if (!this.#running.has(child)) return;
    this.#expected.add(child);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
    await ended;
    clearTimeout(timer);
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#running].map((child) => this.stop({ process: child })));
  }
}

/** What follows is read and dropped, so that a process that logs never waits for its reader. */
function firstReadyLine(child: ChildProcess): Promise<Child["ready"]> {
  const { stdout } = child;
  if (stdout === null) return Promise.reject(new Error("a process without output"));
  return new Promise((resolve) => {
    const lines = createInterface({ input: stdout });
    lines.on("line", (line) => {
      const parsed = parseLine(line);
      if (parsed?.msg !== "ready") return;
      lines.close();
      stdout.resume();
      resolve(parsed);
    });
  });
}

function parseLine(line: string): Child["ready"] | undefined {
  try {
    return JSON.parse(line) as Child["ready"];
  } catch {
    return undefined;
  }
}

/** Rejects where the promise takes longer than this. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`cannot ${what} within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

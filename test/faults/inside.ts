/**
 * Loaded into the gateway's process before anything of it: plays the faults that come from within (a resolver, an event
 * loop that stands still, a clock that is set), and counts timers. Listens on the Unix socket of
 * FAULTS_SOCKET for one JSON command a line.
 */
import dns from "node:dns";
import { createServer } from "node:net";
import { createInterface } from "node:readline";

export type Command =
  | { readonly do: "count timers" }
  | { readonly do: "block"; readonly ms: number }
  | { readonly do: "set clock"; readonly aheadMs: number };

/** Host names by what resolving them comes to. */
export const HOSTS = { again: "again.faults.invalid", hang: "hang.faults.invalid" } as const;

type Lookup = (host: string, options: object, callback: (error: Error | null, ...found: unknown[]) => void) => void;

function scriptResolver(): void {
  const real = dns.lookup as unknown as Lookup;
  const scripted: Lookup = (host, options, callback) => {
    if (host === HOSTS.hang) return;
    if (host !== HOSTS.again) {
      real(host, options, callback);
      return;
    }
    const error = Object.assign(new Error(`getaddrinfo EAI_AGAIN ${host}`), {
      code: "EAI_AGAIN",
      syscall: "getaddrinfo",
    });
    setImmediate(() => callback(error));
  };
  Reflect.set(dns, "lookup", scripted);
}

/** Those of the gateway's own clock: libraries keep some that come and go. */
const timers = new Set<NodeJS.Timeout>();

function countTimers(): void {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const counted = (task: (...args: unknown[]) => void, ms?: number, ...args: unknown[]): NodeJS.Timeout => {
    const timer: NodeJS.Timeout = set(() => {
      timers.delete(timer);
      task(...args);
    }, ms);
    if (new Error().stack?.includes("/src/domain/clock.ts") === true) timers.add(timer);
    return timer;
  };
  Object.assign(globalThis, {
    setTimeout: Object.assign(counted, set),
    clearTimeout(timer: NodeJS.Timeout | undefined) {
      if (timer !== undefined) timers.delete(timer);
      clear(timer);
    },
  });
}

let aheadMs = 0;

function scriptClock(): void {
  const real = Date.now;
  Date.now = () => real() + aheadMs;
}

function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function obey(command: Command): unknown {
  switch (command.do) {
    case "count timers":
      return timers.size;
    case "block":
      return block(command.ms);
    case "set clock":
      aheadMs = command.aheadMs;
      return undefined;
  }
}

function listen(path: string): void {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    createInterface(socket).on("line", (line) => {
      socket.write(`${JSON.stringify(obey(JSON.parse(line) as Command) ?? null)}\n`);
    });
  });
  server.listen(path);
  server.unref();
}

if (process.env.FAULTS_SOCKET !== undefined) {
  scriptResolver();
  countTimers();
  scriptClock();
  listen(process.env.FAULTS_SOCKET);
}

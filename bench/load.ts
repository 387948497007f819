/** The load generator, a process of its own: takes commands from its parent one by one and answers each. */
import type { Client, Held } from "./client.ts";
import { createGrpcClient } from "./client-grpc.ts";
import { createHttpClient } from "./client-http.ts";
import type { Command, HoldCommand, Reply, RunCommand, RunResult, Target } from "./load-protocol.ts";
import { percentile } from "./statistics.ts";

const clients = new Map<string, Client>();
const holding: { readonly client: Client; readonly streams: readonly Held[] }[] = [];

function createClient({ protocol, address }: Target, connections: number): Client {
  return protocol === "grpc" ? createGrpcClient(address, connections) : createHttpClient(address);
}

/** Keeps this many calls in flight for the given time; those that have begun by then are finished. */
async function run({ target, scenario, durationMs }: RunCommand): Promise<RunResult> {
  const client = clients.get(target.address) ?? createClient(target, 1);
  clients.set(target.address, client);
  const { delivery, model, tokens, concurrency, spreadMs } = scenario;
  const latencies: number[] = [];
  const startedAt = performance.now();
  const endAt = startedAt + durationMs;

  async function work(at: number): Promise<void> {
    // Streams that are paced alike and start together would bring their events in bursts.
    await delay((spreadMs * at) / concurrency);
    while (performance.now() < endAt) {
      const from = performance.now();
      if (delivery === "stream") {
        latencies.push(await client.stream(model, tokens));
      } else {
        await client.unary(model);
        latencies.push(performance.now() - from);
      }
    }
  }

  await Promise.all(Array.from({ length: concurrency }, (_, at) => work(at)));
  return {
    calls: latencies.length,
    wallMs: performance.now() - startedAt,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  };
}

async function hold({ target, model, streams, perConnection }: HoldCommand): Promise<void> {
  const client = createClient(target, Math.ceil(streams / perConnection));
  const opened: Held[] = [];
  holding.push({ client, streams: opened });
  // In portions, so that no queue of a thousand waiting calls is what takes the memory.
  while (opened.length < streams) {
    const portion = Math.min(50, streams - opened.length);
    opened.push(...(await Promise.all(Array.from({ length: portion }, () => client.hold(model)))));
  }
}

async function release(): Promise<void> {
  const released = holding.splice(0);
  for (const { streams } of released) for (const stream of streams) stream.release();
  await delay(200);
  await Promise.all(released.map(({ client }) => client.close()));
}

function obey(command: Command): Promise<RunResult | undefined> {
  switch (command.kind) {
    case "run":
      return run(command);
    case "hold":
      return hold(command).then(() => undefined);
    case "release":
      return release().then(() => undefined);
  }
}

function delay(ms: number): Promise<void> {
  return ms <= 0 ? Promise.resolve() : new Promise((resolve) => setTimeout(resolve, ms));
}

function reply(message: Reply): void {
  process.send?.(message);
}

process.on("message", (command: Command) => {
  obey(command).then(
    (result) => reply({ result }),
    (error: unknown) => reply({ error: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());
process.stdout.write(`${JSON.stringify({ msg: "ready" })}\n`);

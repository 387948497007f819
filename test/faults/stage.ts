/** The gateway as its own process, what stands behind it, and what was seen of both since a case began. */
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { type Clients, clientsOf, type GatewayProcess, spawnGateway } from "../process/spawn.ts";
import { type OtlpReceiver, openOtlpReceiver } from "../support/otlp/receiver.ts";
import { type CallOptions, type CallRecord, type Delivery, makeCall } from "./call.ts";
import type { Watched } from "./case.ts";
import type { Command } from "./inside.ts";

export type Invariant = "I1" | "I2" | "I3" | "I4" | "I5" | "I6" | "I7";

/** The key of every provider here. Looks like no key, so that nothing but knowing it can hide it. */
export const KEY_CANARY = "house-canary-7c1e55-0123456789";

export interface StageScript {
  /** More of a provider's configuration than its address, by name. */
  readonly providers?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** Targets by alias. */
  readonly models?: Readonly<Record<string, readonly string[]>>;
  readonly limits?: Readonly<Record<string, unknown>>;
  readonly retry?: Readonly<Record<string, unknown>>;
  readonly breaker?: Readonly<Record<string, unknown>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** Servers behind those providers. */
  readonly watched?: readonly Watched[];
}

/** Waits as short as a busy machine bears. */
export const SHORT_LIMITS = {
  headers_timeout: "1s",
  first_token_timeout: "1s",
  idle_timeout: "1s",
  attempt_timeout: "2s",
  max_response_bytes: 1_048_576,
  // Room for the one event of 64 KiB and its frame that a decompressed bomb is made of.
  max_event_bytes: 131_072,
};

/** The model that stays healthy, on a server of its own. */
export const HEALTHY = "healthy/text:tokens=10";

const MODULE = new URL("inside.ts", import.meta.url).href;

export type Line = Readonly<Record<string, unknown>>;

/** What a process is started with. */
interface Setting {
  readonly yaml: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly socketPath: string;
}

export class Stage {
  readonly #setting: Setting;
  readonly #folder: string;
  readonly #healthy: Simulator;
  readonly collector: OtlpReceiver;
  readonly watched: readonly Watched[];
  gateway: GatewayProcess;
  clients: Clients;
  /** Of the doors. */
  grpcAddress = "";
  httpAddress = "";
  /** Since the case began. */
  calls: CallRecord[] = [];
  misses: string[] = [];
  /** Invariants that cannot be asked for here, with the reason. */
  readonly exempt = new Map<Invariant, string>();
  /** Processes that ran in this case before the one that runs now. */
  replaced = 0;
  everReplaced = false;
  /** All that the process before this one has written. */
  lastOutput = "";
  /** Time in which the process was made to stand still, ms. */
  stoodStillMs = 0;
  /** Lines that calls have written, of the process that runs now; those of healthy calls are no case's. */
  #lines: Line[] = [];
  #readUpTo = 0;

  private constructor(
    setting: Setting,
    folder: string,
    healthy: Simulator,
    collector: OtlpReceiver,
    watched: readonly Watched[],
    gateway: GatewayProcess,
    clients: Clients,
  ) {
    this.#setting = setting;
    this.#folder = folder;
    this.#healthy = healthy;
    this.collector = collector;
    this.watched = watched;
    this.gateway = gateway;
    this.clients = clients;
  }

  /** Starts the process, and waits until it is ready. Close it in the end; `watched` stay open. */
  static async open(script: StageScript): Promise<Stage> {
    const healthy = await openSimulator();
    const collector = await openOtlpReceiver();
    const folder = mkdtempSync(join(tmpdir(), "sluice-faults-"));
    const socketPath = join(folder, "inside.sock");
    const environment = {
      FAULTS_KEY: KEY_CANARY,
      FAULTS_REFUSED_KEY: `${KEY_CANARY}-refused`,
      FAULTS_SOCKET: socketPath,
      OTEL_BSP_SCHEDULE_DELAY: "200",
      // Room for the spans of a storm, so that they can be counted.
      OTEL_BSP_MAX_QUEUE_SIZE: "65536",
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE: "2048",
      ...script.environment,
    };
    const setting = { yaml: toYaml(script, healthy.url, collector.url), environment, socketPath };
    const gateway = startProcess(setting);
    const stage = new Stage(
      setting,
      folder,
      healthy,
      collector,
      script.watched ?? [],
      gateway,
      await clientsOf(gateway),
    );
    await stage.#noteAddresses();
    return stage;
  }

  get pid(): number {
    return this.gateway.pid;
  }

  get yaml(): string {
    return this.#setting.yaml;
  }

  /** Where the next line of the process's output will begin. */
  get outputLength(): number {
    return this.gateway.stdout().length;
  }

  get lines(): readonly Line[] {
    const output = this.gateway.stdout();
    const end = output.lastIndexOf("\n") + 1;
    for (const text of output.slice(this.#readUpTo, end).split("\n")) {
      if (!text.startsWith("{")) continue;
      const line = JSON.parse(text) as Line;
      if ((line.msg === "call" || line.msg === "rejected") && line.model !== HEALTHY) this.#lines.push(line);
    }
    this.#readUpTo = Math.max(this.#readUpTo, end);
    return this.#lines;
  }

  /** Forgets what was seen before a case. */
  begin(): void {
    this.calls = [];
    this.misses = [];
    this.exempt.clear();
    this.replaced = 0;
    this.stoodStillMs = 0;
  }

  /** Makes a call, and keeps its record for the invariants. */
  async call(delivery: Delivery, model: string, options: CallOptions = {}): Promise<CallRecord> {
    const record = await makeCall(this.clients[options.door ?? "grpc"], delivery, model, options);
    this.calls.push(record);
    return record;
  }

  /** Records that an invariant does not hold, from a case that knows more than is known in general. */
  miss(invariant: Invariant, what: string): void {
    this.misses.push(`${invariant} ${what}`);
  }

  /** Asks the module inside the process; resolves once it has obeyed. */
  async command(command: Command): Promise<unknown> {
    const socket = connect(this.#setting.socketPath);
    try {
      socket.write(`${JSON.stringify(command)}\n`);
      for await (const line of createInterface(socket)) return JSON.parse(line) as unknown;
      throw new Error(`no answer to ${command.do}`);
    } finally {
      socket.destroy();
    }
  }

  async metrics(): Promise<string> {
    return await (await fetch(`http://${this.httpAddress}/metrics`)).text();
  }

  /** Starts another process in the place of one that has ended. */
  async restart(): Promise<void> {
    await this.gateway.ended;
    this.lastOutput = this.gateway.stdout() + this.gateway.stderr();
    await this.gateway.dispose();
    this.#lines = [];
    this.#readUpTo = 0;
    rmSync(this.#setting.socketPath, { force: true });
    this.gateway = startProcess(this.#setting);
    this.clients = await clientsOf(this.gateway);
    this.replaced++;
    this.everReplaced = true;
    await this.#noteAddresses();
  }

  async close(): Promise<void> {
    await this.gateway.dispose();
    await this.collector.close();
    await this.#healthy.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #noteAddresses(): Promise<void> {
    const { grpc, http } = await this.gateway.line("ready");
    this.grpcAddress = String(grpc);
    this.httpAddress = String(http);
  }
}

function startProcess({ yaml, environment }: Setting): GatewayProcess {
  return spawnGateway({ yaml, environment, preload: `import ${JSON.stringify(MODULE)};` });
}

/** The configuration as YAML: JSON is a part of it. */
function toYaml(
  { providers = {}, models = {}, limits = {}, retry = {}, breaker = {} }: StageScript,
  healthy: string,
  otlp: string,
) {
  const all = { ...providers, healthy: { base_url: healthy } };
  const provider = (given: object) => ({ dialect: "openai-chat", api_key: "env:FAULTS_KEY", ...given });
  return JSON.stringify({
    providers: Object.fromEntries(Object.entries(all).map(([name, given]) => [name, provider(given)])),
    models: Object.fromEntries(Object.entries(models).map(([name, targets]) => [name, { targets }])),
    limits,
    retry,
    breaker,
    telemetry: { otlp: { endpoint: otlp }, prometheus: true },
  });
}

import { type Child, type Children, within } from "./children.ts";
import type { Command, HoldCommand, Reply, RunCommand, RunResult } from "./load-protocol.ts";

/** What a command may take beyond the time that it was given, ms. */
const GRACE_MS = 30_000;

/** The load generator, seen from the benchmark. One command at a time. */
export class LoadProcess {
  readonly #child: Child;

  private constructor(child: Child) {
    this.#child = child;
  }

  static async start(children: Children): Promise<LoadProcess> {
    const program = new URL("./load.ts", import.meta.url);
    return new LoadProcess(await children.start("load generator", program, [], { talks: true }));
  }

  async run(command: Omit<RunCommand, "kind">): Promise<RunResult> {
    const result = await this.#send({ kind: "run", ...command }, command.durationMs);
    if (result === undefined) throw new Error("the load generator gave no result");
    return result;
  }

  async hold(command: Omit<HoldCommand, "kind">): Promise<void> {
    await this.#send({ kind: "hold", ...command }, 0);
  }

  async release(): Promise<void> {
    await this.#send({ kind: "release" }, 0);
  }

  async #send(command: Command, durationMs: number): Promise<RunResult | undefined> {
    const { process: child } = this.#child;
    const replied = new Promise<Reply>((resolve) => child.once("message", (reply) => resolve(reply as Reply)));
    child.send(command);
    const { result, error } = await within(durationMs + GRACE_MS, `make load (${command.kind})`, replied);
    if (error !== undefined) throw new Error(`the load generator failed: ${error}`);
    return result;
  }
}

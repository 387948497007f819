import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child, Children } from "./children.ts";
import { PROVIDER } from "./contract.ts";
import type { Target } from "./load-protocol.ts";

/** What is measured: two relays, the gateway, and the upstream without anything before it. */
export type SubjectName = "direct" | "relay-http" | "relay-grpc" | "gateway";

export interface Subject {
  readonly name: SubjectName;
  readonly target: Target;
  /** Undefined for `direct`: the upstream's own cost is nobody's figure. */
  readonly child: Child | undefined;
}

/** Streams that stay silent for a while must not be ended by the gateway, nor wait for a connection. */
const configOf = (upstream: string): string => `
providers:
  ${PROVIDER}: { dialect: openai-chat, base_url: "${upstream}", max_connections: 2000 }
limits: { headers_timeout: 300s, first_token_timeout: 300s, idle_timeout: 300s }
`;

/** Starts what is measured, as processes of their own, all in front of the same upstream. */
export class Subjects {
  readonly #children: Children;
  readonly #directory: string;
  #upstream = "";

  constructor(children: Children) {
    this.#children = children;
    this.#directory = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  }

  async startUpstream(): Promise<void> {
    const { ready } = await this.#children.start("simulator", new URL("../src/simulator/cli.ts", import.meta.url), [
      "--port",
      "0",
    ]);
    this.#upstream = String(ready.url);
    writeFileSync(this.#configFile, configOf(this.#upstream));
  }

  async start(name: SubjectName): Promise<Subject> {
    const upstream = ["--upstream", this.#upstream];
    switch (name) {
      case "direct":
        return { name, child: undefined, target: { protocol: "http", address: new URL(this.#upstream).host } };
      case "relay-http": {
        const child = await this.#children.start(name, new URL("./relay-http.ts", import.meta.url), upstream);
        return { name, child, target: { protocol: "http", address: String(child.ready.address) } };
      }
      case "relay-grpc": {
        const child = await this.#children.start(name, new URL("./relay-grpc.ts", import.meta.url), upstream);
        return { name, child, target: { protocol: "grpc", address: String(child.ready.address) } };
      }
      case "gateway": {
        const doors = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-level", "info"];
        const program = new URL("../src/main.ts", import.meta.url);
        const child = await this.#children.start(name, program, ["--config", this.#configFile, ...doors]);
        return { name, child, target: { protocol: "grpc", address: String(child.ready.grpc) } };
      }
    }
  }

  async stop({ child }: Subject): Promise<void> {
    if (child !== undefined) await this.#children.stop(child);
  }

  /** Removes what was written for the gateway. */
  close(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #configFile(): string {
    return join(this.#directory, "sluice.yaml");
  }
}

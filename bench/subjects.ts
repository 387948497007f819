import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child, Children } from "./children.ts";
import { PROVIDER } from "./contract.ts";
import type { Target } from "./load-protocol.ts";

/**
 * What is measured: two relays, the gateway with everything on and without all that watches (traces, metrics, the line
 * for each call), and the upstream without anything before it.
 */
export type SubjectName = "direct" | "relay-http" | "relay-grpc" | "gateway-unwatched" | "gateway";

export interface Subject {
  readonly name: SubjectName;
  readonly target: Target;
  /** Undefined for `direct`: the upstream's own cost is nobody's figure. */
  readonly child: Child | undefined;
}

/** Streams that stay silent for a while must not be ended by the gateway, nor wait for a connection. */
const configOf = (upstream: string, telemetry: string): string => `
providers:
  ${PROVIDER}: { dialect: openai-chat, base_url: "${upstream}", max_connections: 2000 }
limits: { headers_timeout: 300s, first_token_timeout: 300s, idle_timeout: 300s }
prices: { "${PROVIDER}/*": { input: 0.15, output: 0.6 } }
${telemetry}
`;

/** One trace in a hundred goes to a collector, as in production; metrics go to the page. */
const watched = (collector: string): string =>
  `telemetry: { otlp: { endpoint: "${collector}", protocol: http/protobuf }, sample_ratio: 0.01, prometheus: true }`;

const unwatched = "telemetry: { prometheus: false }\nlog: { level: error }";

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
    const collector = await this.#children.start("collector", new URL("./collector.ts", import.meta.url), []);
    writeFileSync(this.#configFile("gateway"), configOf(this.#upstream, watched(String(collector.ready.url))));
    writeFileSync(this.#configFile("gateway-unwatched"), configOf(this.#upstream, unwatched));
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
      case "gateway-unwatched":
      case "gateway": {
        const doors = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"];
        const program = new URL("../src/main.ts", import.meta.url);
        const child = await this.#children.start(name, program, ["--config", this.#configFile(name), ...doors]);
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

  #configFile(name: SubjectName): string {
    return join(this.#directory, `${name}.yaml`);
  }
}

/** What the benchmark and its load generator say to each other. */
export interface Target {
  readonly protocol: "grpc" | "http";
  /** `host:port`. */
  readonly address: string;
}

/** A kind of load. */
export interface Scenario {
  readonly name: string;
  readonly delivery: "unary" | "stream";
  /** Model of the simulator. */
  readonly model: string;
  /** Pieces of text that an answer has when it is streamed. */
  readonly tokens: number;
  /** Calls in flight. */
  readonly concurrency: number;
  /** Time over which the first calls are spread, ms. */
  readonly spreadMs: number;
}

export interface RunCommand {
  readonly kind: "run";
  readonly target: Target;
  readonly scenario: Scenario;
  readonly durationMs: number;
}

/** Opens streams and leaves them open, until the next `release`. */
export interface HoldCommand {
  readonly kind: "hold";
  readonly target: Target;
  readonly model: string;
  readonly streams: number;
  readonly perConnection: number;
}

export type Command = RunCommand | HoldCommand | { readonly kind: "release" };

export interface RunResult {
  readonly calls: number;
  readonly wallMs: number;
  /** Of unary calls the whole time, of streams the time to the first text. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export interface Reply {
  readonly result?: RunResult | undefined;
  readonly error?: string;
}

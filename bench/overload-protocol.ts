/** What the benchmark and its generator of overload say to each other. */
export interface OverloadCommand {
  /** `host:port` of the gateway's gRPC door. */
  readonly address: string;
  readonly delivery: "unary" | "stream";
  /** Model of the simulator. */
  readonly model: string;
  readonly durationMs: number;
  /**
   * `closed`: so many callers, each of whom asks again once it was answered, and a while after it was refused. `open`: so
   * many calls a second, whatever becomes of them.
   */
  readonly load:
    | { readonly kind: "closed"; readonly callers: number }
    | { readonly kind: "open"; readonly rate: number };
}

export interface OverloadResult {
  readonly wallMs: number;
  readonly sent: number;
  /** Calls that were due, and for which no stream was free. */
  readonly unsent: number;
  readonly answered: number;
  readonly refused: number;
  readonly broken: number;
  /** Of calls that were let in: from their sending to their first message, ms. */
  readonly firstP50Ms: number;
  readonly firstP99Ms: number;
  /** From the sending of calls that were refused to their status, ms. */
  readonly refusedP50Ms: number;
  readonly refusedP99Ms: number;
  /** For each second: calls sent, and how many of these were answered. */
  readonly seconds: readonly { readonly sent: number; readonly answered: number }[];
}

export interface OverloadReply {
  readonly result?: OverloadResult;
  readonly error?: string;
}

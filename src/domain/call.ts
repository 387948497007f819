import type { Attempt, Attribution, Handling, Prompt } from "./contract.ts";
import type { Batch, Delivery } from "./event.ts";
import type { CallWatch } from "./watch.ts";

/** Time of a call in which the gateway had nothing to do, ms. */
interface Waits {
  /** For upstreams: for connections, heads and bytes. */
  upstreamMs: number;
  /** Before further attempts. */
  retryMs: number;
}

/** One RPC on its way through the pipeline. */
export interface Call {
  /** Minted by the gateway; callers see it as `sluice-request-id`. */
  readonly id: string;
  readonly attribution: Attribution;
  readonly prompt: Prompt;
  readonly handling: Handling | undefined;
  readonly delivery: Delivery;
  /** Aborts once the caller left, the deadline passed or the process stops; its reason is a `GatewayError`. */
  readonly signal: AbortSignal;
  /** Instant of `Clock.now()` by which the call ends. */
  readonly deadline: number;
  /** Instant of `Clock.now()` at which the RPC came. */
  readonly arrivedAt: number;
  /** Grows by one record with each attempt. With `waits`, the one mutable thing of a call. */
  readonly attempts: Attempt[];
  readonly waits: Waits;
  readonly watch: CallWatch;
}

/**
 * One shape for whole and streamed calls. Failure is a thrown `GatewayError`. Events travel in batches, as they came
 * off the wire: passing each one alone through every stage would cost more than all that the stages do.
 */
export type Handler<C> = (call: C) => AsyncIterable<Batch>;

/** A step of the pipeline: calls go right through it, their events come back left. */
export type Stage<In, Out = In> = (next: Handler<Out>) => Handler<In>;

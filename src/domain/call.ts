import type { Attempt, Attribution, Handling, Prompt } from "./contract.ts";
import type { ChatEvent } from "./event.ts";

export type Delivery = "stream" | "unary";

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
  /** Grows by one record with each attempt. The one mutable thing of a call. */
  readonly attempts: Attempt[];
}

/** Events that came together, at least one, in their order. */
export type Batch = readonly ChatEvent[];

/**
 * One shape for whole and streamed calls. Failure is a thrown `GatewayError`. Events travel in batches, as they came
 * off the wire: passing each one alone through every stage would cost more than all that the stages do.
 */
export type Handler<C> = (call: C) => AsyncIterable<Batch>;

/** A step of the pipeline: calls go right through it, their events come back left. */
export type Stage<In, Out = In> = (next: Handler<Out>) => Handler<In>;

import type { Attempt, Attribution, EmbeddingInput, Handling, Prompt } from "./contract.ts";
import type { Batch, Delivery } from "./event.ts";
import type { CallWatch } from "./watch.ts";

/** Time of a call in which the gateway had nothing to do, ms. */
interface Waits {
  /** For upstreams: for connections, heads and bytes. */
  upstreamMs: number;
  /** Before further attempts. */
  retryMs: number;
  /** For a place, where the process had as many calls as it can take. */
  queueMs: number;
}

/** One RPC on its way through the pipeline, whatever it asks for. */
export interface CallBase {
  /** Minted by the gateway; callers see it as `sluice-request-id`. */
  readonly id: string;
  readonly attribution: Attribution;
  readonly handling: Handling | undefined;
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

/** Asks for an answer. */
export interface Call extends CallBase {
  readonly prompt: Prompt;
  readonly delivery: Delivery;
}

/** Asks for vectors. */
export interface EmbedCall extends CallBase {
  readonly input: EmbeddingInput;
}

/** Asks how many tokens a prompt has. */
export interface CountCall extends CallBase {
  readonly prompt: Prompt;
}

/** What follows of an answer that has begun. For one reader, who asks again once it was answered. */
export interface Rest {
  /** Events that came since; undefined once there are no more. Throws a `GatewayError` where the answer breaks off. */
  next(): Promise<Batch | undefined>;
  /** The reader goes: what is still running for the answer ends now. Without effect once the answer is over. */
  leave(): void;
}

/** An answer that has begun: something of it can be shown. */
export interface Answer {
  /** What came first. Holds the answer's end where nothing follows. */
  readonly first: Batch;
  /** Undefined where `first` is the whole answer. */
  readonly rest: Rest | undefined;
}

/**
 * One shape for whole and streamed calls. A handler answers once it has something to show: the whole, or the beginning
 * of a stream. Failure before that is its `GatewayError`, after that one of `rest`. Events travel in batches, as they
 * came off the wire: passing each one alone through every stage would cost more than all that the stages do.
 */
export type Handler<C, A = Answer> = (call: C) => Promise<A>;

/** A step of the pipeline: calls go right through it, their answers come back left. */
export type Stage<In, Out = In> = (next: Handler<Out>) => Handler<In>;

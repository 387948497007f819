import type { CallBase } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { type Attribution, ErrorReason, type Handling } from "../domain/contract.ts";
import { GatewayError, invalidRequest } from "../domain/error.ts";
import type { Delivery } from "../domain/event.ts";
import type { CallWatch } from "../domain/watch.ts";
import type { CallOwner } from "./context.ts";

/**
 * A caller whose time is up hangs up by its own clock, which started before the gateway's: one that leaves so short
 * before the deadline, ms, left because of it. Of short timeouts, a tenth.
 */
const EARLY_MS = 50;

/** What is known of a call before its request was looked at. */
export interface Opening {
  readonly delivery: Delivery;
  readonly arrivedAt: number;
  /** Deadline of a call that brings none, ms from its arrival. */
  readonly defaultDeadlineMs: number;
  readonly watch: CallWatch;
}

/** What every request says of its call. */
export interface CallRequest {
  readonly attribution?: Attribution | undefined;
  readonly handling?: Handling | undefined;
}

interface OpenCall<A> {
  readonly call: CallBase & A;
  readonly close: () => void;
}

/** Ends one call now, with this error. */
type Abort = (error: GatewayError) => void;

/** The calls that are running: opens and closes them, and ends them all when the process stops. */
export class Calls {
  readonly #clock: Clock;
  readonly #open = new Map<Abort, Delivery>();
  #whenIdle: (() => void)[] = [];
  #stopping: GatewayError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#open.size;
  }

  /** How many are running, by their delivery. */
  count(delivery: Delivery): number {
    let count = 0;
    for (const one of this.#open.values()) if (one === delivery) count++;
    return count;
  }

  /** Makes a call of a request and what it asks for. `close` must be called, however it ends. */
  open<A extends object>(
    { attribution, handling }: CallRequest,
    asked: A,
    { delivery, arrivedAt, defaultDeadlineMs, watch }: Opening,
    owner: CallOwner,
  ): OpenCall<A> {
    if (attribution === undefined) throw invalidRequest([{ field: "attribution", description: "is required" }]);
    if (this.#stopping !== undefined) throw this.#stopping;
    const clock = this.#clock;
    const timeoutMs = owner.timeoutMs ?? defaultDeadlineMs;
    if (timeoutMs <= 0) throw deadlineExceeded();
    const controller = new AbortController();
    const abort: Abort = (error) => {
      if (controller.signal.aborted) return;
      controller.abort(error);
      owner.interrupt();
    };
    this.#open.set(abort, delivery);
    let closed = false;
    // The doors also report calls that ended well: by then there is nothing to cancel.
    const deadline = clock.now() + timeoutMs;
    owner.onGone(() => {
      if (closed) return;
      const timeIsUp = clock.now() >= deadline - Math.min(timeoutMs / 10, EARLY_MS);
      abort(timeIsUp ? deadlineExceeded() : cancelled());
    });
    const timer = clock.schedule(timeoutMs, () => abort(deadlineExceeded()));
    return {
      call: {
        ...asked,
        id: owner.requestId,
        attribution,
        handling,
        signal: controller.signal,
        deadline,
        arrivedAt,
        attempts: [],
        waits: { upstreamMs: 0, retryMs: 0, queueMs: 0 },
        watch,
      },
      close: () => {
        closed = true;
        timer.cancel();
        this.#open.delete(abort);
        if (this.#open.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
      },
    };
  }

  /** Ends every running call now, and refuses those that still come, with this error. */
  abortAll(error: GatewayError): void {
    this.#stopping = error;
    // Each its own: what was tried for a call is kept in its error.
    for (const abort of this.#open.keys()) abort(error.with({}));
  }

  /** Resolves once no call is running. */
  idle(): Promise<void> {
    if (this.#open.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }
}

export function cancelled(): GatewayError {
  return new GatewayError(ErrorReason.CANCELLED, "The caller cancelled the call.");
}

export function deadlineExceeded(): GatewayError {
  return new GatewayError(
    ErrorReason.DEADLINE_EXCEEDED,
    "The call's deadline passed. Allow more time, or ask for a shorter answer.",
  );
}

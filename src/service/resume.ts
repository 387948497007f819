import type { Clock } from "../domain/clock.ts";
import { ErrorReason, type Resume, type StreamRequest, type StreamResponse } from "../domain/contract.ts";
import { GatewayError, invalidRequest } from "../domain/error.ts";
import { deadlineExceeded } from "./calls.ts";
import type { CallOwner, RpcContext } from "./context.ts";
import { KeptBytes, KeptEvents } from "./resume-events.ts";
import type { ResumeStore } from "./resume-store.ts";
import { ResumableStream, type RunningCall } from "./resume-stream.ts";

/** What a kept stream takes in memory besides its events, rounded up. */
const STREAM_BYTES = 2048;

export interface ResumeLimits {
  /** How long a stream that lost its reader waits for the next one, ms. */
  readonly graceMs: number;
  /** Most bytes of events that are kept of a stream, and of all streams of this instance together. */
  readonly maxBytesPerStream: number;
  readonly maxBytes: number;
}

/** The streams of this instance that outlive their connections. */
export class Resuming {
  readonly #store: ResumeStore;
  readonly #limits: ResumeLimits;
  readonly #clock: Clock;
  readonly #streams = new Set<ResumableStream>();
  readonly #bytes: KeptBytes;
  #draining = false;

  constructor(store: ResumeStore, limits: ResumeLimits, clock: Clock) {
    this.#store = store;
    this.#limits = limits;
    this.#clock = clock;
    this.#bytes = new KeptBytes(limits.maxBytes, () => this.#makeRoom());
  }

  /** How many are kept, with those that have ended, and the bytes of all. */
  get size(): { readonly streams: number; readonly bytes: number } {
    return { streams: this.#streams.size, bytes: this.#bytes.used };
  }

  /** Begins a stream whose call is opened for it, not for the RPC. Throws what opening throws. */
  begin(
    request: StreamRequest,
    context: RpcContext,
    open: (owner: CallOwner) => RunningCall,
  ): AsyncIterable<StreamResponse> {
    const { graceMs, maxBytesPerStream } = this.#limits;
    const stream = new ResumableStream({
      requestId: context.requestId,
      feature: request.attribution?.feature ?? "",
      timeoutMs: context.timeoutMs,
      events: new KeptEvents(maxBytesPerStream, this.#bytes),
      clock: this.#clock,
      graceMs: () => (this.#draining ? 0 : graceMs),
      onForgotten: () => this.#forgotten(stream),
    });
    const running = open(stream);
    this.#streams.add(stream);
    this.#store.add(stream);
    this.#bytes.take(STREAM_BYTES);
    const events = stream.takeUp(0, context);
    void stream.run(running);
    return events;
  }

  /**
   * The rest of a stream; undefined where the caller wanted it cancelled, and it is. Throws `STREAM_LOST` where there is
   * none for this caller, whatever the cause.
   */
  async takeUp(
    { requestId, afterSequence, cancel }: Resume,
    request: StreamRequest,
    context: RpcContext,
  ): Promise<AsyncIterable<StreamResponse> | undefined> {
    if (request.handling?.resumable !== true) {
      const description = "must be true in a request with resume, as it was in the first one";
      throw invalidRequest([{ field: "handling.resumable", description }]);
    }
    if (context.timeoutMs !== undefined && context.timeoutMs <= 0) throw deadlineExceeded();
    const stream = await this.#store.find(requestId);
    // Who may not have it is not told that it is there.
    if (stream === undefined || stream.feature !== request.attribution?.feature) {
      throw new GatewayError(
        ErrorReason.STREAM_LOST,
        "No stream of this request id is kept here for this feature. Ask anew, without resume.",
      );
    }
    const events = cancel ? undefined : stream.takeUp(afterSequence, context);
    if (cancel) stream.forget();
    context.continueAs(requestId);
    return events;
  }

  /** From now on nobody can come back: streams that nobody reads end at once, and others with their reader. */
  drain(): void {
    this.#draining = true;
    for (const stream of [...this.#streams]) if (stream.isAlone) stream.forget();
  }

  #forgotten(stream: ResumableStream): void {
    this.#streams.delete(stream);
    this.#store.remove(stream.requestId);
    this.#bytes.give(STREAM_BYTES);
  }

  /** Forgets streams that have ended, the oldest ones first. */
  #makeRoom(): void {
    for (const stream of [...this.#streams]) {
      if (!this.#bytes.full) return;
      if (stream.isLeftOver) stream.forget();
    }
  }
}

import type { Answer, Call, Rest } from "../domain/call.ts";
import type { Clock, Timer } from "../domain/clock.ts";
import { ErrorReason, type StreamResponse } from "../domain/contract.ts";
import { GatewayError, invalidRequest, toGatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import { cancelled, deadlineExceeded } from "./calls.ts";
import type { CallOwner, Departure, RpcContext } from "./context.ts";
import type { KeptEvents } from "./resume-events.ts";
import type { KeptStream } from "./resume-store.ts";

/** Who reads a stream now. */
interface Reader {
  readonly context: RpcContext;
  /** Ends its wait for the next event; undefined while it does not wait. */
  wake: (() => void) | undefined;
  /** Why it gets nothing more. */
  ended: GatewayError | undefined;
  timer: Timer | undefined;
}

export interface ResumableStreamOptions {
  readonly requestId: string;
  readonly feature: string;
  /** Time that its first caller gives it, ms; undefined where it does not say. */
  readonly timeoutMs: number | undefined;
  readonly events: KeptEvents;
  readonly clock: Clock;
  /** How long it waits for a reader, ms; 0 where nobody can come any more. */
  readonly graceMs: () => number;
  /** Called once, when it is not to be found any longer. */
  readonly onForgotten: () => void;
}

/** A call that may run. `close` must be called, however it ends. */
export interface RunningCall {
  readonly call: Call;
  readonly answer: () => Promise<Answer>;
  readonly close: () => void;
}

/**
 * A call whose answer does not hang on one connection: it is read here, and given to whoever reads it at the time. With
 * a reader, the upstream is read no faster than it reads. Without one, it is read until the bounds are reached, and from
 * then on waits; when the grace time is over, the call is cancelled and the stream forgotten. One that has ended is
 * kept as long, in case its last events were lost.
 */
export class ResumableStream implements KeptStream, CallOwner {
  readonly requestId: string;
  readonly feature: string;
  readonly timeoutMs: number | undefined;
  readonly #options: ResumableStreamOptions;
  readonly #events: KeptEvents;
  #reader: Reader | undefined;
  #grace: Timer | undefined;
  /** Of the call, while it runs. */
  #signal: AbortSignal | undefined;
  #cancel: (() => void) | undefined;
  #failure: GatewayError | undefined;
  /** Its deadline passed, or the process stops: its reader is told that, and no more of the answer. */
  #cutShort = false;
  /** Makes the call see whether it may read on; undefined while it need not ask. */
  #wakeCall: (() => void) | undefined;
  /** Its request id, which goes out with the first event, may be known: somebody could come back. */
  #isKnown = false;
  #ended = false;
  #forgotten = false;

  constructor(options: ResumableStreamOptions) {
    this.requestId = options.requestId;
    this.feature = options.feature;
    this.timeoutMs = options.timeoutMs;
    this.#options = options;
    this.#events = options.events;
  }

  /** Whether it is only kept in case that somebody missed its end. */
  get isLeftOver(): boolean {
    return this.#ended && this.isAlone;
  }

  /** Whether nobody reads it now. */
  get isAlone(): boolean {
    return this.#reader === undefined;
  }

  // To its call, the stream is the caller: gone once its grace is over.

  onGone(listener: () => void): void {
    this.#cancel = listener;
  }

  interrupt(): void {
    this.#wakeCall?.();
    this.#reader?.wake?.();
    this.#reader?.context.interrupt();
  }

  /** Runs the call; never rejects. */
  async run({ call, answer, close }: RunningCall): Promise<void> {
    this.#signal = call.signal;
    let rest: Rest | undefined;
    try {
      const begun = await answer();
      rest = begun.rest;
      for (let events: Batch | undefined = begun.first; events !== undefined; events = await rest?.next()) {
        for (const event of events) this.#events.add(event);
        this.#reader?.wake?.();
        // The end comes last: the call is over, whether or not somebody reads it.
        if (events.at(-1)?.case !== "end") await this.#mayReadOn(call.signal);
      }
    } catch (thrown) {
      this.#failure = toGatewayError(thrown);
      this.#cutShort = call.signal.aborted;
    } finally {
      rest?.leave();
      close();
      this.#ended = true;
      this.#cancel = undefined;
      this.#signal = undefined;
      this.#reader?.wake?.();
    }
  }

  takeUp(afterSequence: number, context: RpcContext): AsyncIterable<StreamResponse> {
    const { first, last } = this.#events;
    if (afterSequence > last) {
      const description = `the stream has ${last} events so far; give the sequence of the last one that came`;
      throw invalidRequest([{ field: "resume.after_sequence", description }]);
    }
    if (afterSequence + 1 < first) {
      throw streamLost(`The events of this stream before ${first} are not kept any more. Ask anew, without resume.`);
    }
    const before = this.#reader;
    const reader: Reader = { context, wake: undefined, ended: undefined, timer: undefined };
    this.#reader = reader;
    this.#grace?.cancel();
    if (before !== undefined) {
      this.#dismiss(before, streamLost("Another connection has taken this stream up, and gets the rest of it."));
    }
    this.#events.restartAfter(afterSequence);
    // The first reader's time is the call's own deadline; the call does not run before it reads.
    if (this.#signal !== undefined && context.timeoutMs !== undefined) this.#limit(reader, context.timeoutMs);
    context.onGone((how) => this.#left(reader, cancelled(), how));
    return this.#read(reader, afterSequence + 1);
  }

  forget(): void {
    if (this.#forgotten) return;
    this.#forgotten = true;
    const reader = this.#reader;
    if (reader !== undefined) this.#dismiss(reader, cancelled());
    this.#grace?.cancel();
    this.#events.close();
    this.#options.onForgotten();
    this.#cancel?.();
  }

  async *#read(reader: Reader, first: number): AsyncGenerator<StreamResponse> {
    try {
      for (let sequence = first; ; ) {
        if (reader.ended !== undefined) throw reader.ended;
        const cutShort = this.#cutShort || this.#signal?.aborted === true;
        const response = cutShort ? undefined : this.#events.give(sequence);
        if (response !== undefined) {
          sequence++;
          this.#isKnown = true;
          yield response;
          continue;
        }
        if (this.#ended) {
          if (this.#failure !== undefined) throw this.#failure;
          return;
        }
        const woken = new Promise<void>((resolve) => {
          reader.wake = () => {
            reader.wake = undefined;
            resolve();
          };
        });
        this.#wakeCall?.();
        await woken;
      }
    } finally {
      this.#left(reader, undefined, "lost");
    }
  }

  #dismiss(reader: Reader, why: GatewayError): void {
    end(reader, why);
    reader.context.interrupt();
  }

  /** Who takes up a stream brings a time of its own. */
  #limit(reader: Reader, timeoutMs: number): void {
    reader.timer = this.#options.clock.schedule(timeoutMs, () => {
      this.#left(reader, deadlineExceeded(), "cancelled");
      reader.context.interrupt();
    });
  }

  #left(reader: Reader, why: GatewayError | undefined, how: Departure): void {
    end(reader, why);
    if (this.#reader !== reader) return;
    this.#reader = undefined;
    const graceMs = this.#options.graceMs();
    if (how === "cancelled" || graceMs === 0 || !this.#isKnown) this.forget();
    else this.#grace = this.#options.clock.schedule(graceMs, () => this.forget());
    this.#wakeCall?.();
  }

  /**
   * Resolves when the upstream may be read further: somebody waits for events, or nobody is there and there is room. Or
   * when the call is over, of which the next events will tell.
   */
  async #mayReadOn(signal: AbortSignal): Promise<void> {
    const isReady = (): boolean => (this.#reader === undefined ? !this.#events.full : this.#reader.wake !== undefined);
    if (isReady()) return;
    const ignoreRoom = this.#events.onRoom(() => this.#wakeCall?.());
    while (!signal.aborted && !isReady()) {
      await new Promise<void>((resolve) => {
        this.#wakeCall = resolve;
      });
    }
    this.#wakeCall = undefined;
    ignoreRoom();
  }
}

function end(reader: Reader, why: GatewayError | undefined): void {
  reader.ended ??= why;
  reader.timer?.cancel();
  reader.wake?.();
}

function streamLost(message: string): GatewayError {
  return new GatewayError(ErrorReason.STREAM_LOST, message);
}

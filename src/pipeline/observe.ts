import { create } from "@bufbuild/protobuf";
import type { Answer, Call, CallBase, Handler, Rest, Stage } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import {
  CallFailureSchema,
  type Cost,
  ErrorReason,
  type FinishReason,
  type StreamEnd,
  type Usage,
} from "../domain/contract.ts";
import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import type { CallEnd } from "../domain/watch.ts";
import { addCosts } from "../pricing/add-costs.ts";

/**
 * The outermost stage: reports each call exactly once, however it ends, and gives a failure the list of what was
 * tried. A caller that leaves in the middle is a cancelled call, not a failed one.
 */
export function observe<C extends Call>(clock: Clock): Stage<C> {
  return (next) => async (call) => {
    const observation = new Observation(call, clock);
    let answer: Answer;
    try {
      answer = await next(call);
    } catch (thrown) {
      throw observation.failed(thrown);
    }
    return observation.began(answer);
  };
}

/** One call while it is answered. */
class Observation implements Rest {
  readonly #call: Call;
  readonly #clock: Clock;
  #rest: Rest | undefined;
  #end: StreamEnd | undefined;
  #firstEventAt: number | undefined;
  /** Instant since which the reader of a stream has the last events. */
  #shownAt = 0;
  /** Time that the reader of a stream took, ms. */
  #readerMs = 0;
  #reported = false;

  constructor(call: Call, clock: Clock) {
    this.#call = call;
    this.#clock = clock;
  }

  began({ first, rest }: Answer): Answer {
    this.#rest = rest;
    this.#show(first);
    if (this.#call.delivery === "stream" || rest !== undefined) return { first, rest: this };
    this.#report(undefined, this.#shownAt);
    return { first, rest };
  }

  async next(): Promise<Batch | undefined> {
    this.#readerIsBack();
    let events: Batch | undefined;
    try {
      events = await this.#rest?.next();
    } catch (thrown) {
      throw this.failed(thrown);
    }
    if (events === undefined) this.#report(undefined, this.#clock.now());
    else this.#show(events);
    return events;
  }

  leave(): void {
    if (this.#reported) return;
    this.#rest?.leave();
    this.#readerIsBack();
    // A reader that was cut off at the call's deadline leaves like one that goes by itself.
    const { signal } = this.#call;
    this.#report(signal.aborted ? toGatewayError(signal.reason) : undefined, this.#clock.now());
  }

  failed(thrown: unknown): GatewayError {
    const failure = withAttempts(thrown, this.#call, this.#firstEventAt !== undefined);
    this.#report(failure, this.#clock.now());
    return failure;
  }

  #show(events: Batch): void {
    this.#shownAt = this.#clock.now();
    this.#firstEventAt ??= this.#shownAt;
    const last = events.at(-1);
    if (last?.case === "end") this.#end = last.value;
  }

  #readerIsBack(): void {
    if (this.#call.delivery === "stream") this.#readerMs += this.#clock.now() - this.#shownAt;
  }

  #report(failure: GatewayError | undefined, now: number): void {
    if (this.#reported) return;
    this.#reported = true;
    const call = this.#call;
    const [firstEventAt, readerMs] = [this.#firstEventAt, this.#readerMs];
    call.watch.ended(toEnd(call, call.prompt.model, { end: this.#end, failure, firstEventAt, readerMs, now }));
  }
}

/** What the end of an answer says, whatever was asked for. */
interface End {
  readonly provider: string;
  readonly model: string;
  readonly finishReason?: FinishReason | undefined;
  readonly usage?: Usage | undefined;
  readonly cost?: Cost | undefined;
}

/** The same for calls whose answer is no conversation. `model`: what was asked for. */
export function observeWhole<C extends CallBase, A extends End>(
  clock: Clock,
  model: (call: C) => string,
  next: Handler<C, A>,
): Handler<C, A> {
  return async (call) => {
    let end: A | undefined;
    let failure: GatewayError | undefined;
    try {
      end = await next(call);
      return end;
    } catch (thrown) {
      failure = withAttempts(thrown, call, false);
      throw failure;
    } finally {
      const ending = { end, failure, firstEventAt: undefined, readerMs: 0, now: clock.now() };
      call.watch.ended(toEnd(call, model(call), ending));
    }
  };
}

/** A failure with the list of what was tried. */
function withAttempts(thrown: unknown, { id: requestId, attempts }: CallBase, partial: boolean): GatewayError {
  const failure = toGatewayError(thrown);
  failure.failure = create(CallFailureSchema, { requestId, attempts, partial });
  return failure;
}

/** How far a call came. */
interface Ending {
  readonly end: End | undefined;
  readonly failure: GatewayError | undefined;
  readonly firstEventAt: number | undefined;
  readonly readerMs: number;
  readonly now: number;
}

function toEnd(call: CallBase, model: string, { end, failure, firstEventAt, readerMs, now }: Ending): CallEnd {
  const cancelled = failure === undefined ? end === undefined : failure.reason === ErrorReason.CANCELLED;
  const latencyMs = now - call.arrivedAt;
  const { upstreamMs, retryMs, queueMs } = call.waits;
  const last = call.attempts.at(-1);
  return {
    attribution: call.attribution,
    model,
    outcome: cancelled ? "cancelled" : failure === undefined ? "answered" : outcomeOf(failure),
    reason: cancelled ? ErrorReason.CANCELLED : (failure?.reason ?? ErrorReason.UNSPECIFIED),
    error: cancelled ? undefined : failure,
    provider: end?.provider ?? last?.provider,
    servedModel: end?.model,
    finishReason: end?.finishReason,
    usage: end?.usage ?? last?.usage,
    cost: end === undefined ? addCosts(call.attempts) : end.cost,
    attempts: call.attempts,
    latencyMs,
    timeToFirstEventMs: firstEventAt === undefined ? undefined : firstEventAt - call.arrivedAt,
    queueMs,
    overheadMs: Math.max(0, latencyMs - queueMs - upstreamMs - retryMs - readerMs),
  };
}

/** A call that was not let in is none that failed: nothing was done for it. */
function outcomeOf({ reason, failure }: GatewayError): CallEnd["outcome"] {
  return reason === ErrorReason.OVERLOADED && failure?.attempts.length === 0 ? "rejected" : "failed";
}

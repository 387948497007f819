import { create } from "@bufbuild/protobuf";
import type { Answer, Call, Rest, Stage } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { CallFailureSchema, ErrorReason, type StreamEnd } from "../domain/contract.ts";
import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import type { CallEnd } from "../domain/watch.ts";
import { addCosts } from "../pricing/add-costs.ts";

/**
 * The outermost stage: reports each call exactly once, however it ends, and gives a failure the list of what was
 * tried. A caller that leaves in the middle is a cancelled call, not a failed one.
 */
export function observe(clock: Clock): Stage<Call> {
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
    const failure = toGatewayError(thrown);
    const { id: requestId, attempts } = this.#call;
    failure.failure = create(CallFailureSchema, { requestId, attempts, partial: this.#firstEventAt !== undefined });
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
    const end = this.#end;
    const firstEventAt = this.#firstEventAt;
    const cancelled = failure === undefined ? end === undefined : failure.reason === ErrorReason.CANCELLED;
    const latencyMs = now - call.arrivedAt;
    const { upstreamMs, retryMs } = call.waits;
    const last = call.attempts.at(-1);
    const report: CallEnd = {
      attribution: call.attribution,
      model: call.prompt.model,
      outcome: cancelled ? "cancelled" : failure === undefined ? "answered" : "failed",
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
      overheadMs: Math.max(0, latencyMs - upstreamMs - retryMs - this.#readerMs),
    };
    call.watch.ended(report);
  }
}

import { create } from "@bufbuild/protobuf";
import type { Call, Stage } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { CallFailureSchema, ErrorReason, type StreamEnd } from "../domain/contract.ts";
import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import type { CallEnd } from "../domain/watch.ts";
import { addCosts } from "../pricing/add-costs.ts";

/** How far a call came. */
interface Progress {
  firstEventAt: number | undefined;
  end: StreamEnd | undefined;
  failure: GatewayError | undefined;
  /** Time that the reader of a stream took, ms. */
  readerMs: number;
}

/**
 * The outermost stage: reports each call exactly once, however it ends, and gives a failure the list of what was
 * tried. A caller that leaves in the middle is a cancelled call, not a failed one.
 */
export function observe(clock: Clock): Stage<Call> {
  return (next) =>
    async function* (call): AsyncGenerator<Batch> {
      const progress: Progress = { firstEventAt: undefined, end: undefined, failure: undefined, readerMs: 0 };
      let finished = false;
      let yieldedAt: number | undefined;
      try {
        for await (const events of next(call)) {
          const cameAt = clock.now();
          progress.firstEventAt ??= cameAt;
          const last = events.at(-1);
          if (last?.case === "end") progress.end = last.value;
          // The reader of a whole answer is the gateway itself.
          yieldedAt = call.delivery === "stream" ? cameAt : undefined;
          yield events;
          if (yieldedAt !== undefined) progress.readerMs += clock.now() - yieldedAt;
          yieldedAt = undefined;
        }
        finished = true;
      } catch (thrown) {
        const failure = toGatewayError(thrown);
        const partial = progress.firstEventAt !== undefined;
        failure.failure = create(CallFailureSchema, { requestId: call.id, attempts: call.attempts, partial });
        progress.failure = failure;
        throw failure;
      } finally {
        // A reader that was cut off at the call's deadline leaves like one that goes by itself.
        if (progress.failure === undefined && !finished && call.signal.aborted) {
          progress.failure = toGatewayError(call.signal.reason);
        }
        const now = clock.now();
        if (yieldedAt !== undefined) progress.readerMs += now - yieldedAt;
        call.watch.ended(toEnd(call, progress, now));
      }
    };
}

function toEnd(call: Call, { end, failure, firstEventAt, readerMs }: Progress, now: number): CallEnd {
  const cancelled = failure === undefined ? end === undefined : failure.reason === ErrorReason.CANCELLED;
  const latencyMs = now - call.arrivedAt;
  const { upstreamMs, retryMs } = call.waits;
  return {
    attribution: call.attribution,
    model: call.prompt.model,
    outcome: cancelled ? "cancelled" : failure === undefined ? "answered" : "failed",
    reason: cancelled ? ErrorReason.CANCELLED : (failure?.reason ?? ErrorReason.UNSPECIFIED),
    error: cancelled ? undefined : failure,
    provider: end?.provider ?? call.attempts.at(-1)?.provider,
    servedModel: end?.model,
    finishReason: end?.finishReason,
    usage: end?.usage ?? call.attempts.at(-1)?.usage,
    cost: end === undefined ? addCosts(call.attempts) : end.cost,
    attempts: call.attempts,
    latencyMs,
    timeToFirstEventMs: firstEventAt === undefined ? undefined : firstEventAt - call.arrivedAt,
    overheadMs: Math.max(0, latencyMs - upstreamMs - retryMs - readerMs),
  };
}

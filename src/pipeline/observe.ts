import { create } from "@bufbuild/protobuf";
import type { Batch, Call, Stage } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { CallFailureSchema, ErrorReason, type StreamEnd } from "../domain/contract.ts";
import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { CallObserver } from "../telemetry/observer.ts";

/**
 * The outermost stage: reports each call exactly once, however it ends, and gives a failure the list of what was
 * tried. A caller that leaves in the middle is a cancelled call, not a failed one.
 */
export function observe(clock: Clock, observers: readonly CallObserver[]): Stage<Call> {
  return (next) =>
    async function* (call): AsyncGenerator<Batch> {
      const startedAt = clock.now();
      let firstEventAt: number | undefined;
      let end: StreamEnd | undefined;
      let failure: GatewayError | undefined;
      let finished = false;
      try {
        for await (const events of next(call)) {
          firstEventAt ??= clock.now();
          const last = events.at(-1);
          if (last?.case === "end") end = last.value;
          yield events;
        }
        finished = true;
      } catch (thrown) {
        failure = toGatewayError(thrown);
        const partial = firstEventAt !== undefined;
        failure.failure = create(CallFailureSchema, { requestId: call.id, attempts: call.attempts, partial });
        throw failure;
      } finally {
        // A reader that was cut off at the call's deadline leaves like one that goes by itself.
        if (failure === undefined && !finished && call.signal.aborted) failure = toGatewayError(call.signal.reason);
        const cancelled = failure === undefined ? end === undefined : failure.reason === ErrorReason.CANCELLED;
        const record = {
          requestId: call.id,
          attribution: call.attribution,
          model: call.prompt.model,
          delivery: call.delivery,
          outcome: cancelled
            ? ("cancelled" as const)
            : failure === undefined
              ? ("answered" as const)
              : ("failed" as const),
          reason: cancelled ? ErrorReason.CANCELLED : (failure?.reason ?? ErrorReason.UNSPECIFIED),
          error: cancelled ? undefined : failure,
          provider: end?.provider ?? call.attempts.at(-1)?.provider,
          servedModel: end?.model,
          finishReason: end?.finishReason,
          usage: end?.usage,
          attempts: call.attempts,
          latencyMs: clock.now() - startedAt,
          timeToFirstEventMs: firstEventAt === undefined ? undefined : firstEventAt - startedAt,
        };
        for (const observer of observers) {
          try {
            observer.callEnded(record);
          } catch {
            // Watching never fails a call.
          }
        }
      }
    };
}

import type { Batch, Handler } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Target } from "../provider/provider.ts";
import { decideRetry, type RetryPolicy } from "../routing/retry.ts";
import { type AttemptTimeouts, runAttempt } from "./run-attempt.ts";
import { sleep } from "./sleep.ts";
import type { RoutedCall } from "./stages.ts";

export interface AttemptOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
  readonly timeouts: AttemptTimeouts;
}

/**
 * Asks the call's targets, in order and again as `decideRetry` says, until one answers. Events of an attempt are
 * held back until one of them shows something, so that a failed attempt leaves no trace; from then on the call's fate
 * is the attempt's.
 */
export function attempt(options: AttemptOptions): Handler<RoutedCall> {
  return async function* (call): AsyncGenerator<Batch> {
    const { clock, random, retry, timeouts } = options;
    const notIdempotent = call.handling?.notIdempotent === true;
    let failure: GatewayError | undefined;
    for (const [at, target] of call.targets.entries()) {
      const targetsLeft = call.targets.length - at - 1;
      for (let attemptsOnTarget = 1; ; attemptsOnTarget++) {
        if (call.signal.aborted) throw toGatewayError(call.signal.reason);
        const progress = { sent: false, shown: false };
        try {
          yield* runAttempt(call, target, clock, timeouts, progress);
          return;
        } catch (thrown) {
          if (call.signal.aborted) throw toGatewayError(call.signal.reason);
          const error = describe(toGatewayError(thrown), target);
          if (progress.shown) throw error;
          // Nothing was sent: the target cannot do what is asked. That costs no attempt; another target may. An
          // outage before it is what the caller is told of.
          if (!progress.sent) {
            failure ??= error;
            if (error.row.mayFailOver) break;
            throw failure;
          }
          failure = error;
        }
        const decision = decideRetry(
          {
            error: failure,
            attempts: call.attempts.length,
            attemptsOnTarget,
            targetsLeft,
            remainingMs: call.deadline - clock.now(),
            notIdempotent,
          },
          retry,
          random,
        );
        if (decision.action === "give-up") throw failure;
        if (decision.action === "fail-over") break;
        await sleep(decision.delayMs, clock, call.signal);
      }
    }
    throw failure ?? new GatewayError(ErrorReason.INTERNAL, "The model has no targets.");
  };
}

function describe(error: GatewayError, { provider, model }: Target): GatewayError {
  return error.with({ provider: provider.name, model });
}

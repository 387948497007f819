import type { Handler } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import type { Target } from "../provider/provider.ts";
import { decideRetry, type RetryPolicy } from "../routing/retry.ts";
import type { Accounts } from "./account.ts";
import { type AttemptTimeouts, runAttempt } from "./run-attempt.ts";
import { sleep } from "./sleep.ts";
import type { RoutedCall } from "./stages.ts";

export interface AttemptOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
  readonly timeouts: AttemptTimeouts;
  readonly accounts: Accounts;
}

/**
 * Asks the call's targets, in order and again as `decideRetry` says, until one answers. Events of an attempt are
 * held back until one of them shows something, so that a failed attempt leaves no trace; from then on the call's fate
 * is the attempt's.
 */
export function attempt(options: AttemptOptions): Handler<RoutedCall> {
  return async function* (call): AsyncGenerator<Batch> {
    const { clock, random, retry } = options;
    const notIdempotent = call.handling?.notIdempotent === true;
    let failure: GatewayError | undefined;
    for (const [at, target] of call.targets.entries()) {
      const targetsLeft = call.targets.length - at - 1;
      const previous = call.targets[at - 1];
      if (previous !== undefined && failure !== undefined) {
        const { reason } = failure;
        call.watch.reattempt({ kind: "failover", from: nameOf(previous), to: nameOf(target), reason, delayMs: 0 });
      }
      for (let attemptsOnTarget = 1; ; attemptsOnTarget++) {
        if (call.signal.aborted) throw toGatewayError(call.signal.reason);
        const progress = { sent: false, shown: false };
        try {
          yield* runAttempt(call, target, options, progress);
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
        const name = nameOf(target);
        const { delayMs } = decision;
        call.watch.reattempt({ kind: "retry", from: name, to: name, reason: failure.reason, delayMs });
        const sleepsAt = clock.now();
        try {
          await sleep(delayMs, clock, call.signal);
        } finally {
          call.waits.retryMs += clock.now() - sleepsAt;
        }
      }
    }
    throw failure ?? new GatewayError(ErrorReason.INTERNAL, "The model has no targets.");
  };
}

function nameOf({ provider, model }: Target): string {
  return `${provider.name}/${model}`;
}

function describe(error: GatewayError, { provider, model }: Target): GatewayError {
  return error.with({ provider: provider.name, model });
}

import type { Answer, Handler } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import { targetName } from "../provider/upstream.ts";
import { decideRetry, type RetryPolicy } from "../routing/retry.ts";
import { type AttemptParts, AttemptRun, describeFailure } from "./attempt-run.ts";
import { sleep } from "./sleep.ts";
import type { RoutedCall } from "./stages.ts";

export interface AttemptOptions extends AttemptParts {
  readonly random: Random;
  readonly retry: RetryPolicy;
}

/**
 * Asks the call's targets, in order and again as `decideRetry` says, until one has something to show. A failed attempt
 * leaves no trace before that; from then on the call's fate is the attempt's.
 */
export function attempt(options: AttemptOptions): Handler<RoutedCall> {
  return async (call): Promise<Answer> => {
    let failure: GatewayError | undefined;
    for (const [at, target] of call.targets.entries()) {
      const previous = call.targets[at - 1];
      if (previous !== undefined && failure !== undefined) {
        const { reason } = failure;
        const [from, to] = [targetName(previous), targetName(target)];
        call.watch.reattempt({ kind: "failover", from, to, reason, delayMs: 0 });
      }
      for (let attemptsOnTarget = 1; ; attemptsOnTarget++) {
        if (call.signal.aborted) throw toGatewayError(call.signal.reason);
        let run: AttemptRun;
        try {
          run = new AttemptRun(call, target, options);
        } catch (thrown) {
          // Nothing was sent: the target cannot do what is asked. That costs no attempt; another target may. An
          // outage before it is what the caller is told of.
          const error = describeFailure(thrown, call, target);
          failure ??= error;
          if (error.row.mayFailOver) break;
          throw failure;
        }
        try {
          return await run.begin();
        } catch (thrown) {
          failure = toGatewayError(thrown);
        }
        if (call.signal.aborted) throw failure;
        const delayMs = delayBeforeRetry(failure, call, attemptsOnTarget, call.targets.length - at - 1, options);
        if (delayMs === undefined) break;
        const name = targetName(target);
        call.watch.reattempt({ kind: "retry", from: name, to: name, reason: failure.reason, delayMs });
        await waitForRetry(delayMs, call, options.clock);
      }
    }
    throw failure ?? new GatewayError(ErrorReason.INTERNAL, "The model has no targets.");
  };
}

/** How long to wait before the same target is asked again, ms; undefined where the next one is. Throws to give up. */
function delayBeforeRetry(
  error: GatewayError,
  call: RoutedCall,
  attemptsOnTarget: number,
  targetsLeft: number,
  { clock, random, retry }: AttemptOptions,
): number | undefined {
  const decision = decideRetry(
    {
      error,
      attempts: call.attempts.length,
      attemptsOnTarget,
      targetsLeft,
      remainingMs: call.deadline - clock.now(),
      notIdempotent: call.handling?.notIdempotent === true,
    },
    retry,
    random,
  );
  if (decision.action === "give-up") throw error;
  return decision.action === "fail-over" ? undefined : decision.delayMs;
}

async function waitForRetry(delayMs: number, call: RoutedCall, clock: Clock): Promise<void> {
  const since = clock.now();
  try {
    await sleep(delayMs, clock, call.signal);
  } finally {
    call.waits.retryMs += clock.now() - since;
  }
}

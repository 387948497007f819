import type { Random } from "../domain/clock.ts";
import type { GatewayError } from "../domain/error.ts";

export interface RetryPolicy {
  /** Most attempts of one call, over all its targets. */
  readonly maxAttempts: number;
  readonly baseDelayMs: number;
  readonly maxDelayMs: number;
  /** Longest wait that an upstream may ask for. */
  readonly maxRetryAfterMs: number;
}

export interface Situation {
  readonly error: GatewayError;
  /** Requests sent so far, this one included. */
  readonly attempts: number;
  /** Requests sent to this target so far, this one included. */
  readonly attemptsOnTarget: number;
  /** Targets that come after this one. */
  readonly targetsLeft: number;
  /** Until the call's deadline, ms. */
  readonly remainingMs: number;
  readonly notIdempotent: boolean;
  /** The target has another key, of which the error does not tell. */
  readonly hasSpareKey?: boolean;
}

export type Decision =
  | { readonly action: "retry"; readonly delayMs: number }
  | { readonly action: "fail-over" }
  | { readonly action: "give-up" };

/** Spreads the callers that were told the same moment, ms. */
const RETRY_AFTER_JITTER_MS = 100;

/**
 * What to do after a failed attempt of which nothing was shown.
 *
 * Each target that is still to come has an attempt reserved; only attempts beyond these are spent on asking the same
 * target again. Where an upstream asks for a wait and another target is there, nobody waits. A wait that would reach
 * the deadline is not begun: what cannot finish must not load anybody. What only one key of several is to blame for
 * is tried with another one, at once.
 */
export function decideRetry(situation: Situation, policy: RetryPolicy, random: Random): Decision {
  const { error, attempts, targetsLeft, remainingMs } = situation;
  if (situation.notIdempotent || attempts >= policy.maxAttempts) return { action: "give-up" };

  const canFailOver = error.row.mayFailOver && targetsLeft > 0;
  const spare = policy.maxAttempts - attempts - (canFailOver ? targetsLeft : 0);
  if (situation.hasSpareKey === true && spare > 0) return { action: "retry", delayMs: 0 };
  const asked = error.retryAfterMs;
  if (error.row.mayRetry && spare > 0 && !(canFailOver && asked !== undefined)) {
    const delayMs =
      asked === undefined
        ? random() * Math.min(policy.maxDelayMs, policy.baseDelayMs * 2 ** (situation.attemptsOnTarget - 1))
        : asked + random() * RETRY_AFTER_JITTER_MS;
    if (delayMs < remainingMs && (asked ?? 0) <= policy.maxRetryAfterMs) return { action: "retry", delayMs };
  }
  return canFailOver ? { action: "fail-over" } : { action: "give-up" };
}

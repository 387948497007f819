import type { Breaker } from "./breaker.ts";
import type { NotBefore } from "./not-before.ts";

/** What is known of a target's health. */
export interface Health {
  readonly breaker: Breaker;
  readonly notBefore: NotBefore;
}

interface Skipped<T> {
  readonly target: T;
  readonly because: "deferred" | "open";
}

export interface Candidates<T> {
  /** Those that may be asked, in the order given; none where all are deferred. */
  readonly targets: readonly T[];
  readonly skipped: readonly Skipped<T>[];
  /** Every breaker is open. The only candidate is to be entered with `enterAnyway`. */
  readonly lastStanding: boolean;
  /** Without candidates: until the first of them may be asked again, ms. */
  readonly retryAfterMs: number | undefined;
}

/**
 * Of a call's targets, those to ask. One that said "not before" is never asked before, whatever that means for the call.
 * Open breakers are only a guess: where no target would be left, the one whose probe is due first is asked all the
 * same, and only that one, as a call to a provider that is down should not become one to each. Envoy goes further in
 * its panic mode, and asks all alike once half of them are out; that is for a pool of equal hosts.
 */
export function findCandidates<T>(targets: readonly T[], healthOf: (target: T) => Health): Candidates<T> {
  const fit: T[] = [];
  const skipped: Skipped<T>[] = [];
  let first: T | undefined;
  let firstAt = Number.POSITIVE_INFINITY;
  let shortestMs = Number.POSITIVE_INFINITY;
  for (const target of targets) {
    const { breaker, notBefore } = healthOf(target);
    const waitMs = notBefore.waitMs;
    if (waitMs > 0) {
      skipped.push({ target, because: "deferred" });
      shortestMs = Math.min(shortestMs, waitMs);
    } else if (breaker.passable) {
      fit.push(target);
    } else {
      skipped.push({ target, because: "open" });
      if (first === undefined || breaker.probeAt < firstAt) {
        first = target;
        firstAt = breaker.probeAt;
      }
    }
  }
  if (fit.length > 0) return { targets: fit, skipped, lastStanding: false, retryAfterMs: undefined };
  if (first !== undefined) {
    const others = skipped.filter(({ target }) => target !== first);
    return { targets: [first], skipped: others, lastStanding: true, retryAfterMs: undefined };
  }
  const retryAfterMs = targets.length === 0 ? undefined : shortestMs;
  return { targets: [], skipped, lastStanding: false, retryAfterMs };
}

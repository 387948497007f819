import type { Clock } from "../domain/clock.ts";

/** Longest time for which anybody may send a target away at once, ms: a wrong header must not lose it for a day. */
const MAX_DEFERRAL_MS = 60_000;

/**
 * The instant before which a target, or one key of a provider, must not be asked. Only ever moves to later: answers
 * come in another order than they were made in, and the one that knows less may come last.
 */
export class NotBefore {
  readonly #clock: Clock;
  readonly #maxMs: number;
  #until = Number.NEGATIVE_INFINITY;
  #why = "";

  constructor(clock: Clock, maxMs: number = MAX_DEFERRAL_MS) {
    this.#clock = clock;
    this.#maxMs = maxMs;
  }

  /** Must not be asked for `ms` from now, at most the longest deferral; what is no positive number is ignored. */
  defer(ms: number, why: string): void {
    if (!(ms > 0)) return;
    const until = this.#clock.now() + Math.min(ms, this.#maxMs);
    if (until <= this.#until) return;
    this.#until = until;
    this.#why = why;
  }

  /** How long it must still be left alone, ms; 0 where it may be asked. */
  get waitMs(): number {
    return Math.max(0, this.#until - this.#clock.now());
  }

  /** Why it was deferred last; empty where it never was. */
  get why(): string {
    return this.#why;
  }
}

import type { Clock, Timer } from "../domain/clock.ts";

/**
 * Bounds waits, many in a row, with few timers: while a timer runs that ends no later, a new wait only moves its
 * instant. Waiting for the caller is not watched, so a slow reader never looks like a silent upstream.
 */
export class Watchdog {
  readonly #clock: Clock;
  readonly #onTimeout: () => void;
  /** Instant by which the current wait must end; Infinity while nothing is waited for. */
  #limit = Number.POSITIVE_INFINITY;
  #timer: Timer | undefined;
  #timerAt = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onTimeout: () => void) {
    this.#clock = clock;
    this.#onTimeout = onTimeout;
  }

  /** Something is waited for, at most until this instant. */
  waitUntil(instant: number): void {
    this.#limit = instant;
    if (instant < this.#timerAt) this.#arm(instant);
  }

  /** What was waited for came. */
  came(): void {
    this.#limit = Number.POSITIVE_INFINITY;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#limit = Number.POSITIVE_INFINITY;
  }

  #arm(instant: number): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerAt = instant;
    if (instant === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.schedule(instant - this.#clock.now(), () => {
      this.#timerAt = Number.POSITIVE_INFINITY;
      if (this.#clock.now() >= this.#limit) this.#onTimeout();
      else this.#arm(this.#limit);
    });
  }
}

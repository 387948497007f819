import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { reasonName, reasonRow } from "../domain/reasons.ts";
import { Buckets } from "./buckets.ts";

export interface BreakerOptions {
  /** Failures in a row that open it. */
  readonly consecutiveFailures: number;
  /** Share of failures in the window that opens it, from `minAttempts` on. */
  readonly failureRatio: number;
  readonly minAttempts: number;
  readonly windowMs: number;
  /** First time for which it stays open, ms; doubles with each further one. Half to all of it, at random. */
  readonly openMs: number;
  /**
   * Longest time for which it stays open, ms. Half of it until the trouble has lasted for as long as this, and then half
   * of the trouble's time: who was down for a minute is back within half a minute.
   */
  readonly maxOpenMs: number;
  /** After being closed for so long, the next opening is a first one again, ms. */
  readonly forgiveAfterMs: number;
}

/** Five in a row is Envoy's; half of 20 in 30 s and the doubling are usual in clients of one server. */
export const BREAKER_DEFAULTS: BreakerOptions = {
  consecutiveFailures: 5,
  failureRatio: 0.5,
  minAttempts: 20,
  windowMs: 30_000,
  openMs: 1000,
  maxOpenMs: 60_000,
  forgiveAfterMs: 10_000,
};

export type BreakerState = "closed" | "open" | "half-open";

export interface Transition {
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** For logs, metrics and operators, such as `5 failures in a row, the last one UPSTREAM_ERROR`. */
  readonly why: string;
}

/** Leave for one attempt. Whoever has it tells how the attempt ended, once; a second word is without effect. */
export interface Pass {
  /**
   * The target shows something of its answer. Closes the breaker after a probe: an answer may take minutes, and the
   * target need not be shunned until its end. A failure that follows opens it again.
   */
  answering(): void;
  /**
   * The attempt is over; `UNSPECIFIED`: it succeeded. Reasons that say nothing of the target's health, such as
   * `CANCELLED` or a caller's mistake, count neither way: a probe's place is free again.
   */
  ended(reason: ErrorReason): void;
}

const BUCKETS = 30;
const ATTEMPTS = 0;
const FAILURES = 1;

/**
 * Keeps calls from a target that fails, by what `reasonRow` says of each failure. Closed: all pass. Open: none, until
 * its time is over. Then half-open: one at a time passes as a probe; success closes it, failure opens it for longer.
 *
 * Attempts that began before the state changed say nothing about it any more, and are not counted.
 */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onTransition: (transition: Transition) => void;
  readonly #window: Buckets;
  #state: BreakerState = "closed";
  #why = "";
  #inARow = 0;
  /** Times that it opened in a row, without having been closed for long. */
  #openings = 0;
  /** When the first of these was. */
  #troubleSince = 0;
  #closedAt = Number.NEGATIVE_INFINITY;
  #probeAt = Number.NEGATIVE_INFINITY;
  #probing = false;
  /** Grows as it opens and closes: tells passes of before from those of now. */
  #era = 0;

  constructor(
    options: BreakerOptions,
    clock: Clock,
    random: Random,
    onTransition: (transition: Transition) => void = () => {},
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#onTransition = onTransition;
    this.#window = new Buckets(options.windowMs / BUCKETS, BUCKETS, 2);
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Why it is in its state; empty where it was never in another one. */
  get why(): string {
    return this.#why;
  }

  /** Instant of the clock from which a probe is due; in the past where it is closed. */
  get probeAt(): number {
    return this.#probeAt;
  }

  /** Whether `tryEnter` would let somebody pass now. */
  get passable(): boolean {
    if (this.#state === "closed") return true;
    return !this.#probing && this.#clock.now() >= this.#probeAt;
  }

  /** Leave for an attempt, as a probe where one is due; undefined where the target must be left alone. */
  tryEnter(): Pass | undefined {
    if (this.#state === "closed") return this.#admit(false);
    if (!this.passable) return undefined;
    this.#probing = true;
    if (this.#state === "open") this.#move("half-open", "a probe is due");
    return this.#admit(true);
  }

  /** Leave for an attempt in whatever state: for a call that has no other target. Its success closes the breaker. */
  enterAnyway(): Pass {
    return this.tryEnter() ?? this.#admit(false);
  }

  #admit(probe: boolean): Pass {
    let era = this.#era;
    let proved = false;
    let over = false;
    return {
      answering: () => {
        if (over || era !== this.#era || this.#state === "closed") return;
        this.#close(probe ? "a probe was answered" : "the last target standing answered");
        era = this.#era;
        proved = true;
      },
      ended: (reason) => {
        if (over) return;
        over = true;
        if (era === this.#era) this.#count(reason, probe, proved);
      },
    };
  }

  /** `proved`: by the beginning of this answer the breaker was closed. */
  #count(reason: ErrorReason, probe: boolean, proved: boolean): void {
    const failed = reasonRow(reason).blamesTarget;
    const says = failed || reason === ErrorReason.UNSPECIFIED;
    if (this.#state === "closed") {
      if (says) this.#countClosed(reason, failed, proved);
    } else if (!says) {
      if (probe) this.#probing = false;
    } else if (!failed) {
      this.#close(probe ? "a probe succeeded" : "the last target standing answered");
    } else if (probe) {
      this.#open(`a probe failed: ${reasonName(reason)}`);
    } else {
      // Asked although it is open: a call's only choice. For the next such call, another one's time may come sooner.
      this.#probeAt = Math.max(this.#probeAt, this.#clock.now() + this.#waitMs());
    }
  }

  #countClosed(reason: ErrorReason, failed: boolean, proved: boolean): void {
    const now = this.#clock.now();
    this.#window.add(ATTEMPTS, 1, now);
    if (!failed) {
      this.#inARow = 0;
      return;
    }
    this.#window.add(FAILURES, 1, now);
    this.#inARow++;
    const why = proved ? `a probe's answer failed: ${reasonName(reason)}` : this.#findWhyToOpen(reason, now);
    if (why !== undefined) this.#open(why);
  }

  #findWhyToOpen(reason: ErrorReason, now: number): string | undefined {
    const { consecutiveFailures, failureRatio, minAttempts, windowMs } = this.#options;
    const last = `the last one ${reasonName(reason)}`;
    if (this.#inARow >= consecutiveFailures) return `${this.#inARow} failures in a row, ${last}`;
    const attempts = this.#window.sum(ATTEMPTS, now);
    const failures = this.#window.sum(FAILURES, now);
    if (attempts < minAttempts || failures < failureRatio * attempts) return undefined;
    return `${failures} failures of ${attempts} attempts in ${windowMs / 1000} s, ${last}`;
  }

  #open(why: string): void {
    const now = this.#clock.now();
    if (this.#state === "closed" && now - this.#closedAt >= this.#options.forgiveAfterMs) this.#openings = 0;
    if (this.#openings === 0) this.#troubleSince = now;
    this.#openings++;
    this.#probeAt = now + this.#waitMs();
    this.#probing = false;
    this.#era++;
    this.#move("open", why);
  }

  #close(why: string): void {
    this.#inARow = 0;
    this.#window.clear();
    this.#probing = false;
    this.#closedAt = this.#clock.now();
    this.#probeAt = Number.NEGATIVE_INFINITY;
    this.#era++;
    this.#move("closed", why);
  }

  #waitMs(): number {
    const { openMs, maxOpenMs } = this.#options;
    const troubleMs = this.#clock.now() - this.#troubleSince;
    const longestMs = Math.min(maxOpenMs, Math.max(maxOpenMs, troubleMs) / 2);
    return Math.min(longestMs, openMs * 2 ** (this.#openings - 1)) * (0.5 + this.#random() / 2);
  }

  #move(to: BreakerState, why: string): void {
    const from = this.#state;
    this.#state = to;
    this.#why = why;
    this.#onTransition({ from, to, why });
  }
}

import type { Clock } from "../domain/clock.ts";
import { Buckets } from "./buckets.ts";

export interface RetryBudgetOptions {
  /** Extra attempts for each first one. */
  readonly ratio: number;
  /** Extra attempts a second that are there without any first one, so that a quiet target can be retried too. */
  readonly perSecond: number;
  /** How long an attempt counts, ms. */
  readonly windowMs: number;
}

/** As in finagle and linkerd. */
export const RETRY_BUDGET_DEFAULTS: RetryBudgetOptions = { ratio: 0.2, perSecond: 10, windowMs: 10_000 };

const BUCKETS = 20;
const FIRST = 0;
const EXTRA = 1;

/**
 * How many extra attempts one target may get: retries, fail-overs and hedges alike. The target that receives the extra
 * attempt pays, whoever failed before: what is protected is the one about to be asked.
 *
 * In any window there are at most `ratio` × first attempts + `perSecond` × window extra ones, where the first attempts
 * are those of the window that ends with the last extra one. This is exact, not blurred by the buckets: extra attempts
 * are counted over up to a bucket more than the window, and first ones over up to a bucket less.
 */
export class RetryBudget {
  readonly #clock: Clock;
  readonly #ratio: number;
  readonly #reserve: number;
  readonly #buckets: Buckets;

  constructor(options: RetryBudgetOptions, clock: Clock) {
    this.#clock = clock;
    this.#ratio = options.ratio;
    this.#reserve = (options.perSecond * options.windowMs) / 1000;
    this.#buckets = new Buckets(options.windowMs / BUCKETS, BUCKETS + 1, 2);
  }

  /** A call's first attempt goes to this target. */
  deposit(): void {
    this.#buckets.add(FIRST, 1, this.#clock.now());
  }

  /** Takes leave for one extra attempt at this target; call it as the attempt is begun. */
  tryWithdraw(): boolean {
    if (this.balance < 1) return false;
    this.#buckets.add(EXTRA, 1, this.#clock.now());
    return true;
  }

  /** Extra attempts that it could get now; may be a fraction. */
  get balance(): number {
    const now = this.#clock.now();
    const earned = this.#ratio * this.#buckets.sum(FIRST, now, BUCKETS);
    return this.#reserve + earned - this.#buckets.sum(EXTRA, now);
  }
}

import type { Clock } from "../domain/clock.ts";
import { Buckets } from "./buckets.ts";
import type { RetryBudget } from "./retry-budget.ts";

/** Values per doubling: 9 % apart. */
const STEPS = 8;
/** To 2^20 ms, 17 minutes: longer than any attempt. */
const SIZE = 20 * STEPS;
/** Two halves: what is known is between a minute and two old. */
const HALF_MS = 60_000;

/**
 * Times to first token of one target over the last one to two minutes, in fixed memory. Of an attempt that lost to its
 * hedge, observe how long it had waited: it is less than the truth, but without it the slow ones would vanish from the
 * picture, and hedges would start ever earlier.
 */
export class FirstTokenTimes {
  readonly #clock: Clock;
  #older = new Uint32Array(SIZE + 1);
  #newer = new Uint32Array(SIZE + 1);
  #count = 0;
  #newerCount = 0;
  #halfAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#halfAt = clock.now();
  }

  get count(): number {
    this.#turn();
    return this.#count;
  }

  observe(ms: number): void {
    this.#turn();
    const at = ms <= 1 ? 0 : Math.min(SIZE, Math.ceil(Math.log2(ms) * STEPS));
    this.#newer[at] = (this.#newer[at] ?? 0) + 1;
    this.#newerCount++;
    this.#count++;
  }

  /** The time within which this share of them came, ms, up to 9 % too long; undefined without any. */
  quantile(share: number): number | undefined {
    this.#turn();
    const wanted = Math.ceil(share * this.#count);
    let seen = 0;
    for (let at = 0; at <= SIZE; at++) {
      seen += (this.#older[at] ?? 0) + (this.#newer[at] ?? 0);
      if (seen > 0 && seen >= wanted) return 2 ** (at / STEPS);
    }
    return undefined;
  }

  #turn(): void {
    const age = this.#clock.now() - this.#halfAt;
    if (age < HALF_MS) return;
    this.#halfAt = this.#clock.now();
    const kept = age < 2 * HALF_MS;
    [this.#older, this.#newer] = [this.#newer, this.#older];
    this.#newer.fill(0);
    if (!kept) this.#older.fill(0);
    this.#count = kept ? this.#newerCount : 0;
    this.#newerCount = 0;
  }
}

export interface HedgePolicy {
  /** Fixed delay, ms; undefined for the target's own, from its times to first token. */
  readonly delayMs: number | undefined;
  /** Share of calls that the target's own delay lets be. With 0.95, one call in twenty is hedged. */
  readonly quantile: number;
  /** Fewer times than that say nothing of the quantile. */
  readonly minSamples: number;
  /** Shortest delay of its own, ms: below it, a hedge could win nothing. */
  readonly minDelayMs: number;
}

/** The 95th percentile is what "The Tail at Scale" (Dean and Barroso, 2013) waits for, at 5 % more load. */
export const HEDGE_DEFAULTS: HedgePolicy = { delayMs: undefined, quantile: 0.95, minSamples: 20, minDelayMs: 10 };

/** How long the first target may be silent before a second one is asked, ms; undefined: it is not known, so no hedge. */
export function findHedgeDelay(policy: HedgePolicy, times: FirstTokenTimes): number | undefined {
  if (policy.delayMs !== undefined) return policy.delayMs;
  if (times.count < policy.minSamples) return undefined;
  const ms = times.quantile(policy.quantile);
  return ms === undefined ? undefined : Math.max(policy.minDelayMs, ms);
}

const BUCKETS = 60;

/** What hedges may cost in a window; in no window it is more. */
export class HedgeSpend {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #spent: Buckets;

  /** `limit` in the unit of the costs, such as nano-USD. */
  constructor(limit: number, windowMs: number, clock: Clock) {
    this.#clock = clock;
    this.#limit = limit;
    // One more than the window, so that what is forgotten is older than it.
    this.#spent = new Buckets(windowMs / BUCKETS, BUCKETS + 1, 1);
  }

  fits(cost: number): boolean {
    return this.#spent.sum(0, this.#clock.now()) + cost <= this.#limit;
  }

  add(cost: number): void {
    this.#spent.add(0, cost, this.#clock.now());
  }
}

export interface HedgeChoice<T> {
  /** The call's targets in their order. */
  readonly targets: readonly T[];
  /** Those that were asked already. */
  readonly asked: readonly T[];
  /** Whether a target may be asked now: its breaker is closed, it is not deferred. A hedge is no probe. */
  readonly isHealthy: (target: T) => boolean;
  readonly budgetOf: (target: T) => RetryBudget;
  /** Estimated cost of the hedge; undefined where no price is known. */
  readonly costOf: (target: T) => number | undefined;
  /** Undefined: as much as the budget allows. With a limit, what has no price is not asked. */
  readonly spend: HedgeSpend | undefined;
}

/**
 * The target that gets the hedge, never one that was asked already; undefined where none may. Its budget and the
 * spending limit are charged: begin it at once.
 */
export function pickHedge<T>({ targets, asked, isHealthy, budgetOf, costOf, spend }: HedgeChoice<T>): T | undefined {
  for (const target of targets) {
    if (asked.includes(target) || !isHealthy(target)) continue;
    const cost = spend === undefined ? 0 : costOf(target);
    if (cost === undefined || spend?.fits(cost) === false) continue;
    if (!budgetOf(target).tryWithdraw()) continue;
    spend?.add(cost);
    return target;
  }
  return undefined;
}

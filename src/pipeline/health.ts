import type { Clock, Random } from "../domain/clock.ts";
import { type Target, targetName } from "../provider/upstream.ts";
import { Breaker, type BreakerOptions, type BreakerState, type Transition } from "../routing/breaker.ts";
import type { Health } from "../routing/candidates.ts";
import { Latency } from "../routing/ewma.ts";
import { FirstTokenTimes } from "../routing/hedge.ts";
import { NotBefore } from "../routing/not-before.ts";
import { RetryBudget, type RetryBudgetOptions } from "../routing/retry-budget.ts";

/** Targets that are remembered. Callers may name any model of a provider, so the number is bounded. */
const MAX_TARGETS = 2048;

export interface HealthOptions {
  readonly breaker: BreakerOptions;
  readonly retryBudget: RetryBudgetOptions;
}

/** What attempts have shown of one target. */
export interface TargetHealth extends Health {
  /** `provider/model`. */
  readonly name: string;
  /** Extra attempts that it may get. */
  readonly budget: RetryBudget;
  readonly latency: Latency;
  /** Times to first token; of whole answers, the times until they came. */
  readonly times: { readonly stream: FirstTokenTimes; readonly unary: FirstTokenTimes };
}

/** Hears of breakers that open and close. */
export type OnTransition = (target: string, transition: Transition) => void;

/** Health of all targets, by their names. Outlives configurations: what is down stays down after a reload. */
export class HealthRegistry {
  readonly #options: HealthOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #onTransition: OnTransition;
  /** The one that was made first is forgotten first. */
  readonly #targets = new Map<string, TargetHealth>();

  constructor(options: HealthOptions, clock: Clock, random: Random, onTransition: OnTransition = () => {}) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#onTransition = onTransition;
  }

  of(target: Target): TargetHealth {
    const name = targetName(target);
    const known = this.#targets.get(name);
    if (known !== undefined) return known;
    const [oldest] = this.#targets.size < MAX_TARGETS ? [] : this.#targets.keys();
    if (oldest !== undefined) this.#targets.delete(oldest);
    const made = this.#make(name);
    this.#targets.set(name, made);
    return made;
  }

  all(): Iterable<TargetHealth> {
    return this.#targets.values();
  }

  /** By the names of their targets. */
  *breakers(): Iterable<readonly [target: string, state: BreakerState]> {
    for (const { name, breaker } of this.#targets.values()) yield [name, breaker.state];
  }

  /** Forgets a provider's targets: it is another one now, though its name is the same. */
  forget(provider: string): void {
    for (const name of this.#targets.keys()) if (name.startsWith(`${provider}/`)) this.#targets.delete(name);
  }

  #make(name: string): TargetHealth {
    const clock = this.#clock;
    const { breaker, retryBudget } = this.#options;
    return {
      name,
      breaker: new Breaker(breaker, clock, this.#random, (transition) => this.#onTransition(name, transition)),
      notBefore: new NotBefore(clock),
      budget: new RetryBudget(retryBudget, clock),
      latency: new Latency(clock),
      times: { stream: new FirstTokenTimes(clock), unary: new FirstTokenTimes(clock) },
    };
  }
}

/** Nothing speaks against asking it now. */
export function mayAsk({ breaker, notBefore }: Health): boolean {
  return breaker.passable && notBefore.waitMs === 0;
}

import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Delivery } from "../domain/event.ts";
import { type Target, targetName } from "../provider/upstream.ts";
import type { Pass } from "../routing/breaker.ts";
import { ConcurrencyLimit, type ConcurrencyOptions, type Slot } from "../routing/concurrency.ts";

/** Targets that are remembered. Callers may name any model of a provider, so the number is bounded. */
const MAX_TARGETS = 2048;

/** Wait of those who are refused because a target is full, ms: a few first tokens. Spread up to twice that. */
const RETRY_MS = 500;

/** Ends of attempts by which a target says that it has too much to do. */
const OVERLOADED: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.UPSTREAM_OVERLOADED,
  ErrorReason.UPSTREAM_RATE_LIMITED,
  ErrorReason.UPSTREAM_TIMEOUT,
]);

/** How many attempts may wait for each target, as each has shown that it can take. Outlives configurations. */
export class TargetSlots {
  readonly #options: ConcurrencyOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  /** The one that was made first is forgotten first. */
  readonly #limits = new Map<string, ConcurrencyLimit>();

  constructor(options: ConcurrencyOptions, clock: Clock, random: Random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * The pass of an attempt that has a place at its target, and frees it as the attempt goes. Throws `OVERLOADED` where
   * it is full, and gives the pass back.
   */
  hold(target: Target, delivery: Delivery, pass: Pass): Pass {
    const slot = this.#limitOf(target).tryAcquire(delivery);
    if (slot !== undefined) return hold(pass, slot);
    pass.ended(ErrorReason.CANCELLED);
    throw new GatewayError(
      ErrorReason.OVERLOADED,
      `As many calls wait for ${targetName(target)} as it answers in time. Wait as RetryInfo says, or name other targets.`,
      { retryAfterMs: Math.ceil(RETRY_MS * (1 + this.#random())) },
    );
  }

  #limitOf(target: Target): ConcurrencyLimit {
    const name = targetName(target);
    const known = this.#limits.get(name);
    if (known !== undefined) return known;
    const [oldest] = this.#limits.size < MAX_TARGETS ? [] : this.#limits.keys();
    if (oldest !== undefined) this.#limits.delete(oldest);
    const made = new ConcurrencyLimit(this.#options, this.#clock);
    this.#limits.set(name, made);
    return made;
  }
}

function hold(pass: Pass, slot: Slot): Pass {
  return {
    answering() {
      slot.firstToken();
      pass.answering();
    },
    ended(reason) {
      slot.ended(OVERLOADED.has(reason) ? "overloaded" : reason === ErrorReason.UNSPECIFIED ? "answered" : "other");
      pass.ended(reason);
    },
  };
}

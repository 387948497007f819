import type { CallBase } from "../domain/call.ts";
import { ErrorReason } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { Target } from "../provider/upstream.ts";
import type { Pass } from "../routing/breaker.ts";
import { findCandidates } from "../routing/candidates.ts";
import type { NotBefore } from "../routing/not-before.ts";
import { allDeferred, describeFailure } from "./failure.ts";
import type { HealthRegistry, TargetHealth } from "./health.ts";

/** What a call wants, and of whom. */
export interface Errand<R> {
  readonly call: CallBase;
  /** As the caller named it. */
  readonly model: string;
  /** In order of preference. */
  readonly targets: readonly Target[];
  /** What is to be sent to a target. Throws where it cannot do what is asked. */
  readonly write: (target: Target) => R;
  /** Takes a place at a target, which the pass frees as it ends. Throws `OVERLOADED` where there is none. */
  readonly hold?: ((target: Target, pass: Pass) => Pass) | undefined;
}

/** What is written for a target, and may be sent to it. */
export interface Leave<R> {
  readonly target: Target;
  readonly request: R;
  readonly health: TargetHealth;
  readonly pass: Pass;
}

/**
 * Gives one call leave to ask its targets, in their order. Those whose breaker is open, or that said "not before", are
 * passed over. Every attempt but the call's first one is an extra one, whatever it is for, and needs leave of the
 * budget of the target that is to be asked.
 */
export class Leaves<R> {
  readonly #errand: Errand<R>;
  readonly #health: HealthRegistry;
  #candidates: readonly Target[];
  /** Every breaker is open: the only candidate is asked all the same. */
  #lastStanding: boolean;
  #at = 0;
  /** Times that leave was given for the target it is at. */
  #here = 0;
  readonly #asked = new Set<Target>();
  /** Asked for last. */
  #known: { readonly target: Target; readonly health: TargetHealth } | undefined;
  /** What the call is told once nobody may be asked any more. */
  failure: GatewayError | undefined;

  /** `fits`: whether a wait is worth it. Throws `UPSTREAM_RATE_LIMITED` where every target wants to be left alone for longer. */
  constructor(errand: Errand<R>, health: HealthRegistry, fits: (waitMs: number) => boolean) {
    this.#errand = errand;
    this.#health = health;
    const { targets, lastStanding, retryAfterMs } = findCandidates(errand.targets, (target) => this.healthOf(target));
    this.#candidates = targets;
    this.#lastStanding = lastStanding;
    if (retryAfterMs === undefined) return;
    if (!fits(retryAfterMs)) throw allDeferred(errand.model, retryAfterMs);
    this.#candidates = errand.targets.filter((target) => this.healthOf(target).notBefore.waitMs <= retryAfterMs);
  }

  /** In the order in which they are asked. */
  get candidates(): readonly Target[] {
    return this.#candidates;
  }

  get asked(): ReadonlySet<Target> {
    return this.#asked;
  }

  /** The target it is at. */
  get current(): Target | undefined {
    return this.#candidates[this.#at];
  }

  get attemptsHere(): number {
    return this.#here;
  }

  /** Targets that come after the one it is at, and were not asked yet. */
  get targetsLeft(): number {
    let left = 0;
    for (const [at, target] of this.#candidates.entries()) if (at > this.#at && !this.#asked.has(target)) left++;
    return left;
  }

  /** The last target that could answer, where it wants to be left alone for a moment. */
  get onlyDeferred(): NotBefore | undefined {
    const target = this.#candidates.length - this.#at === 1 ? this.current : undefined;
    const notBefore = target && this.healthOf(target).notBefore;
    return notBefore !== undefined && notBefore.waitMs > 0 ? notBefore : undefined;
  }

  healthOf(target: Target): TargetHealth {
    if (this.#known?.target !== target) this.#known = { target, health: this.#health.of(target) };
    return this.#known.health;
  }

  /** Leave for the target it is at or, where that has none, the next one that does; undefined where nobody has. */
  find(): Leave<R> | undefined {
    for (; this.#at < this.#candidates.length; this.moveOn()) {
      const target = this.current;
      if (target === undefined || (this.#here === 0 && this.#asked.has(target))) continue;
      const leave = this.#tryLeave(target);
      if (leave !== undefined) return leave;
    }
    // Breakers may have opened since: a call that nobody was asked for is no reason to ask nobody.
    if (this.#asked.size > 0 || this.failure !== undefined || this.#lastStanding) return undefined;
    const [first] = this.#candidates;
    this.#lastStanding = true;
    return first === undefined ? undefined : this.#tryLeave(first);
  }

  /**
   * What a target needs to be asked now, budget aside; undefined where its breaker is against it. Throws what it cannot
   * do, and `OVERLOADED` where it is full.
   */
  enter(target: Target, anyway: boolean): Leave<R> | undefined {
    const { write, hold } = this.#errand;
    const request = write(target);
    const health = this.healthOf(target);
    const pass = anyway ? health.breaker.enterAnyway() : health.breaker.tryEnter();
    if (pass === undefined) return undefined;
    return { target, request, health, pass: hold === undefined ? pass : hold(target, pass) };
  }

  /**
   * Leave to send more to a target that a call has leave for: what has to be sent beside it or, `again`, in place of
   * what failed.
   */
  more({ health }: Leave<R>, again: boolean): Pass | undefined {
    const anyway = this.#lastStanding || !again;
    const pass = anyway ? health.breaker.enterAnyway() : health.breaker.tryEnter();
    if (pass === undefined) return undefined;
    const isExtra = again || this.#asked.size > 1;
    if (!isExtra) health.budget.deposit();
    if (!isExtra || health.budget.tryWithdraw()) return pass;
    pass.ended(ErrorReason.CANCELLED);
    return undefined;
  }

  /** Somebody is asked. */
  used(target: Target): void {
    this.#asked.add(target);
  }

  moveOn(): void {
    this.#at++;
    this.#here = 0;
  }

  #tryLeave(target: Target): Leave<R> | undefined {
    const { call, model } = this.#errand;
    let leave: Leave<R> | undefined;
    try {
      leave = this.enter(target, this.#lastStanding);
    } catch (thrown) {
      // Nothing was sent: the target cannot do what is asked. That costs no attempt; another target may. An outage
      // before it is what the caller is told of.
      const error = describeFailure(thrown, call, target);
      this.failure ??= error;
      if (error.row.mayFailOver) return undefined;
      throw this.failure;
    }
    if (leave === undefined) return undefined;
    const { health, pass } = leave;
    const { waitMs } = health.notBefore;
    const isFirst = this.#asked.size === 0;
    if (waitMs > 0) this.failure ??= allDeferred(model, waitMs);
    else if (isFirst) health.budget.deposit();
    if (waitMs === 0 && (isFirst || health.budget.tryWithdraw())) {
      this.#here++;
      return leave;
    }
    pass.ended(ErrorReason.CANCELLED);
    return undefined;
  }
}

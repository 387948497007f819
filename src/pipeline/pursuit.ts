import type { Answer } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import { type Target, targetName } from "../provider/upstream.ts";
import { findCandidates } from "../routing/candidates.ts";
import type { NotBefore } from "../routing/not-before.ts";
import { decideRetry, type RetryPolicy } from "../routing/retry.ts";
import { type AttemptParts, AttemptRun, type Leave } from "./attempt-run.ts";
import { findContinued, goesOn } from "./continued.ts";
import { allDeferred, type HealthRegistry, type TargetHealth } from "./health.ts";
import type { Unfinished } from "./shown.ts";
import { sleep } from "./sleep.ts";
import type { RoutedCall } from "./stages.ts";
import type { TargetSlots } from "./target-slots.ts";
import { describeFailure } from "./tries.ts";

export interface PursuitOptions extends AttemptParts {
  readonly random: Random;
  readonly retry: RetryPolicy;
  readonly health: HealthRegistry;
  /** Places at targets; undefined where these are not limited. */
  readonly slots?: TargetSlots | undefined;
}

/** An attempt that has something to show. */
export interface Begun {
  readonly run: AttemptRun;
  readonly answer: Answer;
}

/** Longest wait for a target that asked for it, where a call has no other, ms. Who must wait longer is told at once. */
const MAX_DEFERRED_MS = 1000;

/** Begins an attempt; several at once, perhaps, of which the first to answer counts. */
export type Begin = (run: AttemptRun, pursuit: Pursuit) => Promise<Begun>;

/**
 * The attempts of one call: asks its targets, in their order and again as `decideRetry` says, until one has something
 * to show; and goes on from there, should that one break.
 *
 * Targets whose breaker is open, or that said "not before", are passed over. Every attempt but the call's first one is
 * an extra one, whatever it is for, and needs leave of the budget of the target that is to be asked.
 */
export class Pursuit {
  readonly #call: RoutedCall;
  readonly #options: PursuitOptions;
  readonly #begin: Begin;
  #candidates: readonly Target[];
  /** Every breaker is open: the only candidate is asked all the same. */
  #lastStanding: boolean;
  #at = 0;
  #attemptsOnTarget = 0;
  #began = 0;
  /** What was asked last. */
  #previous: Target | undefined;
  readonly #asked = new Set<Target>();
  #failure: GatewayError | undefined;
  /** Asked for last. */
  #known: { readonly target: Target; readonly health: TargetHealth } | undefined;
  #retryDelayMs = 0;
  /** Something of an answer was shown. */
  #shown = false;
  /** What targets may go on with. */
  #unfinished: Unfinished | undefined;
  /** A target that should have gone on did not: all begin anew from then on. */
  #mayContinue = true;

  /** Throws `UPSTREAM_RATE_LIMITED` where every target wants to be left alone for long. */
  constructor(call: RoutedCall, options: PursuitOptions, begin: Begin) {
    this.#call = call;
    this.#options = options;
    this.#begin = begin;
    const { targets, lastStanding, retryAfterMs } = findCandidates(call.targets, (target) => this.healthOf(target));
    this.#candidates = targets;
    this.#lastStanding = lastStanding;
    if (retryAfterMs === undefined) return;
    if (!this.#fits(retryAfterMs)) throw allDeferred(call.prompt.model, retryAfterMs);
    this.#candidates = call.targets.filter((target) => this.healthOf(target).notBefore.waitMs <= retryAfterMs);
  }

  /** In the order in which they are asked. */
  get candidates(): readonly Target[] {
    return this.#candidates;
  }

  get asked(): ReadonlySet<Target> {
    return this.#asked;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Attempts that the call may still make. */
  get attemptsLeft(): number {
    return this.#options.retry.maxAttempts - this.#began;
  }

  healthOf(target: Target): TargetHealth {
    if (this.#known?.target !== target) this.#known = { target, health: this.#options.health.of(target) };
    return this.#known.health;
  }

  /** Resolves with the next attempt that has something to show. Throws the call's failure once there is none. */
  async next(): Promise<Begun> {
    const call = this.#call;
    for (;;) {
      if (call.signal.aborted) throw toGatewayError(call.signal.reason);
      const deferred = this.#findOnlyDeferred();
      if (deferred !== undefined) await this.#waitFor(deferred);
      const leave = this.#findLeave();
      if (leave === undefined) throw this.#failure ?? noTargets();
      const run = this.start(leave);
      this.#attemptsOnTarget++;
      try {
        const begun = await this.#begin(run, this);
        if (begun.run.continued === undefined || goesOn(begun.answer)) {
          this.#shown = true;
          return begun;
        }
        begun.answer.rest?.leave();
        this.#beginAnew();
      } catch (thrown) {
        const error = toGatewayError(thrown);
        // What the gateway added is refused, not what the caller asked for: the call still fails for what broke it off.
        if (this.#unfinished !== undefined && refusals.has(error.reason)) this.#beginAnew();
        else this.#failure = error;
      }
      await this.#decide("same-first");
    }
  }

  /**
   * The attempt that answered broke off: what follows must be another. It goes on with what is unfinished where its
   * target can, and else begins anew. Throws where none may follow.
   */
  async after(failure: GatewayError, unfinished: Unfinished | undefined): Promise<Begun> {
    this.#failure = failure;
    this.#unfinished = this.#mayContinue ? unfinished : undefined;
    await this.#decide("other-first");
    return await this.next();
  }

  /** Makes an attempt of a request that has leave; `begin` sends it. */
  start(leave: Leave, kind?: "hedge"): AttemptRun {
    const run = new AttemptRun(this.#call, leave, this.#options);
    this.#began++;
    this.#asked.add(leave.target);
    this.#tell(leave, kind);
    this.#previous = leave.target;
    return run;
  }

  /**
   * What a target needs to be asked now, budget aside; undefined where its breaker is against it. Throws what it cannot do,
   * and `OVERLOADED` where it is full.
   */
  enter(target: Target, anyway: boolean): Leave | undefined {
    const { provider, model } = target;
    const continued = this.#unfinished && findContinued(this.#call, this.#unfinished, target);
    const request = provider.encode(continued?.call ?? this.#call, model, continued !== undefined);
    const health = this.healthOf(target);
    const pass = anyway ? health.breaker.enterAnyway() : health.breaker.tryEnter();
    if (pass === undefined) return undefined;
    const { slots } = this.#options;
    if (slots === undefined) return { target, continued, request, health, pass };
    const held = slots.tryHold(target, this.#call.delivery, pass);
    if (held !== undefined) return { target, continued, request, health, pass: held };
    pass.ended(ErrorReason.CANCELLED);
    throw slots.full(target);
  }

  #beginAnew(): void {
    this.#mayContinue = false;
    this.#unfinished = undefined;
  }

  /** A wait that is worth it: short, and over before the call's deadline. */
  #fits(waitMs: number): boolean {
    return waitMs <= MAX_DEFERRED_MS && waitMs < this.#call.deadline - this.#options.clock.now();
  }

  /** The last target that could answer, where it wants to be left alone for a moment. */
  #findOnlyDeferred(): NotBefore | undefined {
    const target = this.#candidates.length - this.#at === 1 ? this.#candidates[this.#at] : undefined;
    const notBefore = target && this.healthOf(target).notBefore;
    return notBefore !== undefined && notBefore.waitMs > 0 ? notBefore : undefined;
  }

  /** No two calls wait alike. */
  async #waitFor(notBefore: NotBefore): Promise<void> {
    for (let waitMs = notBefore.waitMs; waitMs > 0 && this.#fits(waitMs); waitMs = notBefore.waitMs) {
      await this.#sleep(waitMs * (1 + this.#options.random() / 5));
    }
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#options;
    const since = clock.now();
    try {
      await sleep(ms, clock, this.#call.signal);
    } finally {
      this.#call.waits.retryMs += clock.now() - since;
    }
  }

  /** Leave for the current target or, where it has none, the next one that does. */
  #findLeave(): Leave | undefined {
    for (; this.#at < this.#candidates.length; this.#at++, this.#attemptsOnTarget = 0) {
      const target = this.#candidates[this.#at];
      if (target === undefined || (this.#attemptsOnTarget === 0 && this.#asked.has(target))) continue;
      const leave = this.#tryLeave(target);
      if (leave !== undefined) return leave;
    }
    // Breakers may have opened since: a call that nobody was asked for is no reason to ask nobody.
    if (this.#began > 0 || this.#failure !== undefined || this.#lastStanding) return undefined;
    const [first] = this.#candidates;
    this.#lastStanding = true;
    return first === undefined ? undefined : this.#tryLeave(first);
  }

  #tryLeave(target: Target): Leave | undefined {
    let leave: Leave | undefined;
    try {
      leave = this.enter(target, this.#lastStanding);
    } catch (thrown) {
      // Nothing was sent: the target cannot do what is asked. That costs no attempt; another target may. An outage
      // before it is what the caller is told of.
      const error = describeFailure(thrown, this.#call, target);
      this.#failure ??= error;
      if (error.row.mayFailOver) return undefined;
      throw this.#failure;
    }
    if (leave === undefined) return undefined;
    const { health, pass } = leave;
    const { waitMs } = health.notBefore;
    if (waitMs > 0) this.#failure ??= allDeferred(this.#call.prompt.model, waitMs);
    else if (this.#began === 0) health.budget.deposit();
    if (waitMs === 0 && (this.#began === 0 || health.budget.tryWithdraw())) return leave;
    pass.ended(ErrorReason.CANCELLED);
    return undefined;
  }

  /**
   * After a failure: waits for a retry, or goes on to the next target. Throws to give up. A stream that broke off goes to
   * another target where there is one: its reader waits, and has seen this one fail.
   */
  async #decide(preference: "same-first" | "other-first"): Promise<void> {
    const call = this.#call;
    const { clock, random, retry } = this.#options;
    const error = this.#failure;
    if (error === undefined) return;
    if (call.signal.aborted) throw error;
    const targetsLeft = this.#candidates.slice(this.#at + 1).filter((target) => !this.#asked.has(target)).length;
    const decision = decideRetry(
      {
        error,
        attempts: call.attempts.length,
        attemptsOnTarget: this.#attemptsOnTarget,
        targetsLeft: preference === "other-first" && targetsLeft > 0 ? retry.maxAttempts : targetsLeft,
        remainingMs: call.deadline - clock.now(),
        hasSpareKey: this.#candidates[this.#at]?.provider.keys?.hasSpare(error.reason) === true,
        notIdempotent: call.handling?.notIdempotent === true,
      },
      retry,
      random,
    );
    switch (decision.action) {
      case "give-up":
        throw error;
      case "fail-over":
        this.#at++;
        this.#attemptsOnTarget = 0;
        this.#retryDelayMs = 0;
        return;
      case "retry":
        this.#retryDelayMs = decision.delayMs;
        await this.#sleep(decision.delayMs);
    }
  }

  /** Tells who watches that another attempt follows. */
  #tell({ target, continued }: Leave, hedge: "hedge" | undefined): void {
    const previous = this.#previous;
    if (previous === undefined) return;
    const [from, to] = [targetName(previous), targetName(target)];
    const again = from === to ? "retry" : "failover";
    const anew = continued === undefined ? "restart" : "continue";
    const kind = hedge ?? (this.#shown ? anew : again);
    const reason = hedge === undefined ? (this.#failure?.reason ?? ErrorReason.UNSPECIFIED) : ErrorReason.UNSPECIFIED;
    this.#call.watch.reattempt({ kind, from, to, reason, delayMs: this.#retryDelayMs });
  }
}

/** How servers refuse a beginning that they do not take, or that makes the prompt too long. */
const refusals: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.UPSTREAM_INVALID_REQUEST,
  ErrorReason.CONTEXT_LENGTH_EXCEEDED,
]);

const noTargets = (): GatewayError => new GatewayError(ErrorReason.INTERNAL, "The model has no targets.");

import type { CallBase } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { Reattempt } from "../domain/watch.ts";
import { type Target, targetName } from "../provider/upstream.ts";
import type { NotBefore } from "../routing/not-before.ts";
import { decideRetry, type RetryPolicy, type Situation } from "../routing/retry.ts";
import { noTargets } from "./failure.ts";
import type { HealthRegistry } from "./health.ts";
import { type Errand, type Leave, Leaves } from "./leaves.ts";
import { sleep } from "./sleep.ts";

export interface TriesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
  readonly health: HealthRegistry;
}

/** Longest wait for a target that asked for it, where a call has no other, ms. Who must wait longer is told at once. */
const MAX_DEFERRED_MS = 1000;

/** What ends a wait, and keeps its time: the call, or a part of it. */
type Waiter = Pick<CallBase, "signal" | "waits">;

/** Leads a call through its targets: those that give leave, in order, and to one of them again as `decideRetry` says. */
export class Tries<R> {
  readonly leaves: Leaves<R>;
  readonly #call: CallBase;
  readonly #options: TriesOptions;
  /** What was asked last. */
  #previous: Target | undefined;
  #retryDelayMs = 0;
  /** Something of an answer was shown. */
  #shown = false;

  /** Throws `UPSTREAM_RATE_LIMITED` where every target wants to be left alone for long. */
  constructor(errand: Errand<R>, options: TriesOptions) {
    this.#call = errand.call;
    this.#options = options;
    this.leaves = new Leaves(errand, options.health, (waitMs) => this.#fits(waitMs, MAX_DEFERRED_MS));
  }

  /** Sends what has leave, until it is answered. Throws the call's failure once there is none. */
  async ask<A>(send: (leave: Leave<R>) => Promise<A>): Promise<A> {
    for (;;) {
      const leave = await this.next();
      try {
        return await send(leave);
      } catch (thrown) {
        this.leaves.failure = toGatewayError(thrown);
      }
      await this.#failed(this.leaves.failure, this.leaves.targetsLeft);
    }
  }

  /** Resolves with leave for the next request. Throws the call's failure once there is none. */
  async next(): Promise<Leave<R>> {
    const { leaves } = this;
    if (this.#call.signal.aborted) throw toGatewayError(this.#call.signal.reason);
    const deferred = leaves.onlyDeferred;
    if (deferred !== undefined) await this.waitFor(deferred, MAX_DEFERRED_MS);
    const leave = leaves.find();
    if (leave === undefined) throw leaves.failure ?? noTargets();
    return leave;
  }

  /** The answer broke off after something of it was shown. Throws where nothing may follow. */
  async broke(failure: GatewayError): Promise<void> {
    this.#shown = true;
    this.leaves.failure = failure;
    // Its reader waits, and has seen this target fail: another one is better, where there is one.
    const { targetsLeft } = this.leaves;
    await this.#failed(failure, targetsLeft > 0 ? this.#options.retry.maxAttempts : 0);
  }

  /** A target is asked now: who watches hears of it, where it is not the first. */
  started(target: Target, kind?: "hedge" | "continue"): void {
    const previous = this.#previous;
    this.#previous = target;
    this.leaves.used(target);
    if (previous === undefined) return;
    const again = targetName(previous) === targetName(target) ? "retry" : "failover";
    this.tell(kind ?? (this.#shown ? "restart" : again), previous, target, this.#retryDelayMs);
  }

  tell(kind: Reattempt["kind"], previous: Target, target: Target, delayMs: number): void {
    const failure = kind === "hedge" ? undefined : this.leaves.failure;
    const reason = failure?.reason ?? ErrorReason.UNSPECIFIED;
    this.#call.watch.reattempt({ kind, from: targetName(previous), to: targetName(target), reason, delayMs });
  }

  /** Milliseconds after which the same target may be asked again; undefined where the next one is to be. Throws to give up. */
  decide(
    error: GatewayError,
    spent: Pick<Situation, "attempts" | "attemptsOnTarget" | "targetsLeft">,
  ): number | undefined {
    const { clock, retry, random } = this.#options;
    const remainingMs = this.#call.deadline - clock.now();
    const notIdempotent = this.#call.handling?.notIdempotent === true;
    const hasSpareKey = this.leaves.current?.provider.keys?.hasSpare(error.reason) === true;
    const decision = decideRetry({ error, ...spent, remainingMs, hasSpareKey, notIdempotent }, retry, random);
    if (decision.action === "give-up") throw error;
    return decision.action === "retry" ? decision.delayMs : undefined;
  }

  /** Returns once the pause is over, or was found to be too long. No two calls wait alike. */
  async waitFor(notBefore: NotBefore, longestMs: number, waiter: Waiter = this.#call): Promise<void> {
    for (let waitMs = notBefore.waitMs; waitMs > 0 && this.#fits(waitMs, longestMs); waitMs = notBefore.waitMs) {
      await this.sleep(waitMs * (1 + this.#options.random() / 5), waiter);
    }
  }

  async sleep(ms: number, { signal, waits }: Waiter = this.#call): Promise<void> {
    const { clock } = this.#options;
    const since = clock.now();
    try {
      await sleep(ms, clock, signal);
    } finally {
      waits.retryMs += clock.now() - since;
    }
  }

  /** A wait that is worth it: short, and over before the call's deadline. */
  #fits(waitMs: number, longestMs: number): boolean {
    return waitMs <= longestMs && waitMs < this.#call.deadline - this.#options.clock.now();
  }

  /** After a failure: waits for a retry, or goes on to the next target. Throws to give up. */
  async #failed(error: GatewayError, targetsLeft: number): Promise<void> {
    const call = this.#call;
    if (call.signal.aborted) throw error;
    const { attemptsHere: attemptsOnTarget } = this.leaves;
    const delayMs = this.decide(error, { attempts: call.attempts.length, attemptsOnTarget, targetsLeft });
    this.#retryDelayMs = delayMs ?? 0;
    if (delayMs === undefined) this.leaves.moveOn();
    else await this.sleep(delayMs);
  }
}

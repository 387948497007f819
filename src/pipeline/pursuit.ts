import type { Answer } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { Target } from "../provider/upstream.ts";
import type { Pass } from "../routing/breaker.ts";
import { type AttemptParts, AttemptRun, type ChatRequest } from "./attempt-run.ts";
import { findContinued, goesOn } from "./continued.ts";
import { noTargets } from "./failure.ts";
import type { TargetHealth } from "./health.ts";
import type { Leave } from "./leaves.ts";
import type { Unfinished } from "./shown.ts";
import type { RoutedCall } from "./stages.ts";
import type { TargetSlots } from "./target-slots.ts";
import { Tries, type TriesOptions } from "./tries.ts";

export interface PursuitOptions extends AttemptParts, TriesOptions {
  /** Places at targets; undefined where these are not limited. */
  readonly slots?: TargetSlots | undefined;
}

/** An attempt that has something to show. */
export interface Begun {
  readonly run: AttemptRun;
  readonly answer: Answer;
}

/** Begins an attempt; several at once, perhaps, of which the first to answer counts. */
export type Begin = (run: AttemptRun, pursuit: Pursuit) => Promise<Begun>;

/** The attempts of one call, until one has something to show; and those that follow, should that one break. */
export class Pursuit {
  readonly #call: RoutedCall;
  readonly #options: PursuitOptions;
  readonly #begin: Begin;
  readonly #tries: Tries<ChatRequest>;
  #began = 0;
  /** What targets may go on with. */
  #unfinished: Unfinished | undefined;
  /** A target that should have gone on did not: all begin anew from then on. */
  #mayContinue = true;

  /** Throws `UPSTREAM_RATE_LIMITED` where every target wants to be left alone for long. */
  constructor(call: RoutedCall, options: PursuitOptions, begin: Begin) {
    this.#call = call;
    this.#options = options;
    this.#begin = begin;
    const write = (target: Target): ChatRequest => this.#write(target);
    const { slots } = options;
    const hold = slots && ((target: Target, pass: Pass) => slots.hold(target, call.delivery, pass));
    this.#tries = new Tries({ call, model: call.prompt.model, targets: call.targets, write, hold }, options);
  }

  /** In the order in which they are asked. */
  get candidates(): readonly Target[] {
    return this.#tries.leaves.candidates;
  }

  get asked(): ReadonlySet<Target> {
    return this.#tries.leaves.asked;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  /** Attempts that the call may still make. */
  get attemptsLeft(): number {
    return this.#options.retry.maxAttempts - this.#began;
  }

  healthOf(target: Target): TargetHealth {
    return this.#tries.leaves.healthOf(target);
  }

  /** Resolves with the next attempt that has something to show. Throws the call's failure once there is none. */
  async next(): Promise<Begun> {
    return await this.#tries.ask(async (leave) => {
      try {
        const begun = await this.#begin(this.start(leave), this);
        if (begun.run.continued === undefined || goesOn(begun.answer)) return begun;
        begun.answer.rest?.leave();
      } catch (thrown) {
        const error = toGatewayError(thrown);
        if (this.#unfinished === undefined || !refusals.has(error.reason)) throw error;
      }
      // What the gateway added is refused, not what the caller asked for: the call still fails for what broke it off.
      this.#beginAnew();
      throw this.#tries.leaves.failure ?? noTargets();
    });
  }

  /**
   * The attempt that answered broke off: what follows must be another. It goes on with what is unfinished where its
   * target can, and else begins anew. Throws where none may follow.
   */
  async after(failure: GatewayError, unfinished: Unfinished | undefined): Promise<Begun> {
    this.#unfinished = this.#mayContinue ? unfinished : undefined;
    await this.#tries.broke(failure);
    return await this.next();
  }

  /** Makes an attempt of a request that has leave; `begin` sends it. */
  start(leave: Leave<ChatRequest>, kind?: "hedge"): AttemptRun {
    const run = new AttemptRun(this.#call, leave, this.#options);
    this.#began++;
    this.#tries.started(leave.target, kind ?? (leave.request.continued && "continue"));
    return run;
  }

  /** As `Leaves.enter`, where the target's breaker is for it. */
  enter(target: Target): Leave<ChatRequest> | undefined {
    return this.#tries.leaves.enter(target, false);
  }

  #write(target: Target): ChatRequest {
    const { provider, model } = target;
    const continued = this.#unfinished && findContinued(this.#call, this.#unfinished, target);
    return { continued, encoded: provider.encode(continued?.call ?? this.#call, model, continued !== undefined) };
  }

  #beginAnew(): void {
    this.#mayContinue = false;
    this.#unfinished = undefined;
  }
}

/** How servers refuse a beginning that they do not take, or that makes the prompt too long. */
const refusals: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.UPSTREAM_INVALID_REQUEST,
  ErrorReason.CONTEXT_LENGTH_EXCEEDED,
]);

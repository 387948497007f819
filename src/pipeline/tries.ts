import type { CallBase } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import { type Target, targetName } from "../provider/upstream.ts";
import { decideRetry, type RetryPolicy } from "../routing/retry.ts";
import { sleep } from "./sleep.ts";

export interface TriesOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryPolicy;
}

/** Leads a call through its targets: in order, and to one of them again as `decideRetry` says. */
export class Tries {
  readonly #call: CallBase;
  readonly #targets: readonly Target[];
  readonly #options: TriesOptions;
  #at = 0;
  /** Attempts at the targets before this one, and at this one: of a call in parts, those for one part. */
  #spent = 0;
  #spentHere = 0;
  #failure: GatewayError | undefined;

  constructor(call: CallBase, targets: readonly Target[], options: TriesOptions) {
    this.#call = call;
    this.#targets = targets;
    this.#options = options;
  }

  /** The target to be asked now. */
  get target(): Target {
    const target = this.#targets[this.#at];
    if (target === undefined) throw new GatewayError(ErrorReason.INTERNAL, "The model has no targets.");
    return target;
  }

  /**
   * The target cannot do what is asked, and nothing was sent. That costs no attempt, and another target may: an outage
   * before it is what the caller is told of. Moves on to the next one, or throws what the caller is to be told.
   */
  cannot(thrown: unknown): void {
    const error = describeFailure(thrown, this.#call, this.target);
    this.#failure ??= error;
    if (!error.row.mayFailOver || this.#targetsLeft === 0) throw this.#failure;
    this.moveOn();
  }

  /**
   * The target failed after so many attempts. Resolves once another may be made: with the same number where it is at the
   * same target, with 0 where it is at the next. Rejects with what the caller is to be told.
   */
  async failed(thrown: unknown, attempts: number): Promise<number> {
    if (await this.again(thrown, attempts)) return attempts;
    this.moveOn();
    return 0;
  }

  /**
   * As `failed`, for one part of a call, without moving on: false where the next target has to be asked. `part`: what
   * ends the part, and keeps its waits.
   */
  async again(
    thrown: unknown,
    attempts: number,
    part: Pick<CallBase, "signal" | "waits"> = this.#call,
  ): Promise<boolean> {
    const error = describeFailure(thrown, part, this.target);
    if (part.signal.aborted) throw error;
    this.#failure = error;
    this.#spentHere = Math.max(this.#spentHere, attempts);
    const { clock, random, retry } = this.#options;
    const decision = decideRetry(
      {
        error,
        attempts: this.#spent + attempts,
        attemptsOnTarget: attempts,
        targetsLeft: this.#targetsLeft,
        remainingMs: this.#call.deadline - clock.now(),
        hasSpareKey: this.target.provider.keys?.hasSpare(error.reason) === true,
        notIdempotent: this.#call.handling?.notIdempotent === true,
      },
      retry,
      random,
    );
    if (decision.action === "give-up") throw error;
    if (decision.action === "fail-over") return false;
    const name = targetName(this.target);
    const { delayMs } = decision;
    this.#call.watch.reattempt({ kind: "retry", from: name, to: name, reason: error.reason, delayMs });
    const since = clock.now();
    try {
      await sleep(delayMs, clock, part.signal);
    } finally {
      part.waits.retryMs += clock.now() - since;
    }
    return true;
  }

  /** The next target is to be asked. */
  moveOn(): void {
    const from = targetName(this.target);
    this.#at++;
    this.#spent += this.#spentHere;
    this.#spentHere = 0;
    const reason = this.#failure?.reason ?? ErrorReason.UNSPECIFIED;
    this.#call.watch.reattempt({ kind: "failover", from, to: targetName(this.target), reason, delayMs: 0 });
  }

  get #targetsLeft(): number {
    return this.#targets.length - this.#at - 1;
  }
}

/** A failure as the call is told of it: a call that is over fails for that, any other for what its target did. */
export function describeFailure(
  thrown: unknown,
  { signal }: Pick<CallBase, "signal">,
  { provider, model }: Target,
): GatewayError {
  if (signal.aborted) return toGatewayError(signal.reason);
  return toGatewayError(thrown).with({ provider: provider.name, model });
}

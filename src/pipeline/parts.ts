import type { CallBase } from "../domain/call.ts";
import { ErrorReason } from "../domain/contract.ts";
import { type GatewayError, toGatewayError } from "../domain/error.ts";
import type { Pass } from "../routing/breaker.ts";
import { allDeferred } from "./failure.ts";
import type { Leave } from "./leaves.ts";
import type { Tries } from "./tries.ts";

export interface PartsOptions {
  /** As the caller named it. */
  readonly model: string;
  /** Longest pause that an upstream may ask for in the middle of a call, ms. */
  readonly maxRetryAfterMs: number;
  /** Attempts for one part at the targets before. */
  readonly spent: number;
}

/** Most requests of one call at the same time: some models read one text a request. */
const AT_ONCE = 8;

/** The requests of one call to one target. Each of them is made again by itself, by the rules of whole calls. */
export class Parts<R> {
  /** How many may be asked for at the same time: a target that is not known to be well is asked one thing at a time. */
  readonly atOnce: number;
  readonly #tries: Tries<R>;
  readonly #leave: Leave<R>;
  readonly #options: PartsOptions;
  /** That of the leave, for whichever part comes first. */
  #unused: Pass | undefined;
  #mostAttempts = 0;

  constructor(tries: Tries<R>, leave: Leave<R>, options: PartsOptions) {
    this.#tries = tries;
    this.#leave = leave;
    this.#options = options;
    this.#unused = leave.pass;
    this.atOnce = leave.health.breaker.state === "closed" ? AT_ONCE : 1;
  }

  /** Attempts for one part at the targets so far. */
  get spent(): number {
    return this.#options.spent + this.#mostAttempts;
  }

  /**
   * Sends one part until it is answered. Resolves with undefined where the target has to be left. Rejects with what the
   * caller is to be told. `part` is what ends it, and keeps its waits.
   */
  async ask<A>(part: CallBase, send: (pass: Pass) => Promise<A>): Promise<A | undefined> {
    const { leaves } = this.#tries;
    let delayMs = 0;
    for (let attempts = 1; ; attempts++) {
      const pass = await this.#enter(part, attempts > 1);
      if (pass === undefined) return undefined;
      const { target } = this.#leave;
      if (attempts > 1) this.#tries.tell("retry", target, target, delayMs);
      this.#mostAttempts = Math.max(this.#mostAttempts, attempts);
      let error: GatewayError;
      try {
        return await send(pass);
      } catch (thrown) {
        error = toGatewayError(thrown);
      }
      if (part.signal.aborted) throw error;
      leaves.failure = error;
      const spent = { attempts: this.#options.spent + attempts, attemptsOnTarget: attempts };
      const decided = this.#tries.decide(error, { ...spent, targetsLeft: leaves.targetsLeft });
      if (decided === undefined) return undefined;
      delayMs = decided;
      await this.#tries.sleep(delayMs, part);
    }
  }

  /** No more parts are asked for. */
  close(): void {
    this.#unused?.ended(ErrorReason.CANCELLED);
  }

  /** Where the target wants to be left alone, waits if there is no other. */
  async #enter(part: CallBase, again: boolean): Promise<Pass | undefined> {
    const given = this.#unused;
    this.#unused = undefined;
    if (given !== undefined) return given;
    const { leaves } = this.#tries;
    const { notBefore } = this.#leave.health;
    const { model, maxRetryAfterMs } = this.#options;
    if (leaves.targetsLeft === 0) await this.#tries.waitFor(notBefore, maxRetryAfterMs, part);
    const { waitMs } = notBefore;
    if (waitMs === 0) return leaves.more(this.#leave, again);
    leaves.failure ??= allDeferred(model, waitMs);
    return undefined;
  }
}

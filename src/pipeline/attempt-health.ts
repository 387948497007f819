import type { Clock } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { Delivery } from "../domain/event.ts";
import type { Pass } from "../routing/breaker.ts";
import { outputClass } from "../routing/ewma.ts";
import { readDeferral } from "../routing/rate-limit-headers.ts";
import type { WireHead } from "../wire/send.ts";
import type { TargetHealth } from "./health.ts";

/** Failures by which a provider tells how long it wants to be left alone. */
const DEFERRING: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.UPSTREAM_RATE_LIMITED,
  ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  ErrorReason.UPSTREAM_OVERLOADED,
]);

/** Tells a target's health how one attempt goes. */
export class AttemptHealth {
  readonly #health: TargetHealth;
  readonly #pass: Pass;
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #outputs: number;
  readonly #startedAt: number;
  #timed = false;

  constructor(
    health: TargetHealth,
    pass: Pass,
    clock: Clock,
    delivery: Delivery,
    maxOutputTokens: number | undefined,
    startedAt: number,
  ) {
    this.#health = health;
    this.#pass = pass;
    this.#clock = clock;
    this.#delivery = delivery;
    this.#outputs = outputClass(maxOutputTokens);
    this.#startedAt = startedAt;
    health.latency.start();
  }

  /** An answer's head came: its counters may ask for a pause. */
  head(head: WireHead | undefined): void {
    if (head === undefined) return;
    const deferral = readDeferral(head.status, head.headers, this.#clock.wallNow());
    if (deferral !== undefined) this.#health.notBefore.defer(deferral.ms, deferral.why);
  }

  /** Something of the answer can be shown. */
  answering(): void {
    this.#pass.answering();
    this.#time(true);
  }

  answered(): void {
    this.#time(true);
    this.#pass.ended(ErrorReason.UNSPECIFIED);
  }

  /** `blameless`: for reasons of the caller's own, such as a timeout that was shorter than the usual one. */
  failed(error: GatewayError, head: WireHead | undefined, blameless: boolean): void {
    this.head(head);
    const { reason, retryAfterMs } = error;
    if (retryAfterMs !== undefined && DEFERRING.has(reason)) {
      this.#health.notBefore.defer(retryAfterMs, `the answer to ${this.#health.name} asked for it`);
    }
    // Silence is a time, too: else the slowest would look fast.
    this.#time(reason === ErrorReason.UPSTREAM_TIMEOUT);
    this.#pass.ended(blameless ? ErrorReason.CANCELLED : reason);
  }

  /** The caller left, or another attempt was faster: then what was waited is less than the truth, but tells something. */
  left(lost: boolean): void {
    this.#time(lost);
    this.#pass.ended(ErrorReason.CANCELLED);
  }

  #time(tells: boolean): void {
    if (this.#timed) return;
    this.#timed = true;
    const ms = this.#clock.now() - this.#startedAt;
    this.#health.latency.finish(this.#outputs, tells ? ms : undefined);
    if (tells) this.#health.times[this.#delivery].observe(ms);
  }
}

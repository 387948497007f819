import type { Clock } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { Delivery } from "../domain/event.ts";
import { outputClass } from "../routing/ewma.ts";
import { readDeferral } from "../routing/rate-limit-headers.ts";
import type { WireHead } from "../wire/send.ts";
import type { TargetHealth } from "./health.ts";
import type { Leave } from "./leaves.ts";

/** Failures by which a provider tells how long it wants to be left alone. */
const DEFERRING: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.UPSTREAM_RATE_LIMITED,
  ErrorReason.UPSTREAM_QUOTA_EXHAUSTED,
  ErrorReason.UPSTREAM_OVERLOADED,
]);

/** Whose health an attempt tells of. */
type Told = Pick<Leave<unknown>, "target" | "health" | "pass">;

/** An answer's head came: its counters may ask for a pause. Those of one key of several are not the target's. */
export function tellHead({ target, health }: Told, head: WireHead | undefined, clock: Clock): void {
  if (target.provider.keys === undefined) defer(health, head, clock);
}

function defer({ notBefore }: TargetHealth, head: WireHead | undefined, clock: Clock): void {
  if (head === undefined) return;
  const deferral = readDeferral(head.status, head.headers, clock.wallNow());
  if (deferral !== undefined) notBefore.defer(deferral.ms, deferral.why);
}

/** A request failed. `blameless`: for reasons of the caller's own, such as a timeout that was shorter than the usual one. */
export function tellFailure(
  { target, health, pass }: Told,
  { reason, retryAfterMs }: GatewayError,
  head: WireHead | undefined,
  clock: Clock,
  blameless: boolean,
): void {
  // What one key of several is told is not the target's: another key may be used.
  if (target.provider.keys?.concern(reason) !== true) {
    defer(health, head, clock);
    if (retryAfterMs !== undefined && DEFERRING.has(reason)) {
      health.notBefore.defer(retryAfterMs, `the answer to ${health.name} asked for it`);
    }
  }
  pass.ended(blameless ? ErrorReason.CANCELLED : reason);
}

/** Tells a target's health how one attempt at a conversation goes, and how long it takes. */
export class AttemptHealth {
  readonly #leave: Told;
  readonly #clock: Clock;
  readonly #delivery: Delivery;
  readonly #outputs: number;
  readonly #startedAt: number;
  #timed = false;

  constructor(leave: Told, clock: Clock, delivery: Delivery, maxOutputTokens: number | undefined, startedAt: number) {
    this.#leave = leave;
    this.#clock = clock;
    this.#delivery = delivery;
    this.#outputs = outputClass(maxOutputTokens);
    this.#startedAt = startedAt;
    leave.health.latency.start();
  }

  head(head: WireHead | undefined): void {
    tellHead(this.#leave, head, this.#clock);
  }

  /** Something of the answer can be shown. */
  answering(): void {
    this.#leave.pass.answering();
    this.#time(true);
  }

  answered(): void {
    this.#time(true);
    this.#leave.pass.ended(ErrorReason.UNSPECIFIED);
  }

  /** As `tellFailure`. */
  failed(error: GatewayError, head: WireHead | undefined, blameless: boolean): void {
    // Silence is a time, too: else the slowest would look fast.
    this.#time(error.reason === ErrorReason.UPSTREAM_TIMEOUT);
    tellFailure(this.#leave, error, head, this.#clock, blameless);
  }

  /** The caller left, or another attempt was faster: then what was waited is less than the truth, but tells something. */
  left(lost: boolean): void {
    this.#time(lost);
    this.#leave.pass.ended(ErrorReason.CANCELLED);
  }

  #time(tells: boolean): void {
    if (this.#timed) return;
    this.#timed = true;
    const ms = this.#clock.now() - this.#startedAt;
    const { latency, times } = this.#leave.health;
    latency.finish(this.#outputs, tells ? ms : undefined);
    if (tells) times[this.#delivery].observe(ms);
  }
}

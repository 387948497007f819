import type { CallBase } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { type Attempt, AttemptOutcome, ErrorReason, type FinishReason } from "../domain/contract.ts";
import { toDuration } from "../domain/duration.ts";
import type { GatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import type { AttemptWatch } from "../domain/watch.ts";
import type { Target, Upstream } from "../provider/upstream.ts";
import type { Account, Accounts } from "./account.ts";
import { Delivered } from "./delivered.ts";
import type { RoutedCall } from "./stages.ts";

/** Follows one attempt, and writes its record into `call.attempts` once, with what it used and cost. */
export class AttemptRecord {
  readonly #call: RoutedCall;
  readonly #target: Target;
  readonly #upstream: Upstream;
  readonly #watch: AttemptWatch;
  readonly #accounts: Accounts;
  readonly #clock: Clock;
  readonly #startedAt: number;
  readonly #delivered = new Delivered();
  #done = false;
  #lastAt: number;
  #firstTokenAt: number | undefined;
  #servedModel = "";
  #responseId = "";
  #finishReason: FinishReason | undefined;

  constructor(
    call: RoutedCall,
    target: Target,
    upstream: Upstream,
    watch: AttemptWatch,
    accounts: Accounts,
    clock: Clock,
    startedAt: number,
  ) {
    this.#call = call;
    this.#target = target;
    this.#upstream = upstream;
    this.#watch = watch;
    this.#accounts = accounts;
    this.#clock = clock;
    this.#startedAt = startedAt;
    this.#lastAt = startedAt;
  }

  /** Events came. `shows`: something of the answer is among them. */
  came(events: Batch, shows: boolean): void {
    const [first] = events;
    const last = events.at(-1);
    if (first?.case === "start") {
      this.#servedModel = first.value.model;
      this.#responseId = first.value.providerResponseId;
    }
    if (last?.case === "end") {
      this.#servedModel = last.value.model;
      this.#responseId = last.value.providerResponseId;
      this.#finishReason = last.value.finishReason;
    }
    this.#delivered.add(events);
    if (!shows) return;
    const now = this.#clock.now();
    if (this.#call.delivery === "stream") this.#firstTokenAt ??= now;
    this.#watch.came(events, now - this.#lastAt);
    this.#lastAt = now;
  }

  answered(): Attempt {
    return this.#end(AttemptOutcome.SUCCEEDED, ErrorReason.UNSPECIFIED, undefined);
  }

  failed(error: GatewayError): void {
    const cancelled = this.#call.signal.aborted;
    if (!this.#done) this.#end(cancelled ? AttemptOutcome.CANCELLED : AttemptOutcome.FAILED, error.reason, error);
  }

  /** The reader left. Without effect where the end is recorded already. */
  left(reason: ErrorReason): void {
    if (!this.#done) this.#end(AttemptOutcome.CANCELLED, reason, undefined);
  }

  #end(outcome: AttemptOutcome, reason: ErrorReason, error: GatewayError | undefined): Attempt {
    this.#done = true;
    const upstream = this.#upstream;
    const { usage, cost } = this.#accounts.settle({
      target: this.#target,
      prompt: this.#call.prompt,
      outcome,
      reason,
      status: upstream.head?.status ?? 0,
      servedModel: this.#servedModel,
      usage: upstream.usage,
      billed: upstream.billed,
      usageIsFinal: upstream.finishing,
      delivered: this.#delivered,
    });
    return writeAttempt(this.#call, {
      target: this.#target,
      upstream,
      watch: this.#watch,
      outcome,
      reason,
      error,
      account: { usage, cost },
      startedAt: this.#startedAt,
      endedAt: this.#clock.now(),
      firstTokenAt: this.#firstTokenAt,
      servedModel: this.#servedModel,
      responseId: this.#responseId,
      finishReason: this.#finishReason,
    });
  }
}

/** An attempt that has ended, and what is known of it. */
export interface EndedAttempt {
  readonly target: Target;
  readonly upstream: Pick<Upstream, "head" | "waitedMs">;
  readonly watch: AttemptWatch;
  readonly outcome: AttemptOutcome;
  readonly reason: ErrorReason;
  readonly error: GatewayError | undefined;
  readonly account: Account;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly firstTokenAt?: number | undefined;
  readonly servedModel: string;
  readonly responseId: string;
  readonly finishReason?: FinishReason | undefined;
}

/** Writes an attempt into the call's records, and tells those who watch. */
export function writeAttempt({ waits, attempts }: CallBase, ended: EndedAttempt): Attempt {
  const { target, upstream, outcome, reason, error, startedAt, endedAt, firstTokenAt } = ended;
  const { servedModel, responseId, finishReason } = ended;
  const { usage, cost } = ended.account;
  waits.upstreamMs += upstream.waitedMs;
  const attempt: Attempt = {
    $typeName: "sluice.v1.Attempt",
    provider: target.provider.name,
    model: target.model,
    outcome,
    errorReason: reason,
    upstreamStatus: upstream.head?.status ?? 0,
    latency: toDuration(endedAt - startedAt),
  };
  if (firstTokenAt !== undefined) attempt.timeToFirstToken = toDuration(firstTokenAt - startedAt);
  if (usage !== undefined) attempt.usage = usage;
  if (cost !== undefined) attempt.cost = cost;
  attempts.push(attempt);
  ended.watch.ended({ attempt, error, servedModel, responseId, finishReason });
  return attempt;
}

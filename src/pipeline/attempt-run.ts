import type { Answer, Rest } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { type Attempt, ErrorReason, type StreamEnd, type StreamStart } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch, ChatEvent } from "../domain/event.ts";
import { addCosts } from "../pricing/add-costs.ts";
import type { Target, Upstream } from "../provider/upstream.ts";
import type { Accounts } from "./account.ts";
import { AttemptHealth } from "./attempt-health.ts";
import { AttemptRecord } from "./attempt-record.ts";
import type { Continued } from "./continued.ts";
import { describeFailure } from "./failure.ts";
import type { Leave } from "./leaves.ts";
import type { RoutedCall } from "./stages.ts";
import { type AttemptTimeouts, applyHandling, type Timeouts, timeoutsOf } from "./timeouts.ts";
import { Watchdog } from "./watchdog.ts";

/** What attempts need besides their call. */
export interface AttemptParts {
  readonly clock: Clock;
  readonly accounts: Accounts;
  readonly timeouts: Timeouts;
}

/** What is written for one target. */
export interface ChatRequest {
  /** Where the target is to go on with an answer. */
  readonly continued: Continued | undefined;
  /** As the provider wrote it. */
  readonly encoded: unknown;
}

/**
 * One request to one target. Records itself in `call.attempts` exactly once, however it ends: answered, failed,
 * cancelled, or left by its reader. Tells the target's health about it.
 */
export class AttemptRun implements Rest {
  readonly target: Target;
  /** Goes on with an answer that broke off; undefined for one that begins. */
  readonly continued: Continued | undefined;
  readonly #call: RoutedCall;
  readonly #clock: Clock;
  readonly #timeouts: AttemptTimeouts;
  readonly #usual: AttemptTimeouts;
  readonly #upstream: Upstream;
  readonly #record: AttemptRecord;
  readonly #health: AttemptHealth;
  readonly #watchdog: Watchdog;
  readonly #startedAt: number;
  /** Instant by which the attempt ends. */
  readonly #wholeBy: number;
  /** What is waited for, and the instant by which it must come. */
  #awaited: Awaited = "head";
  #waitLimit: number;
  #over = false;
  #speaks: (() => void) | undefined;
  /** The caller itself chose to wait no longer, and less than is usual. */
  #impatient = false;

  constructor(asked: RoutedCall, leave: Leave<ChatRequest>, { clock, accounts, timeouts }: AttemptParts) {
    const { target, request } = leave;
    const { continued, encoded } = request;
    const call = continued?.call ?? asked;
    const { provider, model } = target;
    this.target = target;
    this.continued = continued;
    this.#call = call;
    this.#clock = clock;
    this.#usual = timeoutsOf(timeouts, target);
    this.#timeouts = applyHandling(this.#usual, call.handling);
    this.#startedAt = clock.now();
    this.#wholeBy = this.#startedAt + this.#timeouts.attemptMs;
    // A whole answer's head comes when the model is done, so only the attempt as a whole bounds it.
    this.#waitLimit =
      call.delivery === "stream" ? Math.min(this.#wholeBy, this.#startedAt + this.#timeouts.headersMs) : this.#wholeBy;
    const watch = call.watch.attempt(provider.describe(model));
    this.#upstream = provider.prepare(call, model, encoded, watch, this.#onHead);
    this.#record = new AttemptRecord(call, target, this.#upstream, watch, accounts, clock, this.#startedAt);
    this.#health = new AttemptHealth(leave, clock, call.delivery, call.prompt.maxOutputTokens, this.#startedAt);
    this.#watchdog = new Watchdog(clock, this.#onSilence);
    call.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Sends the request. Resolves once something of the answer can be shown; a whole answer comes in one piece. `speaks`
   * runs just before, so that what it ends stands in the call's accounts before the attempt that answered.
   */
  async begin(speaks?: () => void): Promise<Answer> {
    this.#speaks = speaks;
    const held: ChatEvent[] = [];
    for (;;) {
      const events = await this.#pull();
      const first = held.length === 0 ? events : held.concat(events);
      if (this.#over) return { first, rest: undefined };
      if (this.#call.delivery === "stream" && shows(events)) {
        this.#health.answering();
        speaks?.();
        return { first, rest: this };
      }
      for (const event of events) held.push(event);
    }
  }

  next(): Promise<Batch | undefined> {
    if (this.#over) return Promise.resolve(undefined);
    // From now on, so that a slow reader never looks like a silent upstream.
    this.#awaited = "next";
    this.#waitLimit = Math.min(this.#wholeBy, this.#clock.now() + this.#timeouts.idleMs);
    return this.#pull();
  }

  leave(): void {
    this.#leave(false);
  }

  /** Another attempt was faster: this one is left, its request ends now. */
  lose(): void {
    this.#leave(true);
  }

  #leave(lost: boolean): void {
    if (this.#over) return;
    const { signal } = this.#call;
    this.#record.left(signal.aborted ? toGatewayError(signal.reason).reason : ErrorReason.CANCELLED);
    this.#health.left(lost);
    this.#upstream.abort(LEFT);
    this.#end();
  }

  async #pull(): Promise<Batch> {
    const { signal } = this.#call;
    try {
      // What came before the abort may still be buffered: a call that is over shows no more of it.
      if (signal.aborted) throw toGatewayError(signal.reason);
      this.#watchdog.waitUntil(this.#waitLimit);
      const events = await this.#upstream.next();
      this.#watchdog.came();
      if (events === undefined) throw truncated();
      this.#record.came(events, shows(events));
      const [first] = events;
      const last = events.at(-1);
      if (first?.case === "start") sign(first.value, this.#call, this.target);
      if (last?.case === "end") this.#complete(last.value);
      return events;
    } catch (thrown) {
      throw this.#failed(thrown);
    }
  }

  /** The answer is whole. Says what only the gateway knows of it: who gave it, what was tried, what all of it cost. */
  #complete(end: StreamEnd): void {
    this.#end();
    this.#speaks?.();
    const { usage }: Attempt = this.#record.answered();
    this.#health.answered();
    sign(end, this.#call, this.target);
    end.attempts = [...this.#call.attempts];
    if (usage !== undefined) end.usage = usage;
    const cost = addCosts(this.#call.attempts);
    if (cost !== undefined) end.cost = cost;
  }

  /** What the call is told. */
  #failed(thrown: unknown): GatewayError {
    const error = toGatewayError(thrown);
    if (!this.#over) {
      this.#record.failed(error);
      this.#health.failed(error, this.#upstream.head, this.#impatient);
      this.#end();
    }
    return describeFailure(error, this.#call, this.target);
  }

  #end(): void {
    this.#over = true;
    this.#upstream.close();
    this.#watchdog.stop();
    this.#call.signal.removeEventListener("abort", this.#onAbort);
  }

  readonly #onHead = (): void => {
    this.#health.head(this.#upstream.head);
    if (this.#call.delivery !== "stream") return;
    this.#awaited = "first";
    this.#waitLimit = Math.min(this.#wholeBy, this.#startedAt + this.#timeouts.firstTokenMs);
    this.#watchdog.waitUntil(this.#waitLimit);
  };

  readonly #onSilence = (): void => {
    const waitedMs = this.#clock.now() - this.#startedAt;
    const { headersMs, firstTokenMs, idleMs, attemptMs } = this.#usual;
    const chosen = this.#timeouts;
    const shorter = {
      head: chosen.headersMs < headersMs,
      first: chosen.firstTokenMs < firstTokenMs,
      next: chosen.idleMs < idleMs,
    };
    this.#impatient = shorter[this.#awaited] || (chosen.attemptMs < attemptMs && waitedMs >= chosen.attemptMs);
    this.#upstream.abort(
      new GatewayError(
        ErrorReason.UPSTREAM_TIMEOUT,
        `${this.target.provider.name} did not send ${AWAITED[this.#awaited]} in time (${Math.round(waitedMs)} ms into the attempt).`,
      ),
    );
  };

  readonly #onAbort = (): void => this.#upstream.abort(toGatewayError(this.#call.signal.reason));
}

type Awaited = "head" | "first" | "next";

/** For people. */
const AWAITED: Readonly<Record<Awaited, string>> = {
  head: "the head of its answer",
  first: "its first token",
  next: "its next token",
};

const LEFT = new GatewayError(ErrorReason.CANCELLED, "The answer is no longer wanted.");

/** The start alone shows nothing of an answer. */
function shows(events: Batch): boolean {
  return events[0]?.case !== "start" || events.length > 1;
}

/** Says whose answer it is. */
function sign(message: StreamStart | StreamEnd, call: RoutedCall, target: Target): void {
  message.requestId = call.id;
  message.provider = target.provider.name;
}

function truncated(): GatewayError {
  return new GatewayError(ErrorReason.UPSTREAM_TRUNCATED, "The upstream's answer has no end. Try again.");
}

import type { Answer, Rest } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { type Attempt, ErrorReason, type Handling, type StreamEnd, type StreamStart } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch, ChatEvent } from "../domain/event.ts";
import { addCosts } from "../pricing/add-costs.ts";
import type { Target, Upstream } from "../provider/upstream.ts";
import type { Accounts } from "./account.ts";
import { AttemptRecord } from "./attempt-record.ts";
import type { RoutedCall } from "./stages.ts";
import { Watchdog } from "./watchdog.ts";

/** Longest waits, ms. A call may choose its own; its deadline bounds them all. */
export interface AttemptTimeouts {
  readonly headersMs: number;
  readonly firstTokenMs: number;
  readonly idleMs: number;
  readonly attemptMs: number;
}

/** What attempts need besides their call. */
export interface AttemptParts {
  readonly clock: Clock;
  readonly accounts: Accounts;
  readonly timeouts: AttemptTimeouts;
}

/**
 * One request to one target. Records itself in `call.attempts` exactly once, however it ends: answered, failed,
 * cancelled, or left by its reader. Nothing is sent before `begin`.
 */
export class AttemptRun implements Rest {
  readonly #call: RoutedCall;
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #timeouts: AttemptTimeouts;
  readonly #upstream: Upstream;
  readonly #record: AttemptRecord;
  readonly #watchdog: Watchdog;
  readonly #startedAt: number;
  /** Instant by which the attempt ends. */
  readonly #wholeBy: number;
  /** Instant by which something more of the answer must come. */
  #waitLimit: number;
  /** What is waited for, for people. */
  #awaited = "the head of its answer";
  #over = false;

  /** Throws, with nothing sent and nothing recorded, where the target cannot do what the call asks for. */
  constructor(call: RoutedCall, target: Target, { clock, accounts, timeouts }: AttemptParts) {
    const { provider, model } = target;
    const streams = call.delivery === "stream";
    this.#call = call;
    this.#target = target;
    this.#clock = clock;
    this.#timeouts = applyHandling(timeouts, call.handling);
    this.#startedAt = clock.now();
    this.#wholeBy = this.#startedAt + this.#timeouts.attemptMs;
    // A whole answer's head comes when the model is done, so only the attempt as a whole bounds it.
    this.#waitLimit = streams ? Math.min(this.#wholeBy, this.#startedAt + this.#timeouts.headersMs) : this.#wholeBy;
    const request = provider.encode(call, model);
    const watch = call.watch.attempt(provider.describe(model));
    this.#upstream = provider.prepare(call, model, request, watch, this.#onHead);
    this.#record = new AttemptRecord(call, target, this.#upstream, watch, accounts, clock, this.#startedAt);
    this.#watchdog = new Watchdog(clock, this.#onSilence);
    call.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Sends the request. Resolves once something of the answer can be shown; a whole answer comes in one piece. */
  async begin(): Promise<Answer> {
    const held: ChatEvent[] = [];
    for (;;) {
      const events = await this.#pull();
      const first = held.length === 0 ? events : held.concat(events);
      if (this.#over) return { first, rest: undefined };
      if (this.#call.delivery === "stream" && shows(events)) return { first, rest: this };
      for (const event of events) held.push(event);
    }
  }

  async next(): Promise<Batch | undefined> {
    if (this.#over) return undefined;
    // From now on, so that a slow reader never looks like a silent upstream.
    this.#awaited = "its next token";
    this.#waitLimit = Math.min(this.#wholeBy, this.#clock.now() + this.#timeouts.idleMs);
    return await this.#pull();
  }

  leave(): void {
    if (this.#over) return;
    const { signal } = this.#call;
    this.#record.left(signal.aborted ? toGatewayError(signal.reason).reason : ErrorReason.CANCELLED);
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
      if (first?.case === "start") sign(first.value, this.#call, this.#target);
      if (last?.case === "end") this.#complete(last.value);
      return events;
    } catch (thrown) {
      throw this.#failed(thrown);
    }
  }

  /** The answer is whole. Says what only the gateway knows of it: who gave it, what was tried, what all of it cost. */
  #complete(end: StreamEnd): void {
    this.#end();
    const { usage }: Attempt = this.#record.answered();
    sign(end, this.#call, this.#target);
    end.attempts = [...this.#call.attempts];
    if (usage !== undefined) end.usage = usage;
    const cost = addCosts(this.#call.attempts);
    if (cost !== undefined) end.cost = cost;
  }

  /** What the call is told. */
  #failed(thrown: unknown): GatewayError {
    const error = toGatewayError(thrown);
    this.#record.failed(error);
    this.#end();
    return describeFailure(error, this.#call, this.#target);
  }

  #end(): void {
    this.#over = true;
    this.#upstream.close();
    this.#watchdog.stop();
    this.#call.signal.removeEventListener("abort", this.#onAbort);
  }

  readonly #onHead = (): void => {
    if (this.#call.delivery !== "stream") return;
    this.#awaited = "its first token";
    this.#waitLimit = Math.min(this.#wholeBy, this.#startedAt + this.#timeouts.firstTokenMs);
    this.#watchdog.waitUntil(this.#waitLimit);
  };

  readonly #onSilence = (): void => {
    const waitedMs = Math.round(this.#clock.now() - this.#startedAt);
    this.#upstream.abort(
      new GatewayError(
        ErrorReason.UPSTREAM_TIMEOUT,
        `${this.#target.provider.name} did not send ${this.#awaited} in time (${waitedMs} ms into the attempt).`,
      ),
    );
  };

  readonly #onAbort = (): void => this.#upstream.abort(toGatewayError(this.#call.signal.reason));
}

/** A failure as the call is told of it: a call that is over fails for that, any other for what its target did. */
export function describeFailure(thrown: unknown, { signal }: RoutedCall, { provider, model }: Target): GatewayError {
  if (signal.aborted) return toGatewayError(signal.reason);
  return toGatewayError(thrown).with({ provider: provider.name, model });
}

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

function applyHandling(defaults: AttemptTimeouts, handling: Handling | undefined): AttemptTimeouts {
  if (handling === undefined) return defaults;
  const firstTokenMs = toMs(handling.firstTokenTimeout);
  return {
    // Some servers send the head with the first token: who waits longer for the one waits for the other.
    headersMs: firstTokenMs ?? defaults.headersMs,
    firstTokenMs: firstTokenMs ?? defaults.firstTokenMs,
    idleMs: toMs(handling.idleTimeout) ?? defaults.idleMs,
    attemptMs: toMs(handling.attemptTimeout) ?? defaults.attemptMs,
  };
}

import type { Batch } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import {
  type Attempt,
  AttemptOutcome,
  ErrorReason,
  type Handling,
  type StreamEnd,
  type StreamStart,
  type Usage,
} from "../domain/contract.ts";
import { toDuration, toMs } from "../domain/duration.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { ChatEvent } from "../domain/event.ts";
import type { Target } from "../provider/provider.ts";
import type { RoutedCall } from "./stages.ts";
import { Watchdog } from "./watchdog.ts";

/** Longest waits, ms. A call may choose its own; its deadline bounds them all. */
export interface AttemptTimeouts {
  readonly headersMs: number;
  readonly firstTokenMs: number;
  readonly idleMs: number;
  readonly attemptMs: number;
}

/** How far an attempt came; the caller of `runAttempt` reads it after a failure. */
export interface Progress {
  /** A request was made. */
  sent: boolean;
  /** Something of the answer was yielded. */
  shown: boolean;
}

/**
 * One request to one target. Records itself in `call.attempts` exactly once, however it ends: answered, failed,
 * cancelled, or left by its reader.
 */
export async function* runAttempt(
  call: RoutedCall,
  target: Target,
  clock: Clock,
  defaults: AttemptTimeouts,
  progress: Progress,
): AsyncGenerator<Batch> {
  const timeouts = applyHandling(defaults, call.handling);
  const startedAt = clock.now();
  const wholeBy = startedAt + timeouts.attemptMs;
  const streams = call.delivery === "stream";

  // A whole answer's head comes when the model is done, so only the attempt as a whole bounds it.
  let phase = "the head of its answer";
  let waitLimit = streams ? Math.min(wholeBy, startedAt + timeouts.headersMs) : wholeBy;
  const upstream = target.provider.prepare(call, target.model, () => {
    if (!streams) return;
    phase = "its first token";
    waitLimit = Math.min(wholeBy, startedAt + timeouts.firstTokenMs);
    watchdog.waitUntil(waitLimit);
  });
  progress.sent = true;
  const watchdog = new Watchdog(clock, () => upstream.abort(silent(target, phase, clock.now() - startedAt)));
  const onAbort = (): void => upstream.abort(toGatewayError(call.signal.reason));
  call.signal.addEventListener("abort", onAbort, { once: true });

  const record = new Recorder(call, target, clock, startedAt);
  const batches = upstream.events();
  let held: ChatEvent[] = [];
  let firstTokenAt: number | undefined;
  let over = false;
  try {
    for (;;) {
      // What came before the abort may still be buffered: a call that is over shows no more of it.
      if (call.signal.aborted) throw toGatewayError(call.signal.reason);
      watchdog.waitUntil(waitLimit);
      const next = await batches.next();
      watchdog.came();
      if (next.done === true) break;
      const events = next.value;
      const [first] = events;
      const last = events.at(-1);
      if (first?.case === "start") sign(first.value, call, target);
      // The start alone shows nothing of the answer.
      const shows = first?.case !== "start" || events.length > 1;
      if (shows && streams && firstTokenAt === undefined) {
        firstTokenAt = clock.now();
        phase = "its next token";
      }
      if (last?.case === "end") {
        // Lets the upstream's side finish first: its connection is kept, and nothing is left to abort.
        await batches.next();
        over = true;
        record.end(AttemptOutcome.SUCCEEDED, ErrorReason.UNSPECIFIED, upstream.status, firstTokenAt, last.value.usage);
        sign(last.value, call, target);
        last.value.attempts = [...call.attempts];
        progress.shown = true;
        yield held.length === 0 ? events : [...held, ...events];
        return;
      }
      if (!streams || !(shows || progress.shown)) {
        for (const event of events) held.push(event);
        continue;
      }
      progress.shown = true;
      const batch = held.length === 0 ? events : [...held, ...events];
      held = [];
      yield batch;
      waitLimit = Math.min(wholeBy, clock.now() + timeouts.idleMs);
    }
    throw new GatewayError(ErrorReason.UPSTREAM_TRUNCATED, "The upstream's answer has no end. Try again.");
  } catch (thrown) {
    const error = toGatewayError(thrown);
    const outcome = call.signal.aborted ? AttemptOutcome.CANCELLED : AttemptOutcome.FAILED;
    record.end(outcome, error.reason, upstream.status, firstTokenAt, undefined);
    throw error;
  } finally {
    watchdog.stop();
    call.signal.removeEventListener("abort", onAbort);
    if (!over) {
      // Writes only where the reader left in the middle: a failure was recorded above.
      const why = call.signal.aborted ? toGatewayError(call.signal.reason).reason : ErrorReason.CANCELLED;
      record.end(AttemptOutcome.CANCELLED, why, upstream.status, firstTokenAt, undefined);
      upstream.abort(LEFT);
      await batches.return(undefined);
    }
  }
}

/** Says whose answer it is. */
function sign(message: StreamStart | StreamEnd, call: RoutedCall, target: Target): void {
  message.requestId = call.id;
  message.provider = target.provider.name;
}

const LEFT = new GatewayError(ErrorReason.CANCELLED, "The reader left.");

/** Writes an attempt's record, once. */
class Recorder {
  #done = false;
  readonly #call: RoutedCall;
  readonly #target: Target;
  readonly #clock: Clock;
  readonly #startedAt: number;

  constructor(call: RoutedCall, target: Target, clock: Clock, startedAt: number) {
    this.#call = call;
    this.#target = target;
    this.#clock = clock;
    this.#startedAt = startedAt;
  }

  end(
    outcome: AttemptOutcome,
    errorReason: ErrorReason,
    upstreamStatus: number,
    firstTokenAt: number | undefined,
    usage: Usage | undefined,
  ): void {
    if (this.#done) return;
    this.#done = true;
    const attempt: Attempt = {
      $typeName: "sluice.v1.Attempt",
      provider: this.#target.provider.name,
      model: this.#target.model,
      outcome,
      errorReason,
      upstreamStatus,
      latency: toDuration(this.#clock.now() - this.#startedAt),
      ...(firstTokenAt === undefined ? {} : { timeToFirstToken: toDuration(firstTokenAt - this.#startedAt) }),
      ...(usage === undefined ? {} : { usage }),
    };
    this.#call.attempts.push(attempt);
  }
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

function silent(target: Target, phase: string, waitedMs: number): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_TIMEOUT,
    `${target.provider.name} did not send ${phase} in time (${Math.round(waitedMs)} ms into the attempt).`,
  );
}

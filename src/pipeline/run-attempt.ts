import type { Clock } from "../domain/clock.ts";
import { type Attempt, ErrorReason, type Handling, type StreamEnd, type StreamStart } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Batch, ChatEvent } from "../domain/event.ts";
import { addCosts } from "../pricing/add-costs.ts";
import type { Target } from "../provider/provider.ts";
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

/** How far an attempt came; the caller of `runAttempt` reads it after a failure. */
export interface Progress {
  /** A request was made. */
  sent: boolean;
  /** Something of the answer was yielded. */
  shown: boolean;
}

/** What attempts need besides their call. */
export interface AttemptParts {
  readonly clock: Clock;
  readonly accounts: Accounts;
  readonly timeouts: AttemptTimeouts;
}

/**
 * One request to one target. Records itself in `call.attempts` exactly once, however it ends: answered, failed,
 * cancelled, or left by its reader.
 */
export async function* runAttempt(
  call: RoutedCall,
  target: Target,
  { clock, accounts, timeouts: defaults }: AttemptParts,
  progress: Progress,
): AsyncGenerator<Batch> {
  const timeouts = applyHandling(defaults, call.handling);
  const startedAt = clock.now();
  const wholeBy = startedAt + timeouts.attemptMs;
  const streams = call.delivery === "stream";

  // A whole answer's head comes when the model is done, so only the attempt as a whole bounds it.
  let phase = "the head of its answer";
  let waitLimit = streams ? Math.min(wholeBy, startedAt + timeouts.headersMs) : wholeBy;
  const { provider, model } = target;
  const request = provider.encode(call, model);
  progress.sent = true;
  const watch = call.watch.attempt(provider.describe(model));
  const upstream = provider.prepare(call, model, request, watch, () => {
    if (!streams) return;
    phase = "its first token";
    waitLimit = Math.min(wholeBy, startedAt + timeouts.firstTokenMs);
    watchdog.waitUntil(waitLimit);
  });
  const watchdog = new Watchdog(clock, () => upstream.abort(silent(target, phase, clock.now() - startedAt)));
  const onAbort = (): void => upstream.abort(toGatewayError(call.signal.reason));
  call.signal.addEventListener("abort", onAbort, { once: true });

  const record = new AttemptRecord(call, target, upstream, watch, accounts, clock, startedAt);
  const batches = upstream.events();
  let held: ChatEvent[] = [];
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
      // The start alone shows nothing of the answer.
      const shows = first?.case !== "start" || events.length > 1;
      record.came(events, shows);
      if (first?.case === "start") sign(first.value, call, target);
      if (last?.case === "end") {
        // Lets the upstream's side finish first: its connection is kept, and nothing is left to abort.
        await batches.next();
        over = true;
        const attempt = record.answered();
        complete(last.value, call, target, attempt);
        progress.shown = true;
        yield held.length === 0 ? events : [...held, ...events];
        return;
      }
      if (shows && streams) phase = "its next token";
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
    record.failed(error);
    throw error;
  } finally {
    watchdog.stop();
    call.signal.removeEventListener("abort", onAbort);
    if (!over) {
      // Writes only where the reader left in the middle: a failure was recorded above.
      record.left(call.signal.aborted ? toGatewayError(call.signal.reason).reason : ErrorReason.CANCELLED);
      upstream.abort(LEFT);
      await batches.return(undefined);
    }
  }
}

/** Says what only the gateway knows of an answer: who gave it, what was tried, and what all of it cost. */
function complete(end: StreamEnd, call: RoutedCall, target: Target, { usage }: Attempt): void {
  sign(end, call, target);
  end.attempts = [...call.attempts];
  if (usage !== undefined) end.usage = usage;
  const cost = addCosts(call.attempts);
  if (cost !== undefined) end.cost = cost;
}

/** Says whose answer it is. */
function sign(message: StreamStart | StreamEnd, call: RoutedCall, target: Target): void {
  message.requestId = call.id;
  message.provider = target.provider.name;
}

const LEFT = new GatewayError(ErrorReason.CANCELLED, "The reader left.");

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

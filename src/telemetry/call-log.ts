import { isSpanContextValid, TraceFlags } from "@opentelemetry/api";
import type { Clock } from "../domain/clock.ts";
import { type Attempt, AttemptOutcome, type RoutingDecision } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import { reasonName } from "../domain/reasons.ts";
import type { Arrival, CallEnd } from "../domain/watch.ts";
import { finishReasonName } from "./attributes.ts";
import { describeError, type LogDestination, type LogLevel, SERVICE, shows } from "./log.ts";

/** Writes one line for each RPC: who asked, who answered, how long it took and what it cost. Not what was said. */
export interface CallLog {
  ended(arrival: Arrival, end: CallEnd, context: CallContext): void;
}

/** What is known of a call besides its end. */
interface CallContext {
  readonly traceId: string | undefined;
  readonly spanId: string | undefined;
  /** Undefined where there was nothing to decide. */
  readonly routing: RoutingDecision | undefined;
  /** It is a copy of the caller's call. */
  readonly isShadow: boolean;
}

export interface CallLogOptions {
  readonly level: LogLevel;
  readonly destination: LogDestination;
  readonly clock: Clock;
  /** Features whose words are recorded anyway: for them, errors are told with the upstream's words. */
  readonly quotedFeatures: ReadonlySet<string>;
}

/**
 * The lines have the logger's form, but are written without it: they are the most of all that is written, and go
 * through `JSON.stringify` at half the logger's price; those of a moment are made together, which halves it again
 * (`npm run bench`). What is written is chosen field by field, so nothing secret can come in by way of an object.
 */
export function createCallLog({ level, destination, clock, quotedFeatures }: CallLogOptions): CallLog {
  const toIso = createIsoFormat();
  const showsAnswers = shows(level, "info");
  const showsFailures = shows(level, "warn");
  return {
    ended(arrival, end, context) {
      const failed = end.outcome === "failed";
      if (!(failed ? showsFailures : showsAnswers)) return;
      const at = clock.wallNow();
      const toLine = (): string => {
        const line = {
          level: failed ? "warn" : "info",
          time: toIso(at),
          service: SERVICE,
          msg: context.isShadow ? "shadow" : end.outcome === "rejected" ? "rejected" : "call",
          request_id: arrival.requestId,
          ...traceFields(context),
          ...toFields(arrival, end, context.routing, quotedFeatures),
        };
        return `${JSON.stringify(line)}\n`;
      };
      if (destination.writeLater === undefined) destination.write(toLine());
      else destination.writeLater(toLine);
    },
  };
}

/** `Date.toISOString`, which writes each second's first part only once. */
function createIsoFormat(): (wallMs: number) => string {
  let second = Number.NaN;
  let prefix = "";
  return (wallMs) => {
    const current = Math.floor(wallMs / 1000);
    if (current !== second) {
      second = current;
      prefix = new Date(current * 1000).toISOString().slice(0, -4);
    }
    return `${prefix}${String(Math.floor(wallMs) % 1000).padStart(3, "0")}Z`;
  };
}

function traceFields({ traceId = "", spanId = "" }: CallContext): Record<string, string> {
  if (!isSpanContextValid({ traceId, spanId, traceFlags: TraceFlags.NONE })) return {};
  return { trace_id: traceId, span_id: spanId };
}

function toFields(
  arrival: Arrival,
  end: CallEnd,
  routing: RoutingDecision | undefined,
  quotedFeatures: ReadonlySet<string>,
): Record<string, unknown> {
  const { attribution, usage, cost } = end;
  const quotes = quotedFeatures.has(attribution?.feature ?? "") ? "shown" : "withheld";
  return {
    feature: attribution?.feature,
    user_id: attribution?.userId || undefined,
    session_id: attribution?.sessionId || undefined,
    prompt_version: attribution?.promptVersion || undefined,
    operation: arrival.operation === "chat" ? undefined : arrival.operation,
    delivery: arrival.delivery,
    model: end.model || undefined,
    overridden_model: routing?.overriddenModel || undefined,
    routing: routing?.reason,
    provider: end.provider,
    served_model: end.servedModel || undefined,
    outcome: end.outcome,
    reason: end.outcome === "answered" ? undefined : reasonName(end.reason),
    error: end.error === undefined ? undefined : describeError(end.error, quotes),
    finish_reason: end.finishReason === undefined ? undefined : finishReasonName(end.finishReason),
    input_tokens: usage?.inputTokens,
    cache_read_tokens: usage?.cacheReadTokens || undefined,
    cache_write_tokens: usage?.cacheWriteTokens || undefined,
    output_tokens: usage?.outputTokens,
    reasoning_tokens: usage?.reasoningTokens || undefined,
    cost_nano_usd: cost === undefined ? undefined : Number(cost.totalNanoUsd),
    cost_estimated: cost?.estimated || undefined,
    latency_ms: round(end.latencyMs),
    time_to_first_event_ms: end.timeToFirstEventMs === undefined ? undefined : round(end.timeToFirstEventMs),
    queue_ms: end.queueMs > 0 ? round(end.queueMs) : undefined,
    overhead_ms: round(end.overheadMs),
    attempts: end.attempts.map(toAttempt),
  };
}

function toAttempt(attempt: Attempt): Record<string, unknown> {
  const first = toMs(attempt.timeToFirstToken);
  return {
    provider: attempt.provider,
    model: attempt.model,
    outcome: outcomes.get(attempt.outcome),
    reason: attempt.outcome === AttemptOutcome.SUCCEEDED ? undefined : reasonName(attempt.errorReason),
    upstream_status: attempt.upstreamStatus || undefined,
    latency_ms: round(toMs(attempt.latency) ?? 0),
    time_to_first_token_ms: first === undefined ? undefined : round(first),
    cost_nano_usd: attempt.cost === undefined ? undefined : Number(attempt.cost.totalNanoUsd),
  };
}

/** Names of outcomes by their numbers, in lower case. */
const outcomes = new Map<number, string>(
  Object.entries(AttemptOutcome).map(([name, value]) => [value, name.toLowerCase()]),
);

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

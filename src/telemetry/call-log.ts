import { isSpanContextValid, TraceFlags } from "@opentelemetry/api";
import type { Clock } from "../domain/clock.ts";
import { type Attempt, AttemptOutcome } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import { reasonName } from "../domain/reasons.ts";
import type { Arrival, CallEnd } from "../domain/watch.ts";
import { finishReasonName } from "./attributes.ts";
import { describeError, type LogDestination, type LogLevel, SERVICE, shows } from "./log.ts";

/** Writes one line for each RPC: who asked, who answered, how long it took and what it cost. Not what was said. */
export interface CallLog {
  ended(arrival: Arrival, end: CallEnd, traceId: string | undefined, spanId: string | undefined): void;
}

export interface CallLogOptions {
  readonly level: LogLevel;
  readonly destination: LogDestination;
  readonly clock: Clock;
  /** Features whose words are recorded anyway: for them, errors are told with the upstream's words. */
  readonly quotedFeatures: ReadonlySet<string>;
}

/**
 * The lines have the logger's form, but are written without it: they are the most of all that is written, and cost a
 * third of the logger's price (`npm run bench`). What is written is chosen field by field, so nothing secret can come
 * in by way of an object.
 */
export function createCallLog({ level, destination, clock, quotedFeatures }: CallLogOptions): CallLog {
  const toIso = createIsoFormat();
  const showsAnswers = shows(level, "info");
  const showsFailures = shows(level, "warn");
  return {
    ended(arrival, end, traceId, spanId) {
      const failed = end.outcome === "failed";
      if (!(failed ? showsFailures : showsAnswers)) return;
      const msg = end.outcome === "rejected" ? "rejected" : "call";
      const head = `{"level":"${failed ? "warn" : "info"}","time":"${toIso(clock.wallNow())}","service":"${SERVICE}"`;
      const ids = `,"msg":"${msg}"${text("request_id", arrival.requestId)}${traceFields(traceId, spanId)}`;
      destination.write(`${head}${ids}${callFields(arrival, end, quotedFeatures)}}\n`);
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

/** A field of the line; nothing where it is empty. */
function text(name: string, value: string | undefined): string {
  return value === undefined || value === "" ? "" : `,"${name}":${JSON.stringify(value)}`;
}

function number(name: string, value: number | undefined): string {
  return value === undefined ? "" : `,"${name}":${value}`;
}

/** Left out where it is 0, too. */
function positive(name: string, value: number | undefined): string {
  return value === 0 ? "" : number(name, value);
}

function traceFields(traceId = "", spanId = ""): string {
  if (!isSpanContextValid({ traceId, spanId, traceFlags: TraceFlags.NONE })) return "";
  return `,"trace_id":"${traceId}","span_id":"${spanId}"`;
}

function callFields(arrival: Arrival, end: CallEnd, quotedFeatures: ReadonlySet<string>): string {
  const { attribution, usage, cost, outcome, error } = end;
  const feature = attribution?.feature;
  return (
    // A request that was refused may have named an empty feature: the line shows it.
    (feature === undefined ? "" : `,"feature":${JSON.stringify(feature)}`) +
    text("user_id", attribution?.userId) +
    text("session_id", attribution?.sessionId) +
    text("prompt_version", attribution?.promptVersion) +
    (arrival.operation === "chat" ? "" : text("operation", arrival.operation)) +
    text("delivery", arrival.delivery) +
    text("model", end.model) +
    text("provider", end.provider) +
    text("served_model", end.servedModel) +
    text("outcome", outcome) +
    (outcome === "answered" ? "" : text("reason", reasonName(end.reason))) +
    (error === undefined ? "" : `,"error":${errorJson(error, quotedFeatures.has(feature ?? ""))}`) +
    (end.finishReason === undefined ? "" : text("finish_reason", finishReasonName(end.finishReason))) +
    number("input_tokens", usage?.inputTokens) +
    positive("cache_read_tokens", usage?.cacheReadTokens) +
    positive("cache_write_tokens", usage?.cacheWriteTokens) +
    number("output_tokens", usage?.outputTokens) +
    positive("reasoning_tokens", usage?.reasoningTokens) +
    (cost === undefined ? "" : `,"cost_nano_usd":${cost.totalNanoUsd}`) +
    (cost?.estimated === true ? ',"cost_estimated":true' : "") +
    number("latency_ms", round(end.latencyMs)) +
    number("time_to_first_event_ms", round(end.timeToFirstEventMs)) +
    number("overhead_ms", round(end.overheadMs)) +
    `,"attempts":[${end.attempts.map(attemptJson).join(",")}]`
  );
}

function errorJson(error: Error, quotes: boolean): string {
  return JSON.stringify(describeError(error, quotes ? "shown" : "withheld"));
}

function attemptJson(attempt: Attempt): string {
  const { outcome, cost } = attempt;
  return (
    `{"provider":${JSON.stringify(attempt.provider)},"model":${JSON.stringify(attempt.model)}` +
    text("outcome", outcomes.get(outcome)) +
    (outcome === AttemptOutcome.SUCCEEDED ? "" : text("reason", reasonName(attempt.errorReason))) +
    positive("upstream_status", attempt.upstreamStatus) +
    number("latency_ms", round(toMs(attempt.latency) ?? 0)) +
    number("time_to_first_token_ms", round(toMs(attempt.timeToFirstToken))) +
    (cost === undefined ? "}" : `,"cost_nano_usd":${cost.totalNanoUsd}}`)
  );
}

/** Names of outcomes by their numbers, in lower case. */
const outcomes = new Map<number, string>(
  Object.entries(AttemptOutcome).map(([name, value]) => [value, name.toLowerCase()]),
);

function round(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 100) / 100;
}

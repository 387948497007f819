import pino, { type Logger } from "pino";
import { AttemptOutcome, FinishReason } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import { reasonName } from "../domain/reasons.ts";
import type { CallObserver, CallRecord } from "./observer.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "fatal">;

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Where lines go. */
export interface LogDestination {
  write(line: string): void;
}

/** JSON lines. */
export function createLog(level: LogLevel, destination: LogDestination): Log {
  return pino(
    {
      level,
      base: { service: "sluice" },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: serializeError },
    },
    destination,
  );
}

/** One line for each call: who asked, who answered, and how long it took. Never what was said. */
export function createLogObserver(log: Log): CallObserver {
  return {
    callEnded(record) {
      const line = toLine(record);
      if (record.outcome === "failed") log.warn(line, "call");
      else log.info(line, "call");
    },
  };
}

function toLine(record: CallRecord): Record<string, unknown> {
  const { attribution, usage } = record;
  return {
    request_id: record.requestId,
    feature: attribution.feature,
    user_id: attribution.userId || undefined,
    session_id: attribution.sessionId || undefined,
    prompt_version: attribution.promptVersion || undefined,
    delivery: record.delivery,
    model: record.model,
    provider: record.provider,
    served_model: record.servedModel,
    outcome: record.outcome,
    reason: record.outcome === "answered" ? undefined : reasonName(record.reason),
    error: record.error,
    finish_reason: record.finishReason === undefined ? undefined : finishReasons.get(record.finishReason),
    input_tokens: usage?.inputTokens,
    output_tokens: usage?.outputTokens,
    latency_ms: round(record.latencyMs),
    time_to_first_event_ms: record.timeToFirstEventMs === undefined ? undefined : round(record.timeToFirstEventMs),
    attempts: record.attempts.map((attempt) => ({
      provider: attempt.provider,
      model: attempt.model,
      outcome: outcomes.get(attempt.outcome),
      reason: attempt.outcome === AttemptOutcome.SUCCEEDED ? undefined : reasonName(attempt.errorReason),
      upstream_status: attempt.upstreamStatus || undefined,
      latency_ms: round(toMs(attempt.latency) ?? 0),
    })),
  };
}

/** An enum's names by their numbers, in lower case. */
function namesOf(values: Readonly<Record<string, number>>): ReadonlyMap<number, string> {
  return new Map(Object.entries(values).map(([name, value]) => [value, name.toLowerCase()]));
}

const finishReasons = namesOf(FinishReason);
const outcomes = namesOf(AttemptOutcome);

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}

/** An error for the log: message, code and causes. Stacks only where the error is a defect of our own. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code: unknown = Reflect.get(error, "code");
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === "string" ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
    ...(error.name === "GatewayError" ? {} : { stack: error.stack }),
  };
}

import pino, { type Logger } from "pino";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";

export type Log = Pick<Logger, "debug" | "info" | "warn" | "error" | "fatal">;

export type LogLevel = "debug" | "info" | "warn" | "error";

/** Levels from the most to the least. */
const LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** Whether a log of this level shows lines of that one. */
export function shows(level: LogLevel, line: LogLevel): boolean {
  return LEVELS.indexOf(line) >= LEVELS.indexOf(level);
}

export const SERVICE = "sluice";

/** Where lines go. */
export interface LogDestination {
  write(line: string): void;
  /** The line is asked for once it is written, so that those of the same moment are made together. */
  writeLater?(toLine: () => string): void;
}

/** JSON lines. */
export function createLog(level: LogLevel, destination: LogDestination): Log {
  return pino(
    {
      level,
      base: { service: SERVICE },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: (error: unknown) => describeError(error) },
    },
    destination,
  );
}

/**
 * An error for the log: message, code and causes. Stacks only where the error is a defect of our own. An upstream's
 * words are left out unless `quotes` allows them: they may quote what the caller or the model said.
 */
export function describeError(
  error: unknown,
  quotes: "withheld" | "shown" = "withheld",
  stacks: "none" | "shown" = "shown",
): unknown {
  if (!(error instanceof Error)) return error;
  const expected = error instanceof GatewayError && error.reason !== ErrorReason.INTERNAL;
  const code: unknown = Reflect.get(error, "code");
  return {
    type: error.name,
    message: error instanceof GatewayError && quotes === "withheld" ? error.discreetMessage : error.message,
    ...(typeof code === "string" ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause, quotes, expected ? "none" : stacks) }),
    ...(error instanceof GatewayError || stacks === "none" ? {} : { stack: error.stack }),
  };
}

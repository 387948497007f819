import pino, { type Logger } from "pino";

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
}

/** JSON lines. */
export function createLog(level: LogLevel, destination: LogDestination): Log {
  return pino(
    {
      level,
      base: { service: SERVICE },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: describeError },
    },
    destination,
  );
}

/** An error for the log: message, code and causes. Stacks only where the error is a defect of our own. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code: unknown = Reflect.get(error, "code");
  return {
    type: error.name,
    message: error.message,
    ...(typeof code === "string" ? { code } : {}),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
    ...(error.name === "GatewayError" ? {} : { stack: error.stack }),
  };
}

import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import type { Log } from "./log.ts";

/** What OpenTelemetry has to say of itself goes to the gateway's log: dropped spans, collectors that do not answer. */
export function forwardDiagnostics(log: Log): void {
  const warn = (message: string): void => log.warn({ from: "opentelemetry" }, message);
  const drop = (): void => {};
  const logger: DiagLogger = { error: warn, warn, info: drop, debug: drop, verbose: drop };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

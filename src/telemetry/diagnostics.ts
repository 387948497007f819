import { type DiagLogger, DiagLogLevel, diag } from "@opentelemetry/api";
import type { Clock } from "../domain/clock.ts";
import type { Log } from "./log.ts";

/** What is said again and again is logged this often, ms. */
const REPEAT_MS = 60_000;

/** More kinds of messages than this are not told apart. */
const MAX_KINDS = 100;

interface Told {
  at: number;
  /** How often it was said since, and not logged. */
  unsaid: number;
}

/**
 * What OpenTelemetry has to say of itself goes to the gateway's log: dropped spans, collectors that do not answer. A
 * collector that is away fails batch after batch: the same message, whatever its numbers, is logged once a minute.
 */
export function forwardDiagnostics(log: Log, clock: Clock): void {
  const told = new Map<string, Told>();
  const warn = (message: string): void => {
    const text = toText(message);
    const named = text.replace(/\d+/g, "0");
    const kind = told.has(named) || told.size < MAX_KINDS ? named : "";
    const before = told.get(kind);
    if (before !== undefined && clock.now() - before.at < REPEAT_MS) {
      before.unsaid++;
      return;
    }
    log.warn({ from: "opentelemetry", ...(before?.unsaid ? { repeated: before.unsaid } : {}) }, text);
    told.set(kind, { at: clock.now(), unsaid: 0 });
  };
  const drop = (): void => {};
  const logger: DiagLogger = { error: warn, warn, info: drop, debug: drop, verbose: drop };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** Errors come as JSON with their stacks; their message says what happened. */
function toText(message: string): string {
  if (!message.startsWith("{")) return message;
  try {
    const { message: text }: { message?: unknown } = JSON.parse(message) as object;
    return typeof text === "string" ? text : message;
  } catch {
    return message;
  }
}

import type { Handling } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";

/** Longest waits, ms. A call may choose its own; its deadline bounds them all. */
export interface AttemptTimeouts {
  readonly headersMs: number;
  readonly firstTokenMs: number;
  readonly idleMs: number;
  readonly attemptMs: number;
}

/** What a call chose goes before what is usual. */
export function applyHandling(defaults: AttemptTimeouts, handling: Handling | undefined): AttemptTimeouts {
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

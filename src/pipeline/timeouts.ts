import type { Handling } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import type { Target } from "../provider/upstream.ts";

/** Longest waits, ms. A call may choose its own; its deadline bounds them all. */
export interface AttemptTimeouts {
  readonly headersMs: number;
  readonly firstTokenMs: number;
  readonly idleMs: number;
  readonly attemptMs: number;
}

/** Waits of all providers, and of those that have their own. */
export interface Timeouts extends AttemptTimeouts {
  readonly byProvider?: ReadonlyMap<string, AttemptTimeouts>;
}

interface OwnTimeouts {
  readonly name: string;
  readonly timeouts?: { readonly [K in keyof AttemptTimeouts]: number | undefined };
}

/** Puts what some providers have of their own beside what is usual. */
export function withOwnTimeouts(usual: AttemptTimeouts, providers: readonly OwnTimeouts[]): Timeouts {
  const own = providers.flatMap(({ name, timeouts }): [string, AttemptTimeouts][] => {
    if (timeouts === undefined) return [];
    const { headersMs, firstTokenMs, idleMs, attemptMs } = timeouts;
    const all = {
      // Some servers send the head with the first token: who waits longer for the one waits for the other.
      headersMs: headersMs ?? firstTokenMs ?? usual.headersMs,
      firstTokenMs: firstTokenMs ?? usual.firstTokenMs,
      idleMs: idleMs ?? usual.idleMs,
      attemptMs: attemptMs ?? usual.attemptMs,
    };
    return [[name, all]];
  });
  return { ...usual, byProvider: new Map(own) };
}

/** What is usual for a target. */
export function timeoutsOf(timeouts: Timeouts, { provider }: Target): AttemptTimeouts {
  return timeouts.byProvider?.get(provider.name) ?? timeouts;
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

import type { CallRecord } from "./call.ts";

export interface Wanted {
  /** Text of a whole answer. */
  readonly whole?: string | RegExp;
  /** Text of what is shown before it breaks. */
  readonly shown?: string | RegExp;
  /** From RetryInfo, and how much sooner it may be: dates have no milliseconds, and take time to arrive. */
  readonly retryAfterMs?: number;
  readonly retryToleranceMs?: number;
}

/** How a call ended, in few words: what its caller was told, which attempts were made, what was delivered. */
export function tell(call: CallRecord, wanted: Wanted = {}): string {
  const { code, reason = "", text, attempts, partial, retryAfterMs } = call;
  const head =
    code === "OK" ? (matches(text, wanted.whole) ? "OK, whole" : `OK with ${quote(text)}`) : `${code} ${short(reason)}`;
  const parts = [head.trim(), tellAttempts(attempts)];
  if (retryAfterMs !== undefined) parts.push(`retry in ${tellWait(retryAfterMs, wanted)}`);
  if (partial === true) parts.push(matches(text, wanted.shown) ? "partial" : `partial ${quote(text)}`);
  return parts.join("; ");
}

/** Attempts in their order, equal ones counted: `2× OVERLOADED 503, spare answers`. */
function tellAttempts(attempts: readonly string[]): string {
  const runs: { word: string; times: number }[] = [];
  for (const attempt of attempts) {
    const [target = "", outcome = "", ...more] = attempt.split(" ");
    const provider = target.split("/", 1)[0];
    const answers = provider === "spare" ? "spare answers" : "answers";
    const failure = more.map(short).join(" ");
    const word = outcome === "SUCCEEDED" ? answers : outcome === "CANCELLED" ? `cancelled ${failure}`.trim() : failure;
    const last = runs.at(-1);
    if (last?.word === word) last.times++;
    else runs.push({ word, times: 1 });
  }
  if (runs.length === 0) return "no attempt";
  return runs.map(({ word, times }) => (times === 1 ? word : `${times}× ${word}`)).join(", ");
}

export const short = (reason: string): string => reason.replace(/^UPSTREAM_/, "");

function tellWait(ms: number, { retryAfterMs = ms, retryToleranceMs = 0 }: Wanted): string {
  const told = ms <= retryAfterMs && ms >= retryAfterMs - retryToleranceMs ? retryAfterMs : ms;
  return `${told / 1000} s`;
}

function matches(text: string, wanted: string | RegExp | undefined): boolean {
  return wanted instanceof RegExp ? wanted.test(text) : text === wanted;
}

const quote = (text: string): string => JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);

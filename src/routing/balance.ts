import type { Random } from "../domain/clock.ts";
import { hashToShare } from "./hash.ts";

/** How a configuration, or a caller, wants targets to be ordered. */
export type Strategy = "cascade" | "weighted" | "cheapest" | "fastest";

/** Why the targets are in their order; for traces and responses. */
type OrderReason =
  | "cascade"
  | "weighted:sticky"
  | "weighted:random"
  | "cheapest"
  | "cheapest:unpriced"
  | "fastest"
  | "fastest:unknown";

/** All targets, the one to ask first in front; fail-over goes on with the rest. */
export interface Order<T> {
  readonly targets: readonly T[];
  readonly reason: OrderReason;
}

/** As configured. */
export function cascade<T>(targets: readonly T[]): Order<T> {
  return { targets, reason: "cascade" };
}

export interface Weighted<T> {
  readonly target: T;
  /** Its stable name, which with the key decides its place. */
  readonly name: string;
  /** Share of calls, relative to the others'. At 0 it takes none, and is there for fail-over only, in the end. */
  readonly weight: number;
}

/**
 * By weight, through weighted rendezvous hashing: with a key, the same key goes to the same target, and of all
 * keys a change of one weight moves only those that must move. The rest follows as if the first was not there, so that
 * the calls of one that fails are shared by weight too. Without a key each call is drawn anew.
 */
export function weighted<T>(choices: readonly Weighted<T>[], key: string | undefined, random: Random): Order<T> {
  const scored = choices.map(({ target, name, weight }) => {
    const share = key === undefined ? random() : hashToShare(key, name);
    // Of exponentially distributed times with rate `weight`, each is the smallest as often as its weight says.
    return { target, score: weight > 0 ? -Math.log(1 - share) / weight : Number.POSITIVE_INFINITY };
  });
  return { targets: sort(scored), reason: key === undefined ? "weighted:random" : "weighted:sticky" };
}

/**
 * By what this call is estimated to cost, in one unit for all; those whose price is not known come last, all others
 * before them. Equals stay as configured.
 */
export function cheapest<T>(targets: readonly T[], costOf: (target: T) => number | undefined): Order<T> {
  const scored = targets.map((target) => ({ target, score: costOf(target) ?? Number.POSITIVE_INFINITY }));
  const priced = scored.some(({ score }) => score < Number.POSITIVE_INFINITY);
  return { targets: sort(scored), reason: priced ? "cheapest" : "cheapest:unpriced" };
}

/**
 * The faster of two drawn at random goes first: always taking the fastest of all would send everybody to the same one
 * until it is slow. The rest follows by its score. Scores are as `Latency` gives them: 0 means unknown and idle.
 */
export function fastest<T>(targets: readonly T[], scoreOf: (target: T) => number, random: Random): Order<T> {
  const scored = targets.map((target) => ({ target, score: scoreOf(target) }));
  const one = Math.floor(random() * scored.length);
  const other = (one + 1 + Math.floor(random() * (scored.length - 1))) % scored.length;
  const [a, b] = [scored[one], scored[other]];
  if (a === undefined || b === undefined) return { targets, reason: "fastest" };
  const first = b.score < a.score ? b : a;
  const rest = sort(scored.filter((each) => each !== first));
  return { targets: [first.target, ...rest], reason: first.score === 0 ? "fastest:unknown" : "fastest" };
}

function sort<T>(scored: readonly { readonly target: T; readonly score: number }[]): T[] {
  // Two Infinities differ by NaN, so they are compared, not subtracted.
  return scored.toSorted((a, b) => (a.score < b.score ? -1 : a.score > b.score ? 1 : 0)).map(({ target }) => target);
}

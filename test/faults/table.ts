import { INVARIANTS } from "./invariants.ts";
import type { Invariant } from "./stage.ts";

export interface Result {
  readonly section: string;
  readonly name: string;
  readonly expected: string;
  readonly seen: string;
  readonly misses: readonly string[];
  readonly exempt: ReadonlyMap<Invariant, string>;
  readonly tookMs: number;
  /** Why it was not run. */
  readonly pending?: string;
}

export function isGood({ pending, expected, seen, misses }: Result): boolean {
  return pending !== undefined || (seen === expected && misses.length === 0);
}

const WIDTHS = [58, 84] as const;

/** One line: verdict, case, what was seen, invariants, time; and more where something is missed. */
export function toText(result: Result): string {
  const { name, expected, seen, misses, exempt, tookMs, pending } = result;
  if (pending !== undefined) return `pending  ${name.padEnd(WIDTHS[0])}  ${expected}\n           waits for: ${pending}`;
  const marks = INVARIANTS.map((one) => markOf(one, misses, exempt)).join("");
  const verdict = isGood(result) ? "ok     " : "MISSED ";
  const line = `${verdict}  ${name.padEnd(WIDTHS[0])}  ${seen.padEnd(WIDTHS[1])}  ${marks}  ${(tookMs / 1000).toFixed(2).padStart(6)} s`;
  const wanted = seen === expected ? [] : [`           expected: ${expected}`];
  const reasons = [...exempt].map(([invariant, why]) => `           ${invariant} not asked for: ${why}`);
  return [line, ...wanted, ...misses.map((miss) => `           ${miss}`), ...reasons].join("\n");
}

/** The invariant's number where it holds, `-` where it is not asked for, `X` where it does not hold. */
function markOf(invariant: Invariant, misses: readonly string[], exempt: ReadonlyMap<Invariant, string>): string {
  if (misses.some((miss) => miss.startsWith(invariant))) return "X";
  return exempt.has(invariant) ? "-" : invariant.slice(1);
}

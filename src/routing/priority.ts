import { Priority as Wish } from "../domain/contract.ts";

/** Of calls, the one that is dropped last in front. */
export const PRIORITIES = ["interactive", "default", "batch"] as const;
export type Priority = (typeof PRIORITIES)[number];

/** What a caller's wish comes to. */
export function priorityOf(wish: number | undefined): Priority {
  if (wish === Wish.INTERACTIVE) return "interactive";
  return wish === Wish.BATCH ? "batch" : "default";
}

import { createHash } from "node:crypto";

/** What a wire takes for a call's id. */
export interface CallIdRule {
  readonly fits: RegExp;
  /** Characters of what stands for an id that does not fit: letters and digits. */
  readonly length: number;
}

/**
 * Ids that other providers gave may hold what this wire refuses. Such an id is exchanged for one that is made from it,
 * so that call and result still agree, in this turn and in those that follow.
 */
export function fitCallId(callId: string, { fits, length }: CallIdRule): string {
  return fits.test(callId) ? callId : createHash("sha256").update(callId).digest("hex").slice(0, length);
}

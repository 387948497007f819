import type { Usage } from "../domain/contract.ts";

type Count = Exclude<keyof Usage, "$typeName" | "$unknown" | "estimated">;

/** Largest number that the contract's counts hold. */
const MAX_COUNT = 0xffff_ffff;

/** Sets a count that the wire said, or a sum of such; leaves it unset where it did not. */
export function setCount(usage: Usage, key: Count, value: number | undefined): void {
  if (value !== undefined) usage[key] = Math.min(value, MAX_COUNT);
}

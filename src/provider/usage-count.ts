import type { Usage } from "../domain/contract.ts";

type Count = Exclude<keyof Usage, "$typeName" | "$unknown" | "estimated">;

/** Sets a count that the wire said; leaves it unset where it did not. */
export function setCount(usage: Usage, key: Count, value: number | undefined): void {
  if (value !== undefined) usage[key] = value;
}

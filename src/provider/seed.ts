import { invalidRequest } from "../domain/error.ts";

/** A seed as a JSON number: those above 2^53 lose digits in most readers. Throws `INVALID_REQUEST` for them. */
export function encodeSeed(seed: bigint): number {
  const number = Number(seed);
  if (Number.isSafeInteger(number)) return number;
  throw invalidRequest([{ field: "prompt.seed", description: "is beyond ±2^53, which JSON cannot carry exactly" }]);
}

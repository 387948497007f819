import type { Part, ProviderState } from "../../domain/contract.ts";
import { asRecord, type JsonRecord, parseJson } from "../json.ts";

export const DIALECT = "gemini";

/** What a part must bring back: its `thoughtSignature` (no JSON begins one), and the wire's own id of a call. */
export function keepSignature(signature: string, id = ""): ProviderState {
  return { $typeName: "sluice.v1.ProviderState", dialect: DIALECT, id, data: signature };
}

/** A part that the contract has no form for, to go back as it is. */
export function keepPart(part: JsonRecord): ProviderState {
  return { $typeName: "sluice.v1.ProviderState", dialect: DIALECT, id: "", data: JSON.stringify(part) };
}

export interface Kept {
  /** The wire's id of a call. */
  readonly id: string | undefined;
  readonly signature: string | undefined;
  /** A whole part. */
  readonly part: JsonRecord | undefined;
}

/** What this dialect kept with a part; undefined where it kept nothing. */
export function findKept({ providerState }: Part): Kept | undefined {
  if (providerState?.dialect !== DIALECT) return undefined;
  const { id, data } = providerState;
  const part = data.startsWith("{") ? asRecord(parseJson(data)) : undefined;
  return { id: id || undefined, signature: part === undefined ? data || undefined : undefined, part };
}

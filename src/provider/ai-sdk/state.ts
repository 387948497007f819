import type { Part, ProviderState } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import { parseExactly } from "../exact-json.ts";
import { asRecord, asString, type JsonRecord } from "../json.ts";
import { DIALECT } from "./wire-types.ts";

/** What a package wants back with a part. */
export interface OwnState {
  /** Its `providerMetadata`, which goes back as `providerOptions`. */
  readonly metadata?: JsonRecord | undefined;
  /** A whole part that the contract has no words for. */
  readonly part?: JsonRecord | undefined;
}

/** `owner`: what the package calls itself, because packages do not understand each other's. */
export function toState(owner: string, { metadata, part }: OwnState): ProviderState {
  const data = JSON.stringify({
    owner,
    ...(metadata === undefined ? {} : { metadata }),
    ...(part === undefined ? {} : { part }),
  });
  return { $typeName: "sluice.v1.ProviderState", dialect: DIALECT, id: "", data };
}

/** State that this package gave out with a part; undefined where it gave none. Throws `INVALID_REQUEST`. */
export function ownState(part: Part, owner: string, path: string): OwnState | undefined {
  if (part.providerState?.dialect !== DIALECT) return undefined;
  const state = asRecord(parseExactly(part.providerState.data));
  if (asString(state?.owner) === undefined) {
    const description = "was changed; give it back as it came";
    throw invalidRequest([{ field: `${path}.provider_state.data`, description }]);
  }
  if (state?.owner !== owner) return undefined;
  return { metadata: asRecord(state.metadata), part: asRecord(state.part) };
}

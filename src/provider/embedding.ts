import { type EmbeddingInput, EmbeddingPurpose, type Usage } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import { invalidRequest } from "../domain/error.ts";
import type { DialectTarget, Embedded, EncodedRequest } from "./dialect.ts";
import type { JsonRecord } from "./json.ts";
import { addOptions, optionsFor } from "./provider-options.ts";
import { unsupported } from "./unsupported.ts";
import { malformedAnswer } from "./upstream-failure.ts";

/** Words for purposes; one that is missing cannot be said. */
export type PurposeWords = { readonly [purpose: number]: string };

/** A request for vectors: its answer is always whole. */
export function embedRequest(path: string, body: JsonRecord): EncodedRequest {
  return {
    path,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  };
}

/** The provider's word for the purpose; undefined where none is asked for. Throws for one that it has no word for. */
export function purposeWord(input: EmbeddingInput, words: PurposeWords, target: DialectTarget): string | undefined {
  if (input.purpose === EmbeddingPurpose.UNSPECIFIED) return undefined;
  const word = words[input.purpose];
  if (word === undefined)
    throw unsupported("input.purpose", target, "leave it unset or choose another purpose or model");
  return word;
}

/** Refuses every purpose. */
export function refusePurpose(input: EmbeddingInput, target: DialectTarget): void {
  purposeWord(input, {}, target);
}

/** A model that has to be told what its vectors are for. */
export function purposeNeeded(): GatewayError {
  return invalidRequest([
    {
      field: "input.purpose",
      description:
        "is needed by this model; set it to DOCUMENT for texts to be stored, to QUERY for those to search by",
    },
  ]);
}

/** Refuses dimensions for a model that has one size. */
export function refuseDimensions(input: EmbeddingInput, target: DialectTarget): void {
  if (input.dimensions !== undefined) throw unsupported("input.dimensions", target);
}

/** Merges the caller's options for this provider into a body, except for some that were used otherwise. */
export function addEmbedOptions(
  body: Record<string, unknown>,
  input: EmbeddingInput,
  reserved: ReadonlySet<string>,
  target: DialectTarget,
  used: readonly string[] = [],
): void {
  const options = Object.entries(optionsFor(input, target) ?? {}).filter(([name]) => !used.includes(name));
  addOptions(body, Object.fromEntries(options), reserved, target, "", "input");
}

/** Largest number that the contract's vectors hold. */
const MAX_FLOAT = 3.4028234663852886e38;

function isVector(value: unknown): value is number[] {
  if (!Array.isArray(value) || value.length === 0) return false;
  // Not by `every`, which passes over the holes that JSON cannot have anyway: this runs for thousands of numbers.
  for (const number of value) if (typeof number !== "number" || !(Math.abs(number) <= MAX_FLOAT)) return false;
  return true;
}

/** Vectors as an answer lists them. Throws `UPSTREAM_MALFORMED` unless there are so many, all of one size. */
export function readVectors(found: readonly unknown[], texts: number, body: string): readonly number[][] {
  if (found.length !== texts || !found.every(isVector)) throw malformedVectors(body);
  const size = found[0]?.length;
  if (found.some((vector) => vector.length !== size)) throw malformedVectors(body);
  return found;
}

export function malformedVectors(body: string): GatewayError {
  return malformedAnswer("not one vector for each text", body);
}

/** What a wire says of tokens: those of the texts, where it counts them. */
export function textUsage(inputTokens: number | undefined): Usage | undefined {
  return inputTokens === undefined ? undefined : { $typeName: "sluice.v1.Usage", inputTokens, estimated: false };
}

/** An answer of a wire that says neither who answered nor which answer it is. */
export function anonymous(vectors: readonly number[][], inputTokens: number | undefined): Embedded {
  return { vectors, model: "", responseId: "", usage: textUsage(inputTokens) };
}

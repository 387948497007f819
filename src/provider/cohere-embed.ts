/** Cohere's vectors, in the form that its own API and Bedrock share. */

import { type EmbeddingInput, EmbeddingPurpose } from "../domain/contract.ts";
import type { BatchLimits, DialectTarget } from "./dialect.ts";
import { addEmbedOptions, type PurposeWords, purposeNeeded, purposeWord, refuseDimensions } from "./embedding.ts";
import { asArray, asRecord, type JsonRecord } from "./json.ts";
import { optionsFor } from "./provider-options.ts";

const RESERVED = new Set(["model", "texts", "images", "inputs", "embedding_types"]);

/** The most texts of one request; of tokens it says nothing. */
export const cohereLimits: BatchLimits = { texts: 96, tokens: Number.POSITIVE_INFINITY };

const purposes: PurposeWords = {
  [EmbeddingPurpose.QUERY]: "search_query",
  [EmbeddingPurpose.DOCUMENT]: "search_document",
  [EmbeddingPurpose.CLASSIFICATION]: "classification",
  [EmbeddingPurpose.CLUSTERING]: "clustering",
};

/**
 * The body of a request, without its model. Source: Cohere's API reference, "Embed API (v2)", read 2026-11: `input_type`
 * is required from version 3 on, `output_dimension` is for version 4 and later. Texts are not cut unless options ask.
 */
export function encodeCohere(
  input: EmbeddingInput,
  texts: readonly string[],
  target: DialectTarget,
): Record<string, unknown> {
  const { model } = target;
  if (/embed-.*-?v[23]/.test(model)) refuseDimensions(input, target);
  const options: JsonRecord = optionsFor(input, target) ?? {};
  const purpose = purposeWord(input, purposes, target);
  if (purpose === undefined && options.input_type === undefined && !/-v2/.test(model)) throw purposeNeeded();
  const body: Record<string, unknown> = {
    texts,
    embedding_types: ["float"],
    truncate: options.truncate ?? "NONE",
  };
  if (purpose !== undefined) body.input_type = purpose;
  if (input.dimensions !== undefined) body.output_dimension = input.dimensions;
  addEmbedOptions(body, input, RESERVED, target, ["truncate"]);
  return body;
}

/** The list of vectors: by type where types were asked for; alone in older answers. */
export function cohereVectors(embeddings: unknown): readonly unknown[] {
  return asArray(asRecord(embeddings)?.float ?? embeddings);
}

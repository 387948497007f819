/** What is to be embedded, written as JSON, and what dialects make of it. */
import { fromJson, type JsonObject } from "@bufbuild/protobuf";
import { EmbeddingInputSchema } from "../../gen/sluice/v1/embedding_service_pb.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Embedder } from "../../src/provider/dialect.ts";
import { findDialect } from "../../src/provider/registry.ts";

export function embedderOf(preset: string): Embedder {
  const embedder = findDialect(preset, undefined)?.embedder;
  if (embedder === undefined) throw new Error(`${preset} has no embedder`);
  return embedder;
}

/** Path and body of the request for all texts of the input, which are two where it names none. */
export function encoded(preset: string, model: string, json: JsonObject = {}): { path: string; body: unknown } {
  const input = fromJson(EmbeddingInputSchema, { texts: ["a", "b"], ...json });
  const { path, body } = embedderOf(preset).encode(input, input.texts, { provider: "house", model });
  return { path, body: JSON.parse(body) };
}

/** The reason and the fields of a refusal; undefined where the input is taken. */
export function refusal(preset: string, model: string, json: JsonObject) {
  try {
    encoded(preset, model, json);
    return undefined;
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return { reason: error.reason, fields: error.violations.map(({ field }) => field) };
  }
}

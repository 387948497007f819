import { cohereLimits, cohereVectors, encodeCohere } from "../cohere-embed.ts";
import type { Embedder } from "../dialect.ts";
import { embedRequest, readVectors, textUsage } from "../embedding.ts";
import { asCount, asRecord, asString, parseJson } from "../json.ts";

/** Cohere's vectors, version 2. */
export const embedder: Embedder = {
  limits: () => cohereLimits,
  encode: (input, texts, target) =>
    embedRequest("/v2/embed", { model: target.model, ...encodeCohere(input, texts, target) }),
  decode({ body }, texts) {
    const answer = asRecord(parseJson(body));
    const billed = asRecord(asRecord(answer?.meta)?.billed_units);
    return {
      vectors: readVectors(cohereVectors(answer?.embeddings), texts, body),
      model: "",
      responseId: asString(answer?.id) ?? "",
      usage: textUsage(asCount(billed?.input_tokens)),
    };
  },
};

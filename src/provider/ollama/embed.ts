import type { Embedder } from "../dialect.ts";
import { addEmbedOptions, embedRequest, readVectors, refusePurpose } from "../embedding.ts";
import { asArray, asRecord, asString, parseJson } from "../json.ts";
import { optionsFor } from "../provider-options.ts";
import { explainInAnswer } from "./explain.ts";
import { readUsage } from "./usage.ts";

const RESERVED = new Set(["model", "input"]);

/** Ollama's vectors. It says no limit: what is large is split all the same, so that it takes no timeout. */
export const embedder: Embedder = {
  limits: () => ({ texts: 256, tokens: 100_000 }),
  encode(input, texts, target) {
    refusePurpose(input, target);
    const options = optionsFor(input, target) ?? {};
    const body: Record<string, unknown> = {
      model: target.model,
      input: texts,
      // By itself it cuts what is too long, and does not say so.
      truncate: options.truncate ?? false,
    };
    if (input.dimensions !== undefined) body.dimensions = input.dimensions;
    addEmbedOptions(body, input, RESERVED, target, ["truncate"]);
    return embedRequest("/api/embed", body);
  },
  decode({ body }, texts) {
    const answer = asRecord(parseJson(body)) ?? {};
    if (answer.error !== undefined) throw explainInAnswer(answer);
    return {
      vectors: readVectors(asArray(answer.embeddings), texts, body),
      model: asString(answer.model) ?? "",
      responseId: "",
      usage: readUsage(answer),
    };
  },
};

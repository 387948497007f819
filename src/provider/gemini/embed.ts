import { type EmbeddingInput, EmbeddingPurpose } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { BatchLimits, DialectTarget, Embedder } from "../dialect.ts";
import { addEmbedOptions, anonymous, embedRequest, type PurposeWords, purposeWord, readVectors } from "../embedding.ts";
import { asArray, asCount, asRecord, type JsonRecord, parseJson } from "../json.ts";
import { addOptions, optionField, optionsFor } from "../provider-options.ts";
import { toPath } from "./encode.ts";
import type { Flavour } from "./quirks.ts";

/** How a model's texts and purposes are written. */
interface Wording {
  readonly field: PurposeWords | undefined;
  /** For models that read the purpose in the text itself. */
  readonly prefix: PurposeWords | undefined;
}

const byField: Wording = {
  field: {
    [EmbeddingPurpose.QUERY]: "RETRIEVAL_QUERY",
    [EmbeddingPurpose.DOCUMENT]: "RETRIEVAL_DOCUMENT",
    [EmbeddingPurpose.SIMILARITY]: "SEMANTIC_SIMILARITY",
    [EmbeddingPurpose.CLASSIFICATION]: "CLASSIFICATION",
    [EmbeddingPurpose.CLUSTERING]: "CLUSTERING",
  },
  prefix: undefined,
};

/** `gemini-embedding-2` has no task types: its guide says to write these before the text (2026-11). */
const byPrefix: Wording = {
  field: undefined,
  prefix: {
    [EmbeddingPurpose.QUERY]: "task: search result | query: ",
    [EmbeddingPurpose.DOCUMENT]: "title: none | text: ",
    [EmbeddingPurpose.SIMILARITY]: "task: sentence similarity | query: ",
    [EmbeddingPurpose.CLASSIFICATION]: "task: classification | query: ",
    [EmbeddingPurpose.CLUSTERING]: "task: clustering | query: ",
  },
};

/** The purpose's field and the texts as the model wants them. */
function word(input: EmbeddingInput, texts: readonly string[], target: DialectTarget) {
  const { field, prefix } = /gemini-embedding-2/.test(target.model) ? byPrefix : byField;
  const said = purposeWord(input, field ?? prefix ?? {}, target);
  return {
    taskType: field === undefined ? undefined : said,
    texts: prefix === undefined || said === undefined ? texts : texts.map((text) => said + text),
  };
}

/**
 * Vectors of the Gemini API. Sources: `models.batchEmbedContents`, and its error "at most 100 requests can be in one
 * batch", 2026-11.
 */
function batchEmbedder(flavour: Flavour): Embedder {
  const reserved = new Set(["model", "content"]);
  return {
    limits: () => ({ texts: 100, tokens: Number.POSITIVE_INFINITY }),
    encode(input, texts, target) {
      const path = toPath(target.model, flavour);
      const worded = word(input, texts, target);
      const requests = worded.texts.map((text) => {
        const request: Record<string, unknown> = { model: path.slice(1), content: { parts: [{ text }] } };
        if (worded.taskType !== undefined) request.taskType = worded.taskType;
        if (input.dimensions !== undefined) request.outputDimensionality = input.dimensions;
        addEmbedOptions(request, input, reserved, target);
        return request;
      });
      return embedRequest(`${path}:batchEmbedContents`, { requests });
    },
    decode({ body }, texts) {
      const answer = asRecord(parseJson(body));
      const vectors = asArray(answer?.embeddings).map((item) => asRecord(item)?.values);
      return anonymous(readVectors(vectors, texts, body), promptTokens(answer));
    },
  };
}

/** Models that Vertex serves by `:embedContent`, one text a request; the rest by `:predict`. As Google's SDKs choose. */
function isByContent(model: string): boolean {
  return /gemini|maas/.test(model) && !/gemini-embedding-001/.test(model);
}

/** Of one request of `:predict`. Source: Vertex AI, "Get text embeddings", 2026-11. */
function predictLimits(model: string): BatchLimits {
  return { texts: /gemini/.test(model) ? 1 : 250, tokens: 16_000 };
}

/** Vectors of Vertex AI. Texts that are too long are refused, where by itself it would cut them. */
function vertexEmbedder(flavour: Flavour): Embedder {
  return {
    limits: (model) => (isByContent(model) ? { texts: 1, tokens: Number.POSITIVE_INFINITY } : predictLimits(model)),
    encode(input, texts, target) {
      const path = toPath(target.model, flavour);
      const worded = word(input, texts, target);
      return isByContent(target.model)
        ? embedRequest(`${path}:embedContent`, contentBody(input, worded, target))
        : embedRequest(`${path}:predict`, predictBody(input, worded, target));
    },
    decode({ body }, texts) {
      const answer = asRecord(parseJson(body));
      if (answer?.embedding !== undefined) {
        return anonymous(readVectors([asRecord(answer.embedding)?.values], texts, body), promptTokens(answer));
      }
      const found = asArray(answer?.predictions).map((item) => asRecord(asRecord(item)?.embeddings));
      const counts = found.map((embeddings) => asCount(asRecord(embeddings?.statistics)?.token_count));
      const vectors = readVectors(
        found.map((embeddings) => embeddings?.values),
        texts,
        body,
      );
      return anonymous(
        vectors,
        counts.reduce((sum, count) => (sum === undefined || count === undefined ? undefined : sum + count), 0),
      );
    },
  };
}

type Worded = ReturnType<typeof word>;

function contentBody(input: EmbeddingInput, { texts, taskType }: Worded, target: DialectTarget): JsonRecord {
  const options = optionsFor(input, target) ?? {};
  const body: Record<string, unknown> = {
    content: { parts: texts.map((text) => ({ text })) },
    autoTruncate: options.autoTruncate ?? false,
  };
  if (taskType !== undefined) body.taskType = taskType;
  if (input.dimensions !== undefined) body.outputDimensionality = input.dimensions;
  addEmbedOptions(body, input, new Set(["content", "model"]), target, ["autoTruncate"]);
  return body;
}

function predictBody(input: EmbeddingInput, { texts, taskType }: Worded, target: DialectTarget): JsonRecord {
  const given = optionsFor(input, target)?.parameters ?? {};
  const asked = asRecord(given);
  if (asked === undefined) {
    throw invalidRequest([{ field: optionField("parameters", target, "input"), description: "is no object" }]);
  }
  const { autoTruncate = false, ...others } = asked;
  const parameters: Record<string, unknown> = { autoTruncate };
  if (input.dimensions !== undefined) parameters.outputDimensionality = input.dimensions;
  addOptions(parameters, others, new Set(), target, "parameters.", "input");
  const body: Record<string, unknown> = {
    instances: texts.map((content) => (taskType === undefined ? { content } : { content, task_type: taskType })),
    parameters,
  };
  addEmbedOptions(body, input, new Set(), target, ["parameters"]);
  return body;
}

/** Newer models say it; of the others, nobody counts. */
function promptTokens(answer: JsonRecord | undefined): number | undefined {
  return asCount(asRecord(answer?.usageMetadata)?.promptTokenCount);
}

/** How an API of this dialect makes vectors. */
export function embedderOf(flavour: Flavour): Embedder {
  return flavour.embeddings === "batch" ? batchEmbedder(flavour) : vertexEmbedder(flavour);
}

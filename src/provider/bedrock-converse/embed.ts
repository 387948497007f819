import { type EmbeddingInput, EmbeddingPurpose } from "../../domain/contract.ts";
import { cohereLimits, cohereVectors, encodeCohere } from "../cohere-embed.ts";
import type { BatchLimits, DialectTarget, Embedder, WholeAnswer } from "../dialect.ts";
import {
  addEmbedOptions,
  anonymous,
  embedRequest,
  type PurposeWords,
  purposeNeeded,
  purposeWord,
  readVectors,
  refuseDimensions,
  refusePurpose,
} from "../embedding.ts";
import { asArray, asCount, asRecord, type JsonRecord, parseJson } from "../json.ts";
import { unsupported } from "../unsupported.ts";

/** How a family of models is asked: each has a body of its own, which `InvokeModel` passes on. */
interface Family {
  readonly limits: BatchLimits;
  encode(input: EmbeddingInput, texts: readonly string[], target: DialectTarget): JsonRecord;
}

const ONE: BatchLimits = { texts: 1, tokens: Number.POSITIVE_INFINITY };

/** Titan reads one text a request. Only its second version makes vectors of several sizes. */
function titan(sizes: boolean): Family {
  return {
    limits: ONE,
    encode(input, [inputText], target) {
      refusePurpose(input, target);
      if (!sizes) refuseDimensions(input, target);
      const body: Record<string, unknown> = { inputText };
      if (input.dimensions !== undefined) body.dimensions = input.dimensions;
      addEmbedOptions(body, input, new Set(["inputText", "embeddingTypes"]), target);
      return body;
    },
  };
}

const novaPurposes: PurposeWords = {
  [EmbeddingPurpose.QUERY]: "TEXT_RETRIEVAL",
  [EmbeddingPurpose.DOCUMENT]: "GENERIC_INDEX",
  [EmbeddingPurpose.CLASSIFICATION]: "CLASSIFICATION",
  [EmbeddingPurpose.CLUSTERING]: "CLUSTERING",
};

const nova: Family = {
  limits: ONE,
  encode(input, [value], target) {
    const embeddingPurpose = purposeWord(input, novaPurposes, target);
    if (embeddingPurpose === undefined) throw purposeNeeded();
    const body: Record<string, unknown> = {
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: {
        embeddingPurpose,
        ...(input.dimensions === undefined ? {} : { embeddingDimension: input.dimensions }),
        text: { truncationMode: "NONE", value },
      },
    };
    addEmbedOptions(body, input, new Set(), target);
    return body;
  },
};

/** Cohere's own body, without the model, which is in the path. */
const cohere: Family = { limits: cohereLimits, encode: encodeCohere };

/** Rows are tried in order. Source: Bedrock user guide, "Inference request parameters", each model's page, 2026-11. */
const families: readonly (readonly [pattern: RegExp, family: Family])[] = [
  [/amazon\.titan-embed-text-v2/, titan(true)],
  [/amazon\.titan-embed/, titan(false)],
  [/amazon\.nova-.*embed/, nova],
  [/cohere\.embed/, cohere],
];

function findFamily(model: string): Family | undefined {
  return families.find(([pattern]) => pattern.test(model))?.[1];
}

/** Vectors of Amazon Bedrock. */
export const embedder: Embedder = {
  limits: (model) => findFamily(model)?.limits ?? ONE,
  encode(input, texts, target) {
    const family = findFamily(target.model);
    if (family === undefined) {
      throw unsupported("input.model", target, "name a Titan, Nova or Cohere model for embeddings by its id");
    }
    return embedRequest(`/model/${encodeURIComponent(target.model)}/invoke`, family.encode(input, texts, target));
  },
  /** Each family answers in a form of its own; they are told apart by their fields. */
  decode({ headers, body }, texts) {
    const answer = asRecord(parseJson(body));
    const found =
      answer?.embedding !== undefined
        ? [answer.embedding]
        : cohereVectors(answer?.embeddings).map((item) => asRecord(item)?.embedding ?? item);
    const counted = asCount(answer?.inputTextTokenCount) ?? asCount(answer?.inputTokenCount) ?? headerTokens(headers);
    return anonymous(readVectors(asArray(found), texts, body), counted);
  },
};

/** Where the body does not count, InvokeModel does. */
function headerTokens(headers: WholeAnswer["headers"]): number | undefined {
  const said = headers["x-amzn-bedrock-input-token-count"];
  return typeof said === "string" && /^\d+$/.test(said) ? asCount(Number(said)) : undefined;
}

/** Requests for vectors as each provider wants them, and what their answers say. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { findDialect } from "../../src/provider/registry.ts";
import { embedderOf, encoded, refusal } from "./embedding.ts";

const { FEATURE_UNSUPPORTED, INVALID_REQUEST, UPSTREAM_MALFORMED } = ErrorReason;

type Row = [what: string, preset: string, model: string, input: JsonObject, path: string, body: unknown];

const requests: Row[] = [
  [
    "openai as base64",
    "openai",
    "text-embedding-3-small",
    { dimensions: 8 },
    "/embeddings",
    { model: "text-embedding-3-small", input: ["a", "b"], encoding_format: "base64", dimensions: 8 },
  ],
  [
    "openai-responses like openai",
    "openai-responses",
    "text-embedding-3-small",
    {},
    "/embeddings",
    { model: "text-embedding-3-small", input: ["a", "b"], encoding_format: "base64" },
  ],
  [
    "a server of one's own without a format",
    "vllm",
    "bge",
    { providerOptions: { house: { truncate_prompt_tokens: 9 }, other: { x: 1 } } },
    "/embeddings",
    { model: "bge", input: ["a", "b"], truncate_prompt_tokens: 9 },
  ],
  [
    "mistral with its own word for dimensions",
    "mistral",
    "codestral-embed",
    { dimensions: 8 },
    "/embeddings",
    { model: "codestral-embed", input: ["a", "b"], output_dimension: 8 },
  ],
  [
    "cohere",
    "cohere",
    "embed-v4.0",
    { purpose: "EMBEDDING_PURPOSE_QUERY", dimensions: 256 },
    "/v2/embed",
    {
      model: "embed-v4.0",
      texts: ["a", "b"],
      input_type: "search_query",
      embedding_types: ["float"],
      output_dimension: 256,
      truncate: "NONE",
    },
  ],
  [
    "cohere, cutting where it is told to",
    "cohere",
    "embed-v4.0",
    { providerOptions: { house: { input_type: "classification", truncate: "END" } } },
    "/v2/embed",
    {
      model: "embed-v4.0",
      texts: ["a", "b"],
      input_type: "classification",
      embedding_types: ["float"],
      truncate: "END",
    },
  ],
  [
    "ollama",
    "ollama-native",
    "nomic-embed-text",
    { dimensions: 8, providerOptions: { house: { keep_alive: "5m" } } },
    "/api/embed",
    { model: "nomic-embed-text", input: ["a", "b"], truncate: false, dimensions: 8, keep_alive: "5m" },
  ],
  [
    "gemini with a task type",
    "gemini",
    "gemini-embedding-001",
    { purpose: "EMBEDDING_PURPOSE_DOCUMENT", dimensions: 8, providerOptions: { house: { title: "t" } } },
    "/models/gemini-embedding-001:batchEmbedContents",
    {
      requests: ["a", "b"].map((text) => ({
        model: "models/gemini-embedding-001",
        content: { parts: [{ text }] },
        taskType: "RETRIEVAL_DOCUMENT",
        outputDimensionality: 8,
        title: "t",
      })),
    },
  ],
  [
    "gemini's second model with the purpose in the text",
    "gemini",
    "gemini-embedding-2",
    { purpose: "EMBEDDING_PURPOSE_QUERY", texts: ["a"] },
    "/models/gemini-embedding-2:batchEmbedContents",
    {
      requests: [
        { model: "models/gemini-embedding-2", content: { parts: [{ text: "task: search result | query: a" }] } },
      ],
    },
  ],
  [
    "vertex by predict",
    "vertex",
    "text-embedding-005",
    { purpose: "EMBEDDING_PURPOSE_CLUSTERING", dimensions: 8 },
    "/publishers/google/models/text-embedding-005:predict",
    {
      instances: [
        { content: "a", task_type: "CLUSTERING" },
        { content: "b", task_type: "CLUSTERING" },
      ],
      parameters: { autoTruncate: false, outputDimensionality: 8 },
    },
  ],
  [
    "vertex by predict, cutting where it is told to",
    "vertex",
    "text-embedding-005",
    { texts: ["a"], providerOptions: { house: { parameters: { autoTruncate: true } } } },
    "/publishers/google/models/text-embedding-005:predict",
    { instances: [{ content: "a" }], parameters: { autoTruncate: true } },
  ],
  [
    "vertex by embedContent",
    "vertex",
    "gemini-embedding-2",
    { texts: ["a"], dimensions: 8 },
    "/publishers/google/models/gemini-embedding-2:embedContent",
    { content: { parts: [{ text: "a" }] }, autoTruncate: false, outputDimensionality: 8 },
  ],
  [
    "titan",
    "bedrock",
    "amazon.titan-embed-text-v2:0",
    { texts: ["a"], dimensions: 256, providerOptions: { house: { normalize: false } } },
    "/model/amazon.titan-embed-text-v2%3A0/invoke",
    { inputText: "a", dimensions: 256, normalize: false },
  ],
  [
    "cohere on bedrock without its model",
    "bedrock",
    "us.cohere.embed-v4:0",
    { purpose: "EMBEDDING_PURPOSE_DOCUMENT" },
    "/model/us.cohere.embed-v4%3A0/invoke",
    { texts: ["a", "b"], input_type: "search_document", embedding_types: ["float"], truncate: "NONE" },
  ],
  [
    "nova",
    "bedrock",
    "amazon.nova-2-multimodal-embeddings-v1:0",
    { texts: ["a"], purpose: "EMBEDDING_PURPOSE_QUERY", dimensions: 256 },
    "/model/amazon.nova-2-multimodal-embeddings-v1%3A0/invoke",
    {
      taskType: "SINGLE_EMBEDDING",
      singleEmbeddingParams: {
        embeddingPurpose: "TEXT_RETRIEVAL",
        embeddingDimension: 256,
        text: { truncationMode: "NONE", value: "a" },
      },
    },
  ],
];

test.each(requests)("asks %s", (_, preset, model, input, path, body) => {
  expect(encoded(preset, model, input)).toEqual({ path, body });
});

const QUERY = { purpose: "EMBEDDING_PURPOSE_QUERY" };

test.each<[what: string, preset: string, model: string, input: JsonObject, reason: ErrorReason, field: string]>([
  ["a purpose at OpenAI", "openai", "text-embedding-3-small", QUERY, FEATURE_UNSUPPORTED, "input.purpose"],
  ["a purpose at Ollama", "ollama-native", "m", QUERY, FEATURE_UNSUPPORTED, "input.purpose"],
  ["a purpose of Titan", "bedrock", "amazon.titan-embed-text-v2:0", QUERY, FEATURE_UNSUPPORTED, "input.purpose"],
  ["dimensions of ada", "openai", "text-embedding-ada-002", { dimensions: 8 }, FEATURE_UNSUPPORTED, "input.dimensions"],
  [
    "dimensions of mistral-embed",
    "mistral",
    "mistral-embed",
    { dimensions: 8 },
    FEATURE_UNSUPPORTED,
    "input.dimensions",
  ],
  [
    "dimensions of Titan's first",
    "bedrock",
    "amazon.titan-embed-text-v1",
    { dimensions: 8 },
    FEATURE_UNSUPPORTED,
    "input.dimensions",
  ],
  [
    "dimensions of Cohere's third",
    "cohere",
    "embed-english-v3.0",
    { ...QUERY, dimensions: 8 },
    FEATURE_UNSUPPORTED,
    "input.dimensions",
  ],
  [
    "a purpose that Cohere has no word for",
    "cohere",
    "embed-v4.0",
    { purpose: "EMBEDDING_PURPOSE_SIMILARITY" },
    FEATURE_UNSUPPORTED,
    "input.purpose",
  ],
  ["no purpose at Cohere", "cohere", "embed-v4.0", {}, INVALID_REQUEST, "input.purpose"],
  ["no purpose at Nova", "bedrock", "amazon.nova-2-multimodal-embeddings-v1:0", {}, INVALID_REQUEST, "input.purpose"],
  ["a model of Bedrock without vectors", "bedrock", "anthropic.claude-opus-4", {}, FEATURE_UNSUPPORTED, "input.model"],
  [
    "an option that Sluice writes",
    "openai",
    "m",
    { providerOptions: { house: { input: "x" } } },
    INVALID_REQUEST,
    'input.provider_options["house"].input',
  ],
  [
    "an option beside its own field",
    "gemini",
    "m",
    { ...QUERY, providerOptions: { house: { taskType: "X" } } },
    INVALID_REQUEST,
    'input.provider_options["house"].taskType',
  ],
  [
    "parameters that are no object",
    "vertex",
    "text-embedding-005",
    { providerOptions: { house: { parameters: 1 } } },
    INVALID_REQUEST,
    'input.provider_options["house"].parameters',
  ],
  [
    "a parameter beside its own field",
    "vertex",
    "text-embedding-005",
    { dimensions: 8, providerOptions: { house: { parameters: { outputDimensionality: 9 } } } },
    INVALID_REQUEST,
    'input.provider_options["house"].parameters.outputDimensionality',
  ],
])("refuses %s, naming the field", (_, preset, model, input, reason, field) => {
  expect(refusal(preset, model, input)).toEqual({ reason, fields: [field] });
});

test.each(["anthropic", "vertex-anthropic", "groq", "deepseek", "cerebras", "moonshot"])(
  "%s has no vectors",
  (preset) => {
    expect(findDialect(preset, undefined)?.embedder).toBeUndefined();
  },
);

const floats = Buffer.from(new Float32Array([0.5, -2]).buffer).toString("base64");

type Answer = [
  what: string,
  preset: string,
  body: unknown,
  headers: Record<string, string>,
  tokens: number | undefined,
  more: object,
];

const NOBODY = { model: "", responseId: "" };

const answers: Answer[] = [
  [
    "openai's base64, in another order",
    "openai",
    {
      object: "list",
      data: [
        { index: 1, embedding: [1, 2] },
        { index: 0, embedding: floats },
      ],
      model: "text-embedding-3-small",
      usage: { prompt_tokens: 7, total_tokens: 7 },
    },
    {},
    7,
    { model: "text-embedding-3-small", responseId: "" },
  ],
  [
    "numbers without an index",
    "vllm",
    { id: "embd-1", data: [{ embedding: [0.5, -2] }, { embedding: [1, 2] }] },
    {},
    undefined,
    { model: "", responseId: "embd-1" },
  ],
  [
    "cohere's",
    "cohere",
    {
      id: "i",
      embeddings: {
        float: [
          [0.5, -2],
          [1, 2],
        ],
      },
      texts: ["a", "b"],
      meta: { billed_units: { input_tokens: 7 } },
    },
    {},
    7,
    { model: "", responseId: "i" },
  ],
  [
    "ollama's",
    "ollama-native",
    {
      model: "nomic",
      embeddings: [
        [0.5, -2],
        [1, 2],
      ],
      prompt_eval_count: 7,
    },
    {},
    7,
    { model: "nomic", responseId: "" },
  ],
  [
    "gemini's, which count nothing",
    "gemini",
    { embeddings: [{ values: [0.5, -2] }, { values: [1, 2] }] },
    {},
    undefined,
    NOBODY,
  ],
  [
    "gemini's that count",
    "gemini",
    { embeddings: [{ values: [0.5, -2] }, { values: [1, 2] }], usageMetadata: { promptTokenCount: 7 } },
    {},
    7,
    NOBODY,
  ],
  [
    "vertex's predictions",
    "vertex",
    {
      predictions: [
        { embeddings: { statistics: { token_count: 3, truncated: false }, values: [0.5, -2] } },
        { embeddings: { statistics: { token_count: 4 }, values: [1, 2] } },
      ],
    },
    {},
    7,
    NOBODY,
  ],
  [
    "cohere's third on bedrock",
    "bedrock",
    {
      id: "i",
      embeddings: [
        [0.5, -2],
        [1, 2],
      ],
      response_type: "embeddings_floats",
    },
    { "x-amzn-bedrock-input-token-count": "7" },
    7,
    NOBODY,
  ],
  [
    "cohere's fourth on bedrock",
    "bedrock",
    {
      embeddings: {
        float: [
          [0.5, -2],
          [1, 2],
        ],
      },
    },
    {},
    undefined,
    NOBODY,
  ],
];

test.each(answers)("reads %s", (_, preset, body, headers, tokens, more) => {
  expect(embedderOf(preset).decode({ headers, body: JSON.stringify(body) }, 2)).toEqual({
    vectors: [
      [0.5, -2],
      [1, 2],
    ],
    usage: tokens === undefined ? undefined : { $typeName: "sluice.v1.Usage", inputTokens: tokens, estimated: false },
    ...more,
  });
});

test.each<[string, string, unknown]>([
  ["titan's", "bedrock", { embedding: [0.5], inputTextTokenCount: 7 }],
  ["nova's", "bedrock", { embeddings: [{ embeddingType: "TEXT", embedding: [0.5] }], inputTokenCount: 7 }],
  ["vertex's embedContent", "vertex", { embedding: { values: [0.5] }, usageMetadata: { promptTokenCount: 7 } }],
])("reads %s one vector", (_, preset, body) => {
  const { vectors, usage } = embedderOf(preset).decode({ headers: {}, body: JSON.stringify(body) }, 1);
  expect([vectors, usage?.inputTokens]).toEqual([[[0.5]], 7]);
});

describe("an answer is malformed", () => {
  function reasonOf(preset: string, body: string, texts = 2): ErrorReason | undefined {
    try {
      embedderOf(preset).decode({ headers: {}, body }, texts);
      return undefined;
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      return error.reason;
    }
  }

  test.each<[string, unknown]>([
    ["with too few vectors", { data: [{ index: 0, embedding: [1] }] }],
    ["with a gap", { data: [{ index: 1, embedding: [1] }] }],
    ["with too many", { data: [{ embedding: [1] }, { embedding: [1] }, { embedding: [1] }] }],
    [
      "with one place taken twice",
      {
        data: [
          { index: 0, embedding: [1] },
          { index: 0, embedding: [1] },
        ],
      },
    ],
    ["with vectors of two sizes", { data: [{ embedding: [1] }, { embedding: [1, 2] }] }],
    ["with an empty vector", { data: [{ embedding: [] }, { embedding: [] }] }],
    ["with something else than numbers", { data: [{ embedding: [1] }, { embedding: [null] }] }],
    ["with a number beyond 32 bits", { data: [{ embedding: [1] }, { embedding: [1e39] }] }],
    ["with base64 that is cut", { data: [{ embedding: [1] }, { embedding: "AAA=" }] }],
    ["with base64 of what is no number", { data: [{ embedding: [1] }, { embedding: "AADAfw==" }] }],
    ["without vectors", {}],
  ])("%s", (_, body) => {
    expect(reasonOf("openai", JSON.stringify(body))).toBe(UPSTREAM_MALFORMED);
  });

  test.each(["openai", "cohere", "ollama-native", "gemini", "vertex", "bedrock"])(
    "at %s, where it is no JSON or anything",
    (preset) => {
      for (const body of [
        "",
        "<html>",
        "null",
        "[]",
        "1",
        '{"embeddings":1}',
        '{"embeddings":{"float":{}}}',
        '{"predictions":[1,2]}',
      ]) {
        expect([body, reasonOf(preset, body)]).toEqual([body, UPSTREAM_MALFORMED]);
      }
    },
  );
});

test.each<[string, unknown]>([
  ["openai", { error: { message: "slow down", type: "rate_limit_exceeded" } }],
  ["ollama-native", { error: "model 'x' not found" }],
])("an error of %s in a success is explained", (preset, body) => {
  expect(() => embedderOf(preset).decode({ headers: {}, body: JSON.stringify(body) }, 1)).toThrow(
    /failed while it answered/,
  );
});

test("the limits of a request are data", () => {
  const texts = (preset: string, model: string): number => embedderOf(preset).limits(model).texts;
  expect({
    openai: texts("openai", "m"),
    mistral: texts("mistral", "m"),
    alibaba: texts("alibaba", "m"),
    cohere: texts("cohere", "m"),
    gemini: texts("gemini", "m"),
    vertex: texts("vertex", "text-embedding-005"),
    vertexGemini: texts("vertex", "gemini-embedding-001"),
    titan: texts("bedrock", "amazon.titan-embed-text-v2:0"),
    bedrockCohere: texts("bedrock", "cohere.embed-v4:0"),
  }).toEqual({
    openai: 2048,
    mistral: 32,
    alibaba: 10,
    cohere: 96,
    gemini: 100,
    vertex: 250,
    vertexGemini: 1,
    titan: 1,
    bedrockCohere: 96,
  });
});

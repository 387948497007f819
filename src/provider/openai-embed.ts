/** Vectors of OpenAI and its many relatives: chat completions and responses share them. */

import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { BatchLimits, Embedded, Embedder } from "./dialect.ts";
import {
  addEmbedOptions,
  embedRequest,
  malformedVectors,
  readVectors,
  refuseDimensions,
  refusePurpose,
  textUsage,
} from "./embedding.ts";
import { asArray, asCount, asRecord, asString, parseJson } from "./json.ts";
import { explainInAnswer, isError } from "./openai-errors.ts";

/** What `provider_options` may not set: the contract says it, or the answer could not be read. */
const RESERVED = new Set(["model", "input", "encoding_format"]);

/** How servers differ in vectors. */
interface EmbedQuirks {
  readonly limits: BatchLimits;
  readonly dimensionsField: "dimensions" | "output_dimension";
  /** Models of one size. */
  readonly fixedSize: RegExp | undefined;
  /** Numbers come as base64, which takes a third of the bytes, and less time to read. */
  readonly base64: boolean;
}

/** Suits an unknown server: most take as many texts as OpenAI does. */
const defaults: EmbedQuirks = {
  limits: { texts: 2048, tokens: 250_000 },
  dimensionsField: "dimensions",
  fixedSize: undefined,
  base64: false,
};

/** "All embedding models enforce a maximum of 300,000 tokens summed across all inputs in a single request." */
const openai: EmbedQuirks = { ...defaults, fixedSize: /text-embedding-ada/, base64: true };

/** A provider that has no vectors. */
const NONE = "none";

/**
 * Quirks by preset. Sources: each provider's API reference, 2026-11; for Mistral's limits of a request (inputs, and
 * 16 384 tokens) also LangChain's and the AI SDK's clients; Alibaba's "text-embedding-v4: at most 10 texts".
 */
const quirksByPreset: Readonly<Record<string, EmbedQuirks | typeof NONE>> = {
  openai,
  "openai-responses": openai,
  "azure-openai": openai,
  "azure-openai-responses": openai,
  mistral: {
    ...defaults,
    limits: { texts: 32, tokens: 14_000 },
    dimensionsField: "output_dimension",
    fixedSize: /^mistral-embed/,
  },
  alibaba: { ...defaults, limits: { texts: 10, tokens: 80_000 }, fixedSize: /text-embedding-v[12]$/ },
  groq: NONE,
  deepseek: NONE,
  cerebras: NONE,
  moonshot: NONE,
};

/** How the preset's servers make vectors; undefined where they don't. Without a preset, as the standard has it. */
export function openAiEmbedderFor(preset: string | undefined): Embedder | undefined {
  const quirks = (preset === undefined ? undefined : quirksByPreset[preset]) ?? defaults;
  return quirks === NONE ? undefined : createEmbedder(quirks);
}

function createEmbedder({ limits, dimensionsField, fixedSize, base64 }: EmbedQuirks): Embedder {
  return {
    limits: () => limits,
    encode(input, texts, target) {
      refusePurpose(input, target);
      if (fixedSize?.test(target.model) === true) refuseDimensions(input, target);
      const body: Record<string, unknown> = { model: target.model, input: texts };
      if (base64) body.encoding_format = "base64";
      if (input.dimensions !== undefined) body[dimensionsField] = input.dimensions;
      addEmbedOptions(body, input, RESERVED, target);
      return embedRequest("/embeddings", body);
    },
    decode,
  };
}

function decode({ body }: { readonly body: string }, texts: number): Embedded {
  const answer = asRecord(parseJson(body));
  if (answer !== undefined && isError(answer)) throw explainInAnswer(answer);
  const found = new Array<unknown>(texts).fill(undefined);
  for (const [at, item] of asArray(answer?.data).entries()) {
    const entry = asRecord(item);
    // In whatever order they come; servers that number none send them in order.
    const index = asCount(entry?.index) ?? at;
    if (index >= texts || found[index] !== undefined) throw malformedVectors(body);
    found[index] = toNumbers(entry?.embedding);
  }
  const usage = asRecord(answer?.usage);
  return {
    vectors: readVectors(found, texts, body),
    model: asString(answer?.model) ?? "",
    responseId: asString(answer?.id) ?? "",
    usage: textUsage(asCount(usage?.prompt_tokens) ?? asCount(usage?.total_tokens)),
  };
}

/** Numbers as a list, or as base64 of 32-bit floats, little end first. */
function toNumbers(embedding: unknown): unknown {
  if (typeof embedding !== "string") return embedding;
  const bytes = Buffer.from(embedding, "base64");
  if (bytes.length % 4 !== 0) {
    throw new GatewayError(ErrorReason.UPSTREAM_MALFORMED, "The upstream's vector is cut off. Try again.");
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, at) => view.getFloat32(at * 4, true));
}

import { createHash } from "node:crypto";
import { promptTokens } from "./answers.ts";
import type { Envelope } from "./completion.ts";
import { asCount, asFields, type ChatRequest, type EmbeddingWish, given, invalid } from "./request.ts";
import { piecesOf } from "./tokens.ts";

/** As OpenAI's API. */
const MAX_INPUTS = 2048;

const MAX_DIMENSIONS = 4096;

const DEFAULT_DIMENSIONS = 64;

/**
 * A request for vectors as one for an answer, so that every behaviour and fault plays for it too: its texts are messages of
 * the user. Throws an `ApiError` of status 400 that names the field at fault.
 */
export function parseEmbeddingRequest(body: unknown): ChatRequest {
  const fields = asFields(body, "body");
  if (typeof fields.model !== "string" || fields.model === "") throw invalid("model", "must be a non-empty string");
  const inputs = typeof fields.input === "string" ? [fields.input] : fields.input;
  if (!Array.isArray(inputs) || inputs.length === 0 || inputs.length > MAX_INPUTS || !inputs.every(isText)) {
    throw invalid("input", `must be a non-empty string, or 1 to ${MAX_INPUTS} of them`);
  }
  const dimensions = asCount(fields.dimensions, "dimensions", 1) ?? DEFAULT_DIMENSIONS;
  if (dimensions > MAX_DIMENSIONS) throw invalid("dimensions", `must be at most ${MAX_DIMENSIONS}`);
  const format = given(fields.encoding_format) ? fields.encoding_format : "float";
  if (format !== "float" && format !== "base64") throw invalid("encoding_format", "must be float or base64");
  return {
    model: fields.model,
    messages: inputs.map((text) => ({ role: "user", text, media: [], toolCalls: [], toolCallId: undefined })),
    stream: false,
    includeUsage: false,
    maxTokens: undefined,
    stop: [],
    tools: [],
    toolChoice: "none",
    parallelToolCalls: true,
    jsonSchema: undefined,
    logprobs: false,
    topLogprobs: 0,
    embedding: { inputs, dimensions, base64: format === "base64" },
  };
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

/** The JSON of a list of vectors, in parts. */
export function* embeddingParts({ model }: Envelope, request: ChatRequest, wish: EmbeddingWish): Generator<string> {
  yield '{"object":"list","data":[';
  for (const [index, input] of wish.inputs.entries()) {
    const vector = vectorOf(input, wish.dimensions);
    const embedding = wish.base64 ? Buffer.from(vector.buffer).toString("base64") : [...vector];
    yield `${index === 0 ? "" : ","}${JSON.stringify({ object: "embedding", index, embedding })}`;
  }
  const tokens = promptTokens(request);
  yield `],"model":${JSON.stringify(model)},"usage":${JSON.stringify({ prompt_tokens: tokens, total_tokens: tokens })}}`;
}

/** Always the same for a text, of length 1, and the nearer to another text's the more words they share. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const sum = new Float32Array(dimensions);
  for (const piece of piecesOf(text)) {
    const word = bytesOf(piece.trim().toLowerCase(), dimensions);
    for (let at = 0; at < dimensions; at++) sum[at] = (sum[at] ?? 0) + (word[at] ?? 0) - 127.5;
  }
  const length = Math.hypot(...sum);
  return sum.map((number) => number / length);
}

/** As many bytes as are wanted, made of a word. */
function bytesOf(word: string, count: number): Buffer {
  return createHash("shake256", { outputLength: count }).update(word).digest();
}

import { ApiError } from "./errors.ts";
import type { ChatRequest } from "./request.ts";
import { countTokens, each, listed, noPieces, type Pieces } from "./tokens.ts";

/** An answer before it is written as one body or as a stream of chunks. */
export interface Answer {
  readonly reasoning: Pieces;
  /** Compatible servers differ in what they call their reasoning. */
  readonly reasoningField: "reasoning_content" | "reasoning";
  readonly content: Pieces;
  readonly refusal: Pieces;
  readonly toolCalls: readonly ToolCall[];
  readonly finish: "stop" | "length" | "tool_calls";
  /** How many alternatives each token is given with; undefined means no log probabilities at all. */
  readonly topLogprobs: number | undefined;
  readonly usage: Usage;
}

export interface ToolCall {
  readonly id: string;
  readonly name: string;
  readonly arguments: Pieces;
}

export interface Usage {
  readonly prompt: number;
  readonly cached: number;
  readonly completion: number;
  readonly reasoning: number;
}

interface Parts {
  readonly reasoning?: Pieces;
  readonly reasoningField?: Answer["reasoningField"];
  readonly content?: Pieces;
  readonly refusal?: Pieces;
  readonly toolCalls?: readonly ToolCall[];
  readonly logprobs?: boolean;
  /** Prompt tokens read from a cache; counted on top of the request's own. */
  readonly cachedTokens?: number;
}

/** Stop sequences are looked for in the whole text, so only in texts that may be held whole. */
const maxPiecesWithStop = 100_000;

/**
 * Puts an answer together as the request limits it: `stop` ends the content, and reasoning and content share `max_completion_tokens`.
 * Refusals and tool calls are given whole.
 */
export function composeAnswer(request: ChatRequest, parts: Parts): Answer {
  const { reasoning = noPieces, content = noPieces, refusal = noPieces, toolCalls = [], cachedTokens = 0 } = parts;
  const budget = request.maxTokens ?? Number.POSITIVE_INFINITY;
  const thought = firstPieces(reasoning, budget);
  const stopped = cutAtStop(content, request.stop);
  const said = firstPieces(stopped, budget - thought.count);
  const cut = thought.count < reasoning.count || said.count < stopped.count;
  const called = toolCalls.reduce((total, call) => total + call.arguments.count + countTokens(call.name), 0);
  return {
    reasoning: thought,
    reasoningField: parts.reasoningField ?? "reasoning_content",
    content: said,
    refusal,
    toolCalls,
    finish: cut ? "length" : toolCalls.length > 0 ? "tool_calls" : "stop",
    topLogprobs: request.logprobs || parts.logprobs === true ? request.topLogprobs : undefined,
    usage: {
      prompt: promptTokens(request) + cachedTokens,
      cached: cachedTokens,
      completion: thought.count + said.count + refusal.count + called,
      reasoning: thought.count,
    },
  };
}

function firstPieces(pieces: Pieces, most: number): Pieces {
  return pieces.count <= most ? pieces : { count: most, at: pieces.at };
}

function cutAtStop(content: Pieces, stop: readonly string[]): Pieces {
  if (stop.length === 0) return content;
  if (content.count > maxPiecesWithStop) throw new ApiError(400, "An answer this large cannot be searched for 'stop'.");
  const pieces = [...each(content)];
  const found = stop.map((word) => pieces.join("").indexOf(word)).filter((index) => index >= 0);
  if (found.length === 0) return content;
  return listed(cutAt(pieces, Math.min(...found)));
}

function cutAt(pieces: readonly string[], length: number): readonly string[] {
  const kept: string[] = [];
  let left = length;
  for (const piece of pieces) {
    if (left <= 0) break;
    kept.push(piece.slice(0, left));
    left -= piece.length;
  }
  return kept;
}

/** What a message costs besides its text, and what an image, audio or file costs whatever its size. */
const messageTokens = 4;
const mediaTokens = 85;

/** The tokens of a request: its texts and tools, 4 for each message and 85 for each image, audio or file. */
export function promptTokens(request: ChatRequest): number {
  let total = 0;
  for (const { text, media } of request.messages) {
    total += messageTokens + countTokens(text) + media.length * mediaTokens;
  }
  for (const tool of request.tools) total += countTokens(JSON.stringify(tool));
  return total;
}

export function usageFields({ prompt, cached, completion, reasoning }: Usage) {
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    prompt_tokens_details: { cached_tokens: cached, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoning,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** The log probability of one token, made up but always the same; alternatives are less likely the later they come. */
export function logprobOf(token: string, alternatives: number) {
  const own = { token, logprob: -0.25, bytes: [...Buffer.from(token)] };
  const top = Array.from({ length: alternatives }, (_, index) => {
    if (index === 0) return own;
    const other = `${token}${index}`;
    return { token: other, logprob: -0.25 - index, bytes: [...Buffer.from(other)] };
  });
  return { ...own, top_logprobs: top };
}

import type { Usage } from "../../domain/contract.ts";
import { asCount, asRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/**
 * Reads a usage object in the contract's sense: output includes reasoning. Cached tokens hide under four names:
 * `prompt_tokens_details.cached_tokens` (OpenAI and most), `cached_tokens` (Moonshot, Together), `num_cached_tokens`
 * (Mistral) and `prompt_cache_hit_tokens` (DeepSeek); written ones under two: `cache_write_tokens` (OpenAI, OpenRouter) and
 * `cache_creation_input_tokens` (Alibaba). Seen in recorded answers up to 2026-11; the last by Alibaba's docs.
 */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asRecord(value);
  const input = asCount(usage?.prompt_tokens);
  const output = asCount(usage?.completion_tokens);
  if (usage === undefined || (input === undefined && output === undefined)) return undefined;
  const inputDetails = asRecord(usage.prompt_tokens_details);
  const outputDetails = asRecord(usage.completion_tokens_details);
  const reasoning = asCount(outputDetails?.reasoning_tokens);
  const cacheRead =
    asCount(inputDetails?.cached_tokens) ??
    asCount(usage.cached_tokens) ??
    asCount(usage.num_cached_tokens) ??
    asCount(usage.prompt_cache_hit_tokens);
  const cacheWrite = asCount(inputDetails?.cache_write_tokens) ?? asCount(inputDetails?.cache_creation_input_tokens);
  // Assigned one by one: this runs for every call, and spreading objects of one field each costs ten times more.
  const read: Usage = { $typeName: "sluice.v1.Usage", estimated: false };
  setCount(read, "inputTokens", input);
  setCount(read, "cacheReadTokens", cacheRead);
  setCount(read, "cacheWriteTokens", cacheWrite);
  setCount(read, "outputTokens", withReasoning(input, output, reasoning, asCount(usage.total_tokens)));
  setCount(read, "reasoningTokens", reasoning);
  setCount(read, "inputAudioTokens", asCount(inputDetails?.audio_tokens));
  setCount(read, "outputAudioTokens", asCount(outputDetails?.audio_tokens));
  setCount(read, "inputImageTokens", asCount(inputDetails?.image_tokens));
  setCount(read, "outputImageTokens", asCount(outputDetails?.image_tokens));
  return read;
}

/** xAI counts reasoning beside `completion_tokens`, the others inside; the total tells which (2026-11). */
function withReasoning(
  input: number | undefined,
  output: number | undefined,
  reasoning: number | undefined,
  total: number | undefined,
): number | undefined {
  if (output === undefined || reasoning === undefined || reasoning === 0) return output;
  return total !== undefined && total === (input ?? 0) + output + reasoning ? output + reasoning : output;
}

import type { Usage } from "../../domain/contract.ts";
import { asCount, asRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/**
 * Reads a usage object in the contract's sense. `tokens` counts what the model saw and wrote; `billed_units` is
 * another measure, see below. Tokens of pictures come beside `input_tokens`: 34 and 259, of which 267 were billed.
 * Reasoning is inside `output_tokens`. Source: API reference, "Chat", and recorded answers, 2026-11.
 */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asRecord(value);
  const tokens = asRecord(usage?.tokens);
  const input = asCount(tokens?.input_tokens);
  const output = asCount(tokens?.output_tokens);
  if (usage === undefined || tokens === undefined || (input === undefined && output === undefined)) return undefined;
  const images = asCount(tokens.image_tokens);
  const cached = asCount(usage.cached_tokens);
  const reasoning = asCount(tokens.reasoning_tokens);
  const read: Usage = { $typeName: "sluice.v1.Usage", estimated: false };
  setCount(read, "inputTokens", input === undefined ? undefined : input + (images ?? 0));
  setCount(read, "inputImageTokens", images);
  setCount(read, "cacheReadTokens", cached);
  setCount(read, "outputTokens", output);
  setCount(read, "reasoningTokens", reasoning);
  return read;
}

/**
 * Reads what is billed: the words of the prompt and of the answer, without those that Cohere puts around them, and
 * without a discount for cached ones. Undefined where it does not say both. Source: API reference, "Chat", and
 * recorded answers, 2026-11.
 */
export function readBilled(value: unknown): Usage | undefined {
  const units = asRecord(asRecord(value)?.billed_units);
  const inputTokens = asCount(units?.input_tokens);
  const outputTokens = asCount(units?.output_tokens);
  if (inputTokens === undefined || outputTokens === undefined) return undefined;
  return { $typeName: "sluice.v1.Usage", estimated: false, inputTokens, outputTokens };
}

import type { Usage } from "../../domain/contract.ts";
import { asCount, asRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/** Reads a usage object. Its totals include their parts already, at all recorded servers (2026-11). */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asRecord(value);
  const input = asCount(usage?.input_tokens);
  const output = asCount(usage?.output_tokens);
  if (usage === undefined || (input === undefined && output === undefined)) return undefined;
  const inputDetails = asRecord(usage.input_tokens_details);
  const outputDetails = asRecord(usage.output_tokens_details);
  const read: Usage = { $typeName: "sluice.v1.Usage", estimated: false };
  setCount(read, "inputTokens", input);
  setCount(read, "cacheReadTokens", asCount(inputDetails?.cached_tokens));
  setCount(read, "cacheWriteTokens", asCount(inputDetails?.cache_write_tokens));
  setCount(read, "outputTokens", output);
  setCount(read, "reasoningTokens", asCount(outputDetails?.reasoning_tokens));
  setCount(read, "inputAudioTokens", asCount(inputDetails?.audio_tokens));
  setCount(read, "outputAudioTokens", asCount(outputDetails?.audio_tokens));
  setCount(read, "inputImageTokens", asCount(inputDetails?.image_tokens));
  setCount(read, "outputImageTokens", asCount(outputDetails?.image_tokens));
  return read;
}

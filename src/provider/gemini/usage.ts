import type { Usage } from "../../domain/contract.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/**
 * `usageMetadata`, if it counts something: Vertex sends it with its kind of traffic alone on every chunk but the last
 * (2025-08).
 */
export function asCounted(value: unknown): JsonRecord | undefined {
  const usage = asRecord(value);
  const counted =
    asCount(usage?.promptTokenCount) ?? asCount(usage?.candidatesTokenCount) ?? asCount(usage?.thoughtsTokenCount);
  return counted === undefined ? undefined : usage;
}

/**
 * Reads `usageMetadata` in the contract's sense: output includes the thoughts, which the wire counts beside the
 * candidates; input includes what the provider's own tools put into the prompt, which it counts beside, too.
 */
export function readUsage(usage: JsonRecord): Usage {
  const input = asCount(usage.promptTokenCount);
  const candidates = asCount(usage.candidatesTokenCount);
  const reasoning = asCount(usage.thoughtsTokenCount);
  const ofTools = asCount(usage.toolUsePromptTokenCount);
  const read: Usage = { $typeName: "sluice.v1.Usage", estimated: false };
  setCount(read, "inputTokens", sum(input, ofTools));
  setCount(read, "cacheReadTokens", asCount(usage.cachedContentTokenCount));
  setCount(read, "outputTokens", sum(candidates, reasoning));
  setCount(read, "reasoningTokens", reasoning);
  for (const [key, lists, modality] of MODALITIES) setCount(read, key, countOf(usage, lists, modality));
  return read;
}

const PROMPT = ["promptTokensDetails", "toolUsePromptTokensDetails"];
const ANSWER = ["candidatesTokensDetails"];

const MODALITIES = [
  ["inputImageTokens", PROMPT, "IMAGE"],
  ["inputAudioTokens", PROMPT, "AUDIO"],
  ["outputImageTokens", ANSWER, "IMAGE"],
  ["outputAudioTokens", ANSWER, "AUDIO"],
] as const;

/** Tokens of a modality in these lists; undefined where none names it. */
function countOf(usage: JsonRecord, lists: readonly string[], modality: string): number | undefined {
  let total: number | undefined;
  for (const list of lists) {
    for (const item of asArray(usage[list])) {
      const detail = asRecord(item);
      if (asString(detail?.modality) === modality) total = sum(total, asCount(detail?.tokenCount));
    }
  }
  return total;
}

function sum(first: number | undefined, second: number | undefined): number | undefined {
  return first === undefined ? second : first + (second ?? 0);
}

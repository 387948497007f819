import type { Usage } from "../../domain/contract.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/**
 * Reads `usageMetadata` in the contract's sense: output includes the thoughts, which the wire counts beside the
 * candidates; input includes what the provider's own tools put into the prompt, which it counts beside, too. Undefined
 * where it counts nothing: Vertex sends it with its kind of traffic alone on every chunk but the last (2025-08).
 */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asRecord(value);
  if (usage === undefined) return undefined;
  const input = asCount(usage.promptTokenCount);
  const candidates = asCount(usage.candidatesTokenCount);
  const reasoning = asCount(usage.thoughtsTokenCount);
  if (input === undefined && candidates === undefined && reasoning === undefined) return undefined;
  const ofTools = asCount(usage.toolUsePromptTokenCount);
  // Assigned one by one: this runs for every chunk, and spreading objects of one field each costs ten times more.
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

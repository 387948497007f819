import type { Usage } from "../../domain/contract.ts";
import { asCount, type JsonRecord } from "../json.ts";

/**
 * Reads the counts of a last chunk. `prompt_eval_count` includes cached tokens, which newer versions count;
 * `eval_count` includes thinking, which is not counted apart. A count of 0 may be left out.
 * Source: Ollama API reference and recorded answers, 2026-11.
 */
export function readUsage(chunk: JsonRecord): Usage | undefined {
  const input = asCount(chunk.prompt_eval_count);
  const output = asCount(chunk.eval_count);
  const cached = asCount(chunk.prompt_eval_cached_count);
  if (input === undefined && output === undefined) return undefined;
  return {
    $typeName: "sluice.v1.Usage",
    estimated: false,
    ...(input === undefined ? {} : { inputTokens: input }),
    ...(cached === undefined ? {} : { cacheReadTokens: cached }),
    ...(output === undefined ? {} : { outputTokens: output }),
  };
}

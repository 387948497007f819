import type { Usage } from "../../domain/contract.ts";
import { asArray, asCount, asRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/**
 * Reads a `TokenUsage` in the contract's sense. Cached tokens are beside `inputTokens`, not inside; `cacheDetails` says
 * how long those written are kept. Tokens of reasoning are inside `outputTokens` and not told apart.
 */
export function readUsage(value: unknown): Usage | undefined {
  const usage = asRecord(value);
  const input = asCount(usage?.inputTokens);
  const output = asCount(usage?.outputTokens);
  if (usage === undefined || (input === undefined && output === undefined)) return undefined;
  const read: Usage = { $typeName: "sluice.v1.Usage", estimated: false };
  const cacheRead = asCount(usage.cacheReadInputTokens);
  const cacheWrite = asCount(usage.cacheWriteInputTokens);
  setCount(read, "inputTokens", input === undefined ? undefined : input + (cacheRead ?? 0) + (cacheWrite ?? 0));
  setCount(read, "cacheReadTokens", cacheRead);
  setCount(read, "cacheWriteTokens", cacheWrite);
  setCount(read, "outputTokens", output);
  const forAnHour = writtenForAnHour(usage.cacheDetails);
  setCount(read, "cacheWrite1hTokens", forAnHour > 0 ? forAnHour : undefined);
  return read;
}

function writtenForAnHour(details: unknown): number {
  let tokens = 0;
  for (const item of asArray(details)) {
    const detail = asRecord(item);
    if (detail?.ttl === "1h") tokens += asCount(detail.inputTokens) ?? 0;
  }
  return tokens;
}

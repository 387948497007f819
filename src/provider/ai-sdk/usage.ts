import type { Usage } from "../../domain/contract.ts";
import { asCount, asRecord } from "../json.ts";
import { setCount } from "../usage-count.ts";

/** What an answer says of its tokens; undefined where it says nothing. */
export function readUsage(value: unknown): Usage | undefined {
  const said = asRecord(value);
  const input = asRecord(said?.inputTokens) ?? {};
  const output = asRecord(said?.outputTokens) ?? {};
  const usage: Usage = { $typeName: "sluice.v1.Usage", estimated: false };
  setCount(usage, "inputTokens", asCount(input.total));
  setCount(usage, "cacheReadTokens", asCount(input.cacheRead));
  setCount(usage, "cacheWriteTokens", asCount(input.cacheWrite));
  setCount(usage, "outputTokens", asCount(output.total));
  setCount(usage, "reasoningTokens", asCount(output.reasoning));
  return usage.inputTokens === undefined && usage.outputTokens === undefined ? undefined : usage;
}

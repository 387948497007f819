import { ReasoningEffort } from "../domain/contract.ts";

/** OpenAI's words for efforts, in chat completions and responses. */
export const effortWords: readonly (readonly [ReasoningEffort, string])[] = [
  [ReasoningEffort.NONE, "none"],
  [ReasoningEffort.MINIMAL, "minimal"],
  [ReasoningEffort.LOW, "low"],
  [ReasoningEffort.MEDIUM, "medium"],
  [ReasoningEffort.HIGH, "high"],
  [ReasoningEffort.XHIGH, "xhigh"],
];

import { pickFields, readTokens } from "../counting.ts";
import type { PromptCounter } from "../dialect.ts";
import { encode } from "./encode.ts";
import type { Quirks } from "./quirks.ts";

/** Source: OpenAI API reference, "Get input token counts", and its client's types, read 2026-11. */
const FIELDS = [
  "model",
  "input",
  "instructions",
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "text",
  "reasoning",
  "conversation",
  "previous_response_id",
  "truncation",
];

/** Counts by OpenAI; its relatives are not known to. */
export function counterOf(quirks: Quirks): PromptCounter | undefined {
  if (!quirks.counts) return undefined;
  return {
    encode(prompt, target) {
      const whole = encode(prompt, target, "unary", quirks);
      return { ...whole, path: "/responses/input_tokens", body: JSON.stringify(pickFields(whole, FIELDS)) };
    },
    decode: (answer) => readTokens(answer, "input_tokens"),
  };
}

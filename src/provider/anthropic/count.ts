import { pickFields, readTokens } from "../counting.ts";
import type { PromptCounter } from "../dialect.ts";
import { encode } from "./encode.ts";
import type { Quirks } from "./quirks.ts";

/** Others are refused. Source: Claude API reference, "Count tokens in a Message", read 2026-11. */
const FIELDS = [
  "anthropic_version",
  "anthropic_beta",
  "messages",
  "system",
  "tools",
  "tool_choice",
  "thinking",
  "output_config",
  "cache_control",
  "context_management",
  "mcp_servers",
  "speed",
];

/** Counts by Anthropic, and by Vertex AI ("Count tokens for Claude models", read 2026-11). */
export function counterOf(quirks: Quirks): PromptCounter {
  return {
    encode(prompt, target) {
      const whole = encode(prompt, target, "unary", quirks);
      return {
        ...whole,
        path: quirks.countPath,
        body: JSON.stringify({ model: target.model, ...pickFields(whole, FIELDS) }),
      };
    },
    decode: (answer) => readTokens(answer, "input_tokens"),
  };
}

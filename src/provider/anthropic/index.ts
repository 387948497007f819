import { takesPrefill } from "../claude-prefill.ts";
import type { Dialect } from "../dialect.ts";
import { counterOf } from "./count.ts";
import { AnthropicDecoder } from "./decode.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";
import { defaultQuirks, type Quirks, quirksByPreset } from "./quirks.ts";
import { DIALECT } from "./wire-types.ts";

/** Anthropic's messages, as its own API and the clouds that serve its models speak them. */
function createAnthropic(quirks: Quirks): Dialect {
  return {
    name: DIALECT,
    framing: "sse",
    encode: (prompt, target, delivery) => encode(prompt, target, delivery, quirks),
    createDecoder: (options) => new AnthropicDecoder(options),
    explain,
    counter: counterOf(quirks),
    continuation: (model) => (takesPrefill(model) ? { echoes: false } : undefined),
  };
}

/** The dialect as a preset's servers speak it; without a preset, as Anthropic does. */
export function anthropicFor(preset: string | undefined): Dialect {
  return createAnthropic((preset === undefined ? undefined : quirksByPreset[preset]) ?? defaultQuirks);
}

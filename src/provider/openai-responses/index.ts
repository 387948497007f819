import type { Dialect } from "../dialect.ts";
import { DIALECT, OpenAiResponsesDecoder } from "./decode.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";
import { defaultQuirks, type Quirks, quirksByPreset } from "./quirks.ts";

/** OpenAI's responses, asked for without leaving anything at the provider. */
function createOpenAiResponses(quirks: Quirks): Dialect {
  return {
    name: DIALECT,
    framing: "sse",
    encode: (prompt, target, delivery) => encode(prompt, target, delivery, quirks),
    createDecoder: (options) => new OpenAiResponsesDecoder(options, quirks.stateName),
    explain,
  };
}

/** The dialect as a preset's servers speak it; without a preset, as the standard has it. */
export function openAiResponsesFor(preset: string | undefined): Dialect {
  return createOpenAiResponses((preset === undefined ? undefined : quirksByPreset[preset]) ?? defaultQuirks);
}

import type { Dialect } from "../dialect.ts";
import { counterOf } from "./count.ts";
import { DIALECT, OpenAiResponsesDecoder } from "./decode.ts";
import { embedderFor } from "./embed.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";
import { defaultQuirks, type Quirks, quirksByPreset } from "./quirks.ts";

/** OpenAI's responses, asked for without leaving anything at the provider. */
function createOpenAiResponses(quirks: Quirks, embedder: Dialect["embedder"]): Dialect {
  return {
    name: DIALECT,
    framing: "sse",
    encode: (prompt, target, delivery) => encode(prompt, target, delivery, quirks),
    createDecoder: (options) => new OpenAiResponsesDecoder(options, quirks.stateName),
    explain,
    embedder,
    counter: counterOf(quirks),
  };
}

/** The dialect as a preset's servers speak it; without a preset, as the standard has it. */
export function openAiResponsesFor(preset: string | undefined): Dialect {
  const quirks = (preset === undefined ? undefined : quirksByPreset[preset]) ?? defaultQuirks;
  return createOpenAiResponses(quirks, embedderFor(preset));
}

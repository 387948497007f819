import type { Dialect } from "../dialect.ts";
import { counterOf } from "./count.ts";
import { GeminiDecoder } from "./decode.ts";
import { embedderOf } from "./embed.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";
import { type Flavour, flavourByPreset, gemini } from "./quirks.ts";
import { DIALECT } from "./state.ts";

/** Google's generateContent, as the Gemini API and Vertex AI speak it. */
function createGemini(flavour: Flavour): Dialect {
  return {
    name: DIALECT,
    framing: "sse-or-json",
    encode: (prompt, target, delivery) => encode(prompt, target, delivery, flavour),
    createDecoder: (options) => new GeminiDecoder(options),
    explain,
    embedder: embedderOf(flavour),
    counter: counterOf(flavour),
  };
}

/** The dialect as a preset's servers speak it; without a preset, as the Gemini API has it. */
export function geminiFor(preset: string | undefined): Dialect {
  return createGemini((preset === undefined ? undefined : flavourByPreset[preset]) ?? gemini);
}

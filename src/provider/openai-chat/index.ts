import type { Dialect } from "../dialect.ts";
import { type ChatContinuation, continuationFor } from "./continuation.ts";
import { DIALECT, OpenAiChatDecoder } from "./decode.ts";
import { embedderFor } from "./embed.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";
import { defaultQuirks, type Quirks, quirksByPreset } from "./quirks.ts";

/** OpenAI's chat completions, as OpenAI and many others speak it. */
function createOpenAiChat(
  quirks: Quirks,
  embedder: Dialect["embedder"],
  continuation: (model: string) => ChatContinuation | undefined,
): Dialect {
  return {
    name: DIALECT,
    framing: "sse",
    encode: (prompt, target, delivery, continues) =>
      encode(prompt, target, delivery, quirks, continues === true ? continuation(target.model) : undefined),
    createDecoder: (options) => new OpenAiChatDecoder(options),
    explain,
    embedder,
    continuation,
  };
}

/** The dialect as a preset's servers speak it; without a preset, as the standard has it. */
export function openAiChatFor(preset: string | undefined): Dialect {
  const quirks = (preset === undefined ? undefined : quirksByPreset[preset]) ?? defaultQuirks;
  return createOpenAiChat(quirks, embedderFor(preset), continuationFor(preset));
}

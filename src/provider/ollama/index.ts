import type { Dialect } from "../dialect.ts";
import { DIALECT, OllamaDecoder } from "./decode.ts";
import { embedder } from "./embed.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";

/** Ollama's own chat, as its servers and ollama.com speak it. */
export const ollama: Dialect = {
  name: DIALECT,
  framing: "json-lines",
  encode,
  createDecoder: (options) => new OllamaDecoder(options),
  explain,
  embedder,
  // Its parsers take a last message of the assistant for the beginning of the answer (ollama issues 5890 and 6778, and
  // `AddImplicitStartOrPrefill` in its sources, read 2026-11).
  continuation: () => ({ echoes: false }),
};

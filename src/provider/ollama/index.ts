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
};

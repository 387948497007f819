import type { Dialect } from "../dialect.ts";
import { CohereDecoder, DIALECT } from "./decode.ts";
import { embedder } from "./embed.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";

/** Cohere's chat, version 2. */
export const cohere: Dialect = {
  name: DIALECT,
  framing: "sse",
  encode,
  createDecoder: (options) => new CohereDecoder(options),
  explain,
  embedder,
};

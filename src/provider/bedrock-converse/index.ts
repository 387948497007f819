import { takesPrefill } from "../claude-prefill.ts";
import type { Dialect } from "../dialect.ts";
import { counter } from "./count.ts";
import { BedrockConverseDecoder } from "./decode.ts";
import { embedder } from "./embed.ts";
import { encode } from "./encode.ts";
import { explain } from "./explain.ts";
import { DIALECT } from "./wire-types.ts";

/** Amazon Bedrock's Converse and ConverseStream. */
export const bedrockConverse: Dialect = {
  name: DIALECT,
  framing: "aws-event-stream",
  encode,
  createDecoder: (options) => new BedrockConverseDecoder(options),
  explain,
  embedder,
  counter,
  continuation: (model) => (takesPrefill(model) ? { echoes: false } : undefined),
};

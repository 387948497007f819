/** What is fuzzed: each dialect, and right answers to begin with. */
import { Buffer } from "node:buffer";
import { anthropicFor } from "../../src/provider/anthropic/index.ts";
import { bedrockConverse } from "../../src/provider/bedrock-converse/index.ts";
import { cohere } from "../../src/provider/cohere/index.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import { geminiFor } from "../../src/provider/gemini/index.ts";
import { ollama } from "../../src/provider/ollama/index.ts";
import { openAiChatFor } from "../../src/provider/openai-chat/index.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import { readExchanges } from "../exchanges/exchanges.ts";
import type { Seed } from "./mutate.ts";

export interface Fuzzed {
  readonly dialect: Dialect;
  readonly api: string;
}

export const dialects: Readonly<Record<string, Fuzzed>> = {
  "openai-chat": { dialect: openAiChatFor(undefined), api: "openai.chat" },
  "openai-responses": { dialect: openAiResponsesFor(undefined), api: "openai.responses" },
  anthropic: { dialect: anthropicFor(undefined), api: "anthropic.messages" },
  gemini: { dialect: geminiFor(undefined), api: "gemini.generateContent" },
  "bedrock-converse": { dialect: bedrockConverse, api: "bedrock.converse" },
  cohere: { dialect: cohere, api: "cohere.v2.chat" },
  ollama: { dialect: ollama, api: "ollama.chat" },
};

/** Recorded answers, the longest left out: what they have, shorter ones have too. */
export function readSeeds({ api }: Fuzzed): Seed[] {
  return readExchanges(api)
    .filter(({ body }) => body.length > 0 && body.length <= 16_384)
    .map(({ body, body_format, status }) => ({
      body: Buffer.from(body),
      whole: body_format === "json" || body_format === "html",
      status,
    }));
}

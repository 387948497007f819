import { Buffer } from "node:buffer";
import type { Part, Prompt } from "../domain/contract.ts";
import { estimatePromptTokens } from "../pricing/estimate.ts";

/** What a picture, a sound or a document counts for where nothing better is known: about a page. */
const MEDIA_TOKENS = 1000;

/** Bytes of a token, about: of English four letters, of Chinese one and a third of its characters. */
const TOKEN_BYTES = 4;

/** Tokens of a prompt whose provider never said how many there were. */
export function countPromptTokens(prompt: Prompt, model: string): number {
  const { texts, mediaTokens } = readPrompt(prompt);
  return mediaTokens + estimatePromptTokens(texts, model);
}

/** Tokens of a prompt by its bytes, for any model. A few microseconds, also for a long prompt. */
export function guessPromptTokens(prompt: Prompt): number {
  const { texts, mediaTokens } = readPrompt(prompt);
  let bytes = 0;
  for (const text of texts) bytes += Buffer.byteLength(text);
  return mediaTokens + Math.ceil(bytes / TOKEN_BYTES);
}

function readPrompt(prompt: Prompt): { readonly texts: readonly string[]; readonly mediaTokens: number } {
  const texts: string[] = [];
  let mediaTokens = 0;
  for (const { parts } of prompt.messages) for (const part of parts) mediaTokens += addPart(part, texts);
  for (const { name, description, parametersJsonSchema } of prompt.tools) {
    texts.push(`${name} ${description} ${parametersJsonSchema}`);
  }
  return { texts, mediaTokens };
}

/** Adds a part's text, and returns the tokens of what is no text. */
function addPart({ content }: Part, texts: string[]): number {
  switch (content.case) {
    case "text":
      texts.push(content.value);
      return 0;
    case "reasoning":
      texts.push(content.value.text);
      return 0;
    case "toolCall":
      texts.push(`${content.value.name} ${content.value.argumentsJson}`);
      return 0;
    case "toolResult": {
      let media = 0;
      for (const { content: piece } of content.value.parts) {
        if (piece.case === "text") texts.push(piece.value);
        else media += MEDIA_TOKENS;
      }
      return media;
    }
    case "image":
    case "audio":
    case "file":
      return MEDIA_TOKENS;
    case undefined:
      return 0;
  }
}

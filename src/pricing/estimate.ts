import { PieceCutter } from "./text-pieces.ts";
import { FAMILIES, OTHER_FAMILY, PIECE_TOKENS } from "./token-tables.ts";

/** Counts the tokens of text that comes in parts, roughly: of recorded answers, nine in ten were within 10 %. */
export interface TokenCounter {
  /** Adds text as it comes: of an answer, of reasoning, or of a tool call's name and arguments. */
  add(text: string): void;
  /** Adds what a tool call costs besides its name and arguments. */
  addToolCall(): void;
  /** What was added so far; at least 1, if it was anything. */
  total(): number;
}

/** Keeps no text, and takes time in proportion to it, whatever it is: about 30 ms for a million characters. */
export function createTokenCounter(model: string): TokenCounter {
  const family = findFamily(model);
  let pieces = 0;
  let calls = 0;
  const cutter = new PieceCutter((kind, size) => {
    const { bySize, more } = PIECE_TOKENS[kind];
    pieces += bySize[size - 1] ?? (bySize.at(-1) ?? 1) + (size - bySize.length) * more;
  });
  return {
    add: (text) => cutter.push(text),
    addToolCall() {
      calls++;
    },
    total() {
      cutter.finish();
      return pieces === 0 && calls === 0 ? 0 : Math.max(1, Math.round(pieces * family.ratio + calls * family.toolCall));
    },
  };
}

/** How much of a text is looked at: so many samples, of so many characters each. */
interface Sampling {
  readonly samples: number;
  readonly length: number;
}

/** Less than a millisecond. */
const THOROUGH: Sampling = { samples: 64, length: 256 };

/** About 20 µs. */
const CHEAP: Sampling = { samples: 4, length: 128 };

/** Tokens that frame a message of a prompt. */
const MESSAGE_TOKENS = 4;

/** Estimates the tokens of a text as the tokenizer of the model would cut it; of a long one, from samples. */
export function estimateTokens(text: string, model: string): number {
  return estimateSampled([text], model, THOROUGH);
}

/**
 * Estimates the tokens of a prompt, given its texts: those of messages, tools and schemas, one for each. Looks at few
 * samples only, so that it is the rougher the more mixed the prompt is.
 */
export function estimatePromptTokens(texts: readonly string[], model: string): number {
  const tokens = estimateSampled(texts, model, CHEAP);
  return tokens === 0 ? 0 : tokens + texts.length * MESSAGE_TOKENS;
}

function estimateSampled(texts: readonly string[], model: string, sampling: Sampling): number {
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  if (length === 0) return 0;
  const sampled = sample(texts, length, sampling);
  const counter = createTokenCounter(model);
  counter.add(sampled);
  return Math.max(1, Math.round(counter.total() * (length / sampled.length)));
}

/** The whole, where it is short; else parts of it from places that are equally far from each other. */
function sample(texts: readonly string[], length: number, sampling: Sampling): string {
  if (length <= sampling.samples * sampling.length) return texts.join("");
  const parts: string[] = [];
  let before = 0;
  for (const text of texts) {
    while (parts.length < sampling.samples) {
      const start = Math.floor((length * (2 * parts.length + 1)) / (2 * sampling.samples)) - before;
      if (start >= text.length) break;
      parts.push(text.slice(start, start + sampling.length));
    }
    before += text.length;
  }
  return parts.join("");
}

function findFamily(model: string) {
  const name = model.toLowerCase();
  return FAMILIES.find((family) => name.includes(family.name)) ?? OTHER_FAMILY;
}

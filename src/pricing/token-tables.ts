import type { PieceKind } from "./text-pieces.ts";

/** Tokens of a piece by its size, from 1 up; and what each unit beyond the last size adds. */
interface PieceTokens {
  readonly bySize: readonly number[];
  readonly more: number;
}

/**
 * How many tokens a piece is, on average: measured in 2026-11 with OpenAI's o200k over 3.4 million characters, which were
 * English prose (nine tenths of the weight of plain words), code, JSON and twenty other languages.
 */
export const PIECE_TOKENS: Readonly<Record<PieceKind, PieceTokens>> = {
  word: {
    bySize: [0.9, 1, 1.04, 1.06, 1.12, 1.12, 1.15, 1.31, 1.39, 1.6, 1.54, 1.56, 1.69, 2.69, 3.05, 3.05],
    more: 0.22,
  },
  wordAfterSpace: {
    bySize: [1, 1, 1, 1, 1.01, 1.03, 1.03, 1.04, 1.07, 1.11, 1.19, 1.19, 1.2, 1.24, 1.26, 1.51],
    more: 0.2,
  },
  wordAfterMark: {
    bySize: [1, 0.61, 0.95, 1.38, 1.22, 1.34, 1.49, 1.64, 1.65, 1.8, 2.13, 2.13, 2.48, 2.84, 3.34, 4.13],
    more: 0.3,
  },
  capitals: { bySize: [1, 1, 1.34, 1.28, 1.79, 1.84, 2.06, 2.05, 2.5, 3.57, 2.35, 4, 4, 4, 4, 4], more: 0.2 },
  capitalsAfterSpace: {
    bySize: [1, 1, 1, 1.16, 1.31, 1.71, 1.37, 1.4, 1.3, 1.64, 1.31, 3.24, 3.24, 3.67, 3.67, 3.67],
    more: 0.2,
  },
  accented: {
    bySize: [0.86, 1.1, 1.24, 1.17, 1.27, 1.64, 1.91, 2.23, 2.4, 2.52, 2.48, 2.81, 3.36, 3.36, 3.36, 3.89],
    more: 0.47,
  },
  cyrillic: {
    bySize: [0.83, 1.03, 1.01, 1.04, 1.33, 1.46, 1.72, 2.11, 2.35, 2.69, 2.71, 2.86, 2.86, 3.35, 3.35, 3.35],
    more: 0.2,
  },
  digits: { bySize: [1, 1, 1], more: 0.33 },
  marks: { bySize: [0.99, 1.01, 1.2, 1.71, 2.14, 2.14, 3.2, 3.13], more: 0.02 },
  marksAfterSpace: { bySize: [1, 1, 1.03, 1.5, 1.74, 2.82, 2.65, 1.35], more: 0.07 },
  marksAtLineEnd: { bySize: [1, 1, 1, 1.09, 1.39, 1.79, 2.36, 2.67], more: 0.11 },
  spaces: { bySize: [1, 1.01, 1, 1, 1.02, 1.07, 1, 1.01], more: 0.02 },
  lines: { bySize: [1, 0.96, 0.99, 1, 1, 1, 1, 1], more: 0.08 },
  han: { bySize: [0.82, 1.42], more: 0.71 },
  kana: { bySize: [0.61, 1.09], more: 0.54 },
  hangul: { bySize: [0.53, 1.03], more: 0.51 },
  semitic: { bySize: [0.23, 1], more: 0.5 },
  indic: { bySize: [0.33, 1], more: 0.5 },
  astral: { bySize: [0.74, 2.42], more: 1.21 },
  symbol: { bySize: [0.79, 1.04], more: 0.52 },
};

/** How a family's tokenizer differs from o200k, by recorded answers up to 2026-11. */
interface Family {
  /** Occurs in the names of its models. */
  readonly name: string;
  /** Tokens for each of o200k's. */
  readonly ratio: number;
  /** Tokens of a tool call besides its name and arguments. */
  readonly toolCall: number;
}

/** The first whose name occurs counts. */
export const FAMILIES: readonly Family[] = [
  { name: "claude", ratio: 1.12, toolCall: 37 },
  { name: "gpt-oss", ratio: 1, toolCall: 16 },
  { name: "gpt", ratio: 1, toolCall: 11 },
  { name: "gemini", ratio: 1.02, toolCall: 6 },
  { name: "gemma", ratio: 1, toolCall: 6 },
  { name: "grok", ratio: 1, toolCall: 5 },
  { name: "deepseek", ratio: 1.03, toolCall: 25 },
  { name: "llama", ratio: 1.04, toolCall: 20 },
  { name: "qwen", ratio: 1.03, toolCall: 13 },
  { name: "stral", ratio: 1.03, toolCall: 4 },
  { name: "command", ratio: 1.08, toolCall: 36 },
  { name: "nova", ratio: 1.01, toolCall: 12 },
  { name: "titan", ratio: 1.01, toolCall: 12 },
];

export const OTHER_FAMILY: Family = { name: "", ratio: 1.03, toolCall: 12 };

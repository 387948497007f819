/**
 * How the simulator counts tokens: a run of up to six letters or digits is one, any other character is one, and white space
 * belongs to what follows. So short words are one token each, and long words one for every six letters.
 */
const piece = /\s*[\p{L}\p{N}_]{1,6}|\s*[^\s\p{L}\p{N}_]|\s+$/gu;

/** The tokens of a text; joined they are the text again. */
export function piecesOf(text: string): readonly string[] {
  return text.match(piece) ?? [];
}

export function countTokens(text: string): number {
  return piecesOf(text).length;
}

/** The pieces of an answer, one token each. Made one by one, so that an answer may be larger than memory. */
export interface Pieces {
  readonly count: number;
  readonly at: (index: number) => string;
}

export function listed(pieces: readonly string[]): Pieces {
  return { count: pieces.length, at: (index) => pieces[index] ?? "" };
}

export function* each(pieces: Pieces): Generator<string> {
  for (let index = 0; index < pieces.count; index++) yield pieces.at(index);
}

export const noPieces: Pieces = listed([]);

const words = "the water runs down from the hill past the gate and turns the wheel of the old mill by the lane".split(
  " ",
);
const spaced = words.map((word) => ` ${word}`);

/** A fixed text of `count` short words. */
export function fixedWords(count: number): Pieces {
  return { count, at: (index) => (index === 0 ? "The" : (spaced[index % spaced.length] ?? "")) };
}

/** A fixed ASCII text of `totalBytes`, in pieces of `pieceBytes` (the last may be shorter). */
export function fixedBytes(totalBytes: number, pieceBytes: number): Pieces {
  const whole = spaced
    .join("")
    .repeat(Math.ceil(pieceBytes / spaced.join("").length))
    .slice(0, pieceBytes);
  const last = totalBytes % pieceBytes;
  const count = Math.ceil(totalBytes / pieceBytes);
  return { count, at: (index) => (index === count - 1 && last > 0 ? whole.slice(0, last) : whole) };
}

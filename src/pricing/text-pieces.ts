/**
 * Kinds of pieces that text falls into, as the tokenizers of most models cut it before they look anything up: words with
 * the space or mark before them, groups of three digits, runs of marks, of spaces, of line feeds.
 */
export type PieceKind =
  | "word"
  | "wordAfterSpace"
  | "wordAfterMark"
  | "capitals"
  | "capitalsAfterSpace"
  | "accented"
  | "cyrillic"
  | "digits"
  | "marks"
  | "marksAfterSpace"
  | "marksAtLineEnd"
  | "spaces"
  | "lines"
  | "han"
  | "kana"
  | "hangul"
  | "semitic"
  | "indic"
  | "astral"
  | "symbol";

type LetterClass = "lower" | "upper" | "accented" | "cyrillic";
type SingleClass = "han" | "kana" | "hangul" | "semitic" | "indic" | "astral" | "symbol";
type CharacterClass = LetterClass | SingleClass | "digit" | "space" | "line" | "mark";

const ASCII: readonly CharacterClass[] = Array.from({ length: 128 }, (_, code) => {
  const character = String.fromCharCode(code);
  if (/[a-z]/.test(character)) return "lower";
  if (/[A-Z]/.test(character)) return "upper";
  if (/[0-9]/.test(character)) return "digit";
  if (/[\r\n]/.test(character)) return "line";
  return /\s/.test(character) ? "space" : "mark";
});

/** Classes of what is beyond ASCII, by the first code unit after each range. */
const RANGES: readonly (readonly [end: number, CharacterClass])[] = [
  [0xc0, "symbol"],
  [0x300, "accented"],
  [0x370, "symbol"],
  [0x590, "cyrillic"],
  [0x900, "semitic"],
  [0x1100, "indic"],
  [0x1200, "hangul"],
  [0x1e00, "indic"],
  [0x1f00, "accented"],
  [0x2000, "cyrillic"],
  [0x3040, "symbol"],
  [0x3100, "kana"],
  [0x3400, "symbol"],
  [0xa000, "han"],
  [0xac00, "symbol"],
  [0xd7b0, "hangul"],
  [0xe000, "astral"],
  [0xf900, "symbol"],
  [0xfb00, "han"],
  [0x10000, "symbol"],
];

function classOf(code: number): CharacterClass {
  if (code < 128) return ASCII[code] ?? "mark";
  for (const [end, found] of RANGES) if (code < end) return found;
  return "symbol";
}

const LETTERS: ReadonlySet<PieceKind> = new Set([
  "word",
  "wordAfterSpace",
  "wordAfterMark",
  "capitals",
  "capitalsAfterSpace",
  "accented",
  "cyrillic",
]);

/** Cuts text that comes in parts, and hands on each piece's kind and size (UTF-16 code units). Keeps no text. */
export class PieceCutter {
  readonly #emit: (kind: PieceKind, size: number) => void;
  #kind: PieceKind | undefined;
  #size = 0;
  /** Whether the word so far holds a small letter: the next capital begins another. */
  #hasLower = false;

  constructor(emit: (kind: PieceKind, size: number) => void) {
    this.#emit = emit;
  }

  push(text: string): void {
    for (let at = 0; at < text.length; at++) {
      const found = classOf(text.charCodeAt(at));
      switch (found) {
        case "lower":
        case "upper":
        case "accented":
        case "cyrillic":
          this.#letter(found);
          break;
        case "digit":
          if (this.#kind === "digits" && this.#size < 3) this.#size++;
          else this.#begin("digits");
          break;
        case "space":
          if (this.#kind === "spaces") this.#size++;
          else this.#begin("spaces");
          break;
        case "line":
          this.#line();
          break;
        case "mark":
          if (this.#kind === "marks" || this.#kind === "marksAfterSpace") this.#size++;
          else this.#beginAfter("marks", "marksAfterSpace");
          break;
        default:
          this.#beginAfter(found, found);
      }
    }
  }

  finish(): void {
    if (this.#kind !== undefined) this.#emit(this.#kind, this.#size);
    this.#kind = undefined;
  }

  #letter(found: LetterClass): void {
    const kind = this.#kind;
    const isCapital = found === "upper";
    if (isLetters(kind) && !(isCapital && this.#hasLower)) {
      this.#size++;
      if (found === "accented" || found === "cyrillic") this.#kind = found;
      else if (!isCapital) this.#kind = withLower(kind);
    } else if (found === "accented" || found === "cyrillic") {
      this.#beginAfter(found, found);
    } else if (kind === "marks" && this.#size === 1) {
      this.#kind = "wordAfterMark";
      this.#size = 2;
    } else if (isCapital) {
      this.#beginAfter("capitals", "capitalsAfterSpace");
    } else {
      this.#beginAfter("word", "wordAfterSpace");
    }
    this.#hasLower = found === "lower";
  }

  #line(): void {
    if (this.#kind === "lines" || this.#kind === "marksAtLineEnd") {
      this.#size++;
    } else if (this.#kind === "marks" || this.#kind === "marksAfterSpace") {
      this.#kind = "marksAtLineEnd";
      this.#size++;
    } else if (this.#kind === "spaces") {
      this.#kind = "lines";
      this.#size++;
    } else {
      this.#begin("lines");
    }
  }

  #begin(kind: PieceKind): void {
    if (this.#kind !== undefined) this.#emit(this.#kind, this.#size);
    this.#kind = kind;
    this.#size = 1;
  }

  /** Begins a piece that takes the last of the spaces before it with it. */
  #beginAfter(kind: PieceKind, afterSpace: PieceKind): void {
    if (this.#kind !== "spaces") {
      this.#begin(kind);
      return;
    }
    if (this.#size > 1) this.#emit("spaces", this.#size - 1);
    this.#kind = afterSpace;
    this.#size = 2;
  }
}

function isLetters(kind: PieceKind | undefined): kind is PieceKind {
  return kind !== undefined && LETTERS.has(kind);
}

function withLower(kind: PieceKind): PieceKind {
  if (kind === "capitals") return "word";
  return kind === "capitalsAfterSpace" ? "wordAfterSpace" : kind;
}

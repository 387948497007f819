/** Most white space of a continuation that is looked at before it is taken for what it is, characters. */
const MAX_SPACE_CHARS = 1024;

/**
 * Where an answer that goes on with a text meets that text. The model is given the text without white space at its end
 * (many refuse it there, and words that follow begin with it), so what comes begins with that white space again; and
 * some servers repeat the whole text first. Tells how much of what comes was there before.
 *
 * A model that separates otherwise than was shown already does not separate twice, but its line breaks count.
 */
export class Joint {
  /** What the model is given. */
  readonly beginning: string;
  readonly #space: string;
  #echoing: boolean;
  /** Characters of the beginning that came again. */
  #echoed = 0;
  /** What came after these. */
  #came = "";

  /** `text`: what was shown. */
  constructor(text: string, echoes: boolean) {
    this.beginning = text.trimEnd();
    this.#space = text.slice(this.beginning.length);
    this.#echoing = echoes;
  }

  /** More came. Characters since the start of the answer that are not new; undefined while that cannot be said. */
  push(piece: string): number | undefined {
    let rest = piece;
    if (this.#echoing) {
      const repeated = piece.slice(0, this.beginning.length - this.#echoed);
      if (this.beginning.startsWith(repeated, this.#echoed)) {
        this.#echoed += repeated.length;
        if (this.#echoed < this.beginning.length) return undefined;
        rest = piece.slice(repeated.length);
      } else {
        // It does not repeat after all: it all is new.
        rest = this.beginning.slice(0, this.#echoed) + piece;
        this.#echoed = 0;
      }
      this.#echoing = false;
    }
    this.#came += rest;
    return this.#decide(this.#came.length > MAX_SPACE_CHARS);
  }

  /** Nothing follows. */
  finish(): number {
    return this.#decide(true) ?? this.#echoed;
  }

  #decide(over: boolean): number | undefined {
    const came = this.#came;
    let same = 0;
    while (same < this.#space.length && came[same] === this.#space[same]) same++;
    if (same === this.#space.length) return this.#echoed + same;
    const spaces = came.length - came.trimStart().length;
    if (spaces === came.length && !over) return undefined;
    const lineBreak = came.slice(same, spaces).search(/[\r\n]/);
    return this.#echoed + (lineBreak === -1 ? spaces : same + lineBreak);
  }
}

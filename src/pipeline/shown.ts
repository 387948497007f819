import type { Batch } from "../domain/event.ts";

/** Characters of an answer that are kept to go on with it. A longer one begins anew. */
const MAX_KEPT_CHARS = 256 * 1024;

/** The text of an answer that broke off, for another model to go on with. */
export interface Unfinished {
  /** Not blank. */
  readonly text: string;
  /** Reasoning that came with it. */
  readonly reasoning: string;
  /** Block in which the text goes on; undefined where it was closed. */
  readonly openBlock: number | undefined;
  /** Index of the next block that opens. */
  readonly nextBlock: number;
}

/** What a reader has of an answer, by its events. */
export class Shown {
  readonly #open = new Map<number, "text" | "reasoning">();
  readonly #pieces = { text: [] as string[], reasoning: [] as string[] };
  #chars = 0;
  #nextBlock = 0;
  /** Tool calls, pictures or sound: nobody can go on with these. */
  #holdsMore = false;

  take(events: Batch): void {
    for (const event of events) {
      if (event.case === "blockStart") {
        const { index = 0, block } = event.value;
        this.#nextBlock = index + 1;
        if (block.case === "text" || block.case === "reasoning") this.#open.set(index, block.case);
        else this.#holdsMore = true;
      } else if (event.case === "blockDelta") {
        const kind = this.#open.get(event.value.index ?? 0);
        this.#chars += event.value.text.length;
        if (kind !== undefined && this.#chars <= MAX_KEPT_CHARS) this.#pieces[kind].push(event.value.text);
      } else if (event.case === "blockEnd") this.#open.delete(event.value.index ?? 0);
    }
  }

  /** Undefined where another model cannot go on with it: it would have to finish more than text, or there is none. */
  get unfinished(): Unfinished | undefined {
    const [open, ...more] = this.#open;
    if (this.#holdsMore || this.#chars > MAX_KEPT_CHARS || open?.[1] === "reasoning" || more.length > 0)
      return undefined;
    const text = this.#pieces.text.join("");
    // Half of a character cannot be sent.
    if (text.trim() === "" || !text.isWellFormed()) return undefined;
    const reasoning = this.#pieces.reasoning.join("");
    return { text, reasoning, openBlock: open?.[0], nextBlock: this.#nextBlock };
  }
}

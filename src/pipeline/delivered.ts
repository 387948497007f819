import type { Batch } from "../domain/event.ts";

/** Characters of an answer that are kept to count its tokens; of a longer one, the rest is counted by its length. */
const MAX_KEPT_CHARS = 256 * 1024;

/** What an attempt's answer said so far, kept in case its tokens must be counted here. */
export class Delivered {
  #pieces: string[] = [];
  #keptChars = 0;
  #chars = 0;
  #toolCalls = 0;

  add(events: Batch): void {
    for (const event of events) {
      if (event.case === "blockStart" && event.value.block.case === "toolCall") {
        this.#toolCalls++;
        this.#take(event.value.block.value.name);
      } else if (event.case === "blockDelta") this.#take(event.value.text);
    }
  }

  get toolCalls(): number {
    return this.#toolCalls;
  }

  /** Kept text; empty where nothing was said. */
  get text(): string {
    return this.#pieces.join("");
  }

  /** How many times longer the answer is than the kept text; at least 1. */
  get scale(): number {
    return this.#keptChars === 0 ? 1 : this.#chars / this.#keptChars;
  }

  #take(text: string): void {
    this.#chars += text.length;
    if (this.#keptChars >= MAX_KEPT_CHARS) return;
    this.#keptChars += text.length;
    this.#pieces.push(text);
  }
}

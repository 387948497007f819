import type { BlockDelta } from "../domain/contract.ts";
import { type Batch, blockEndEvent, type ChatEvent } from "../domain/event.ts";
import type { Continued } from "./continued.ts";
import type { Joint } from "./joint.ts";

/**
 * Writes the events of an answer that goes on with another as that other one's: its first text goes on in the block that
 * is open, what was there before is left out, and all other blocks are numbered on.
 */
export class Continuation {
  readonly #joint: Joint;
  /** The reader's index for each of the answer's. */
  readonly #indices = new Map<number, number>();
  #next: number;
  /** Of the text that broke off, until the answer goes on with it or turns to something else. */
  #open: number | undefined;
  /** The answer's block in which the texts meet. */
  #meeting: number | undefined;
  /** What came of it, until it is known how much of that is new. */
  #held: BlockDelta[] | undefined = [];

  constructor({ unfinished, joint }: Pick<Continued, "unfinished" | "joint">) {
    this.#joint = joint;
    this.#next = unfinished.nextBlock;
    this.#open = unfinished.openBlock;
  }

  /** May be nothing. */
  take(events: Batch): readonly ChatEvent[] {
    return events.flatMap((event) => this.#write(event));
  }

  #write(event: ChatEvent): readonly ChatEvent[] {
    switch (event.case) {
      case "blockStart": {
        const { index = 0, block } = event.value;
        const isFirst = this.#indices.size === 0;
        if (isFirst && block.case === "text") {
          this.#meeting = index;
          if (this.#open !== undefined) {
            this.#indices.set(index, this.#open);
            this.#open = undefined;
            return [];
          }
        }
        this.#indices.set(index, this.#next);
        return [...this.#closeOpen(), { case: "blockStart", value: { ...event.value, index: this.#next++ } }];
      }
      case "blockDelta":
        return this.#held !== undefined && event.value.index === this.#meeting
          ? this.#meet(event.value, this.#held)
          : [this.#delta(event.value)];
      case "blockEnd": {
        const index = this.#indexOf(event.value.index);
        const rest = event.value.index === this.#meeting ? this.#release(this.#joint.finish()) : [];
        return [...rest, { case: "blockEnd", value: { ...event.value, index } }];
      }
      case "end":
        return [...this.#closeOpen(), event];
      default:
        return [];
    }
  }

  #meet(delta: BlockDelta, held: BlockDelta[]): readonly ChatEvent[] {
    held.push(delta);
    const known = this.#joint.push(delta.text);
    return known === undefined ? [] : this.#release(known);
  }

  /** Shows what was held, but for so many characters that the reader has. */
  #release(known: number): readonly ChatEvent[] {
    const held = this.#held ?? [];
    this.#held = undefined;
    let left = known;
    return held.flatMap((delta) => {
      const cut = Math.min(left, delta.text.length);
      left -= cut;
      if (cut === 0) return [this.#delta(delta)];
      const text = delta.text.slice(cut);
      if (text === "" && delta.citations.length === 0) return [];
      return [this.#delta({ ...delta, text, logprobs: text === "" ? [] : delta.logprobs })];
    });
  }

  #delta(delta: BlockDelta): ChatEvent {
    return { case: "blockDelta", value: { ...delta, index: this.#indexOf(delta.index) } };
  }

  #closeOpen(): readonly ChatEvent[] {
    if (this.#open === undefined) return [];
    const closed = blockEndEvent(this.#open);
    this.#open = undefined;
    return [closed];
  }

  #indexOf(index = 0): number {
    return this.#indices.get(index) ?? index;
  }
}

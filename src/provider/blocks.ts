import type { Citation, ProviderState, TokenLogprob } from "../domain/contract.ts";
import { type BlockKind, blockDeltaEvent, blockEndEvent, blockStartEvent, type ChatEvent } from "../domain/event.ts";

const TEXT: BlockKind = { case: "text", value: { $typeName: "sluice.v1.TextBlock" } };
const REASONING: BlockKind = { case: "reasoning", value: { $typeName: "sluice.v1.ReasoningBlock" } };

type Prose = "text" | "reasoning";

/**
 * Numbers, opens and closes the blocks of one answer. Text and reasoning alternate: one closes the other. Tool calls
 * stay open to the end, because their arguments may come interleaved.
 */
export class BlockWriter {
  #next = 0;
  #prose: { readonly kind: Prose; readonly index: number } | undefined;
  /** Open blocks that nothing closes but `end`, or the end of all. */
  readonly #standing = new Set<number>();
  #hasTools = false;
  #states = new Map<number, ProviderState>();
  #events: ChatEvent[] = [];

  /** Events since the last call. */
  take(): readonly ChatEvent[] {
    if (this.#events.length === 0) return NO_EVENTS;
    const events = this.#events;
    this.#events = [];
    return events;
  }

  prose(kind: Prose, text: string, logprobs?: TokenLogprob[], citations?: Citation[]): void {
    if (this.#prose?.kind !== kind) {
      this.#closeProse();
      this.#prose = { kind, index: this.#open(kind === "text" ? TEXT : REASONING) };
    }
    this.#events.push(blockDeltaEvent(this.#prose.index, text, logprobs, citations));
  }

  /** Opens a tool call and returns its index. */
  tool(callId: string, name: string): number {
    this.#closeProse();
    const index = this.#open({ case: "toolCall", value: { $typeName: "sluice.v1.ToolCallBlock", callId, name } });
    this.#hasTools = true;
    this.#standing.add(index);
    return index;
  }

  toolArguments(index: number, text: string): void {
    this.#events.push(blockDeltaEvent(index, text));
  }

  /** Opens text or reasoning that stays a block of its own until `end`, and returns its index. */
  begin(kind: Prose): number {
    this.#closeProse();
    const index = this.#open(kind === "text" ? TEXT : REASONING);
    this.#standing.add(index);
    return index;
  }

  /** Adds to a block that was begun. */
  add(index: number, text: string, logprobs?: TokenLogprob[], citations?: Citation[]): void {
    this.#events.push(blockDeltaEvent(index, text, logprobs, citations));
  }

  /** Closes a block that was begun, or a tool call. */
  end(index: number): void {
    if (this.#standing.delete(index)) this.#close(index);
  }

  /** To give with the block's end. */
  state(index: number, state: ProviderState): void {
    this.#states.set(index, state);
  }

  /** Attaches state to the open block of reasoning, opening one if there is none. */
  reasoningState(state: ProviderState): void {
    if (this.#prose?.kind !== "reasoning") {
      this.#closeProse();
      this.#prose = { kind: "reasoning", index: this.#open(REASONING) };
    }
    this.state(this.#prose.index, state);
  }

  /** A picture or sound, which comes whole. */
  media(block: BlockKind, state?: ProviderState): void {
    this.#closeProse();
    const index = this.#open(block);
    if (state !== undefined) this.state(index, state);
    this.#close(index);
  }

  /** Closes the open block of text or reasoning, with this state; what follows opens another. */
  endProse(state?: ProviderState): void {
    if (this.#prose !== undefined && state !== undefined) this.state(this.#prose.index, state);
    this.#closeProse();
  }

  get hasTools(): boolean {
    return this.#hasTools;
  }

  closeAll(): void {
    this.#closeProse();
    for (const index of this.#standing) this.#close(index);
    this.#standing.clear();
  }

  #open(block: BlockKind): number {
    const index = this.#next++;
    this.#events.push(blockStartEvent(index, block));
    return index;
  }

  #closeProse(): void {
    if (this.#prose === undefined) return;
    this.#close(this.#prose.index);
    this.#prose = undefined;
  }

  #close(index: number): void {
    this.#events.push(blockEndEvent(index, this.#states.get(index)));
  }
}

const NO_EVENTS: readonly ChatEvent[] = [];

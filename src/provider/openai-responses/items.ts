import { ErrorReason } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { BlockWriter } from "../blocks.ts";
import { asArray, asRecord, asString, type JsonRecord } from "../json.ts";
import { readToken } from "../openai-logprobs.ts";
import { readCitations, readPicture } from "./extras.ts";
import { keepCall, keepPicture, keepText, keepWhole } from "./state.ts";

/** A text, a refusal, reasoning or a call's arguments, and how much of it came so far. */
interface Piece {
  block: number | undefined;
  text: string;
  citations: number;
  tokens: number;
  /** Of reasoning: which of its texts came last. */
  last: string;
}

interface Item {
  readonly type: string;
  readonly id: string | undefined;
  readonly pieces: Map<number, Piece>;
  done: boolean;
}

/** Stands between the texts of one item of reasoning. */
const BETWEEN = "\n\n";

/**
 * The items of an answer as they come: each text, each item of reasoning and each call is a block, which ends with its
 * item. An item that comes whole, in the stream's last event or in a body, says only what was not said before.
 */
export class OutputItems {
  readonly #blocks: BlockWriter;
  readonly #dialect: string;
  readonly #mintCallId: (n: number) => string;
  /** By the wire's output index. */
  readonly #items = new Map<number, Item>();
  #mintedIds = 0;
  #refused = false;

  constructor(blocks: BlockWriter, dialect: string, mintCallId: (n: number) => string) {
    this.#blocks = blocks;
    this.#dialect = dialect;
    this.#mintCallId = mintCallId;
  }

  /** The model declined in a part of its own. */
  get refused(): boolean {
    return this.#refused;
  }

  added(at: number, item: JsonRecord): void {
    const open = this.#item(at, item);
    // A call's name and id are all that its block's start needs; where one is missing, its end says them.
    if (item.type !== "function_call" || !item.name || !item.call_id || open.done) return;
    const piece = this.#piece(open, 0);
    if (piece.block === undefined) this.#openCall(piece, item);
  }

  text(at: number, part: number, delta: string, logprobs: unknown): void {
    const piece = this.#openPiece(at, { type: "message" }, part);
    if (piece !== undefined) this.#say(piece, delta, asArray(logprobs), []);
  }

  refusal(at: number, part: number, delta: string): void {
    this.#refused = true;
    this.text(at, part, delta, undefined);
  }

  annotation(at: number, part: number, annotation: unknown): void {
    const piece = this.#openPiece(at, { type: "message" }, part);
    if (piece !== undefined) this.#say(piece, "", [], [annotation]);
  }

  /** `key` says which of the item's texts: summaries and open reasoning each have several. */
  reasoning(at: number, key: string, delta: string): void {
    const piece = this.#openPiece(at, { type: "reasoning" }, 0);
    if (delta === "" || piece === undefined) return;
    const text = piece.text !== "" && piece.last !== key ? BETWEEN + delta : delta;
    piece.last = key;
    piece.text += text;
    piece.block ??= this.#blocks.begin("reasoning");
    this.#blocks.add(piece.block, text);
  }

  callArguments(at: number, delta: string): void {
    const piece = this.#openPiece(at, { type: "function_call" }, 0);
    if (piece === undefined) return;
    piece.text += delta;
    if (piece.block !== undefined && delta !== "") this.#blocks.add(piece.block, delta);
  }

  /** The item is whole. */
  done(at: number, item: JsonRecord): void {
    const open = this.#item(at, item);
    if (open.done) return;
    open.done = true;
    switch (item.type) {
      case "message":
        this.#messageDone(open, item);
        break;
      case "reasoning":
        this.#reasoningDone(open, item);
        break;
      case "function_call":
        this.#callDone(open, item);
        break;
      default:
        this.#hostedDone(item);
    }
  }

  /** What a tool of the provider's did: a picture, or what has no form in the contract and is kept for the next turn. */
  #hostedDone(item: JsonRecord): void {
    const picture = readPicture(item);
    if (picture !== undefined) {
      this.#blocks.media(picture, keepPicture(this.#dialect, item));
      return;
    }
    const block = this.#blocks.begin("reasoning");
    this.#blocks.state(block, keepWhole(this.#dialect, item));
    this.#blocks.end(block);
  }

  /** All items of the answer, once more: some servers stream none, or leave them out here. */
  all(output: unknown): void {
    for (const [at, value] of asArray(output).entries()) {
      const item = asRecord(value);
      if (item !== undefined) this.done(this.#placeOf(at, item), item);
    }
  }

  /** Where an item of the whole was seen: at its place or, where others are left out before it, by its id. */
  #placeOf(at: number, { type, id }: JsonRecord): number {
    const there = this.#items.get(at);
    if (there === undefined || there.type === type) return at;
    for (const [place, item] of this.#items) {
      if (item.id !== undefined && item.id === id && item.type === type) return place;
    }
    return LATE + this.#items.size;
  }

  #messageDone(open: Item, item: JsonRecord): void {
    const content = asArray(item.content);
    // Bedrock counts parts through all items in its events, but from 0 in each item (recorded 2026-11): the order tells.
    const inOrder = content.length === open.pieces.size ? [...open.pieces.values()] : [];
    for (const [n, value] of content.entries()) {
      const part = asRecord(value);
      if (part === undefined) continue;
      const piece = inOrder[n] ?? this.#piece(open, n);
      if (part.type === "refusal") this.#refused = true;
      const text = asString(part.text) ?? asString(part.refusal) ?? "";
      const tokens = asArray(part.logprobs).slice(piece.tokens);
      const annotations = asArray(part.annotations).slice(piece.citations);
      this.#say(piece, unsaid(text, piece.text), tokens, annotations);
      const state = keepText(this.#dialect, item, part);
      if (state === undefined) continue;
      piece.block ??= this.#blocks.begin("text");
      this.#blocks.state(piece.block, state);
    }
    for (const { block } of open.pieces.values()) if (block !== undefined) this.#blocks.end(block);
  }

  #reasoningDone(open: Item, item: JsonRecord): void {
    const piece = this.#piece(open, 0);
    const texts = [...asArray(item.summary), ...asArray(item.content)].map((part) => asString(asRecord(part)?.text));
    const whole = texts.filter(Boolean).join(BETWEEN);
    piece.block ??= this.#blocks.begin("reasoning");
    const text = unsaid(whole, piece.text);
    if (text !== "") this.#blocks.add(piece.block, text);
    this.#blocks.state(piece.block, keepWhole(this.#dialect, item));
    this.#blocks.end(piece.block);
  }

  #callDone(open: Item, item: JsonRecord): void {
    const piece = this.#piece(open, 0);
    const block = piece.block ?? this.#openCall(piece, item);
    const text = unsaid(asString(item.arguments) ?? "", piece.text);
    if (text !== "") this.#blocks.add(block, text);
    const state = keepCall(this.#dialect, item);
    if (state !== undefined) this.#blocks.state(block, state);
    this.#blocks.end(block);
  }

  #openCall(piece: Piece, item: JsonRecord): number {
    const name = asString(item.name);
    if (!name) {
      throw new GatewayError(
        ErrorReason.UPSTREAM_MALFORMED,
        "The upstream sent a tool call without a name. Try again.",
      );
    }
    const callId = asString(item.call_id) || asString(item.id) || this.#mintCallId(this.#mintedIds++);
    const block = this.#blocks.tool(callId, name);
    piece.block = block;
    if (piece.text !== "") this.#blocks.add(block, piece.text);
    return block;
  }

  #say(piece: Piece, text: string, tokens: readonly unknown[], annotations: readonly unknown[]): void {
    const citations = readCitations(annotations);
    piece.tokens += tokens.length;
    piece.citations += annotations.length;
    if (text === "" && tokens.length === 0 && citations.length === 0) return;
    piece.text += text;
    piece.block ??= this.#blocks.begin("text");
    this.#blocks.add(piece.block, text, tokens.map(readToken), citations);
  }

  #item(at: number, { type, id }: JsonRecord): Item {
    const known = this.#items.get(at);
    if (known !== undefined) return known;
    const item = { type: asString(type) ?? "", id: asString(id), pieces: new Map(), done: false };
    this.#items.set(at, item);
    return item;
  }

  /** Undefined where the item is whole: what is said of it afterwards was said before. */
  #openPiece(at: number, like: JsonRecord, part: number): Piece | undefined {
    const item = this.#item(at, like);
    return item.done ? undefined : this.#piece(item, part);
  }

  #piece(item: Item, part: number): Piece {
    const known = item.pieces.get(part);
    if (known !== undefined) return known;
    const piece: Piece = { block: undefined, text: "", citations: 0, tokens: 0, last: "" };
    item.pieces.set(part, piece);
    return piece;
  }
}

/** Past all indices of the wire: for items that the last event alone says. */
const LATE = 1_000_000;

/** What of the whole text did not come yet. What came and differs cannot be taken back. */
function unsaid(whole: string, said: string): string {
  return whole.startsWith(said) ? whole.slice(said.length) : "";
}

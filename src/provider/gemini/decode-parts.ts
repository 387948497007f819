import type { Citation, TokenLogprob } from "../../domain/contract.ts";
import type { ChatEvent } from "../../domain/event.ts";
import { BlockWriter } from "../blocks.ts";
import type { DecodeOptions } from "../dialect.ts";
import { asArray, asRecord, asString, type JsonRecord } from "../json.ts";
import { malformed, said } from "./explain.ts";
import { readMedia } from "./extras.ts";
import { PartialArguments } from "./function-call.ts";
import { keepPart, keepSignature } from "./state.ts";

interface OpenCall {
  readonly index: number;
  readonly args: PartialArguments;
}

/** Turns the parts of an answer into blocks. */
export class PartDecoder {
  readonly #options: Pick<DecodeOptions, "mintCallId">;
  readonly #blocks = new BlockWriter();
  readonly #text: string[] = [];
  /** Parts that the contract has no form for, as they came. */
  readonly others: JsonRecord[] = [];
  #mintedIds = 0;
  #openCalls = 0;
  #partialCall: OpenCall | undefined;
  /** A part without words that was sent for its signature: it ends the text that sources may still be added to. */
  #lastSignature: JsonRecord | undefined;

  constructor(options: Pick<DecodeOptions, "mintCallId">) {
    this.#options = options;
  }

  get hasCalls(): boolean {
    return this.#blocks.hasTools;
  }

  /** Calls are left to the caller: the provider's own tools write their results into the answer. */
  get hasOpenCalls(): boolean {
    return this.#openCalls > 0;
  }

  /** Text of the answer so far. */
  get text(): string {
    return this.#text.join("");
  }

  take(): readonly ChatEvent[] {
    return this.#blocks.take();
  }

  addAll(parts: unknown, logprobs: TokenLogprob[]): void {
    let left = logprobs;
    for (const item of asArray(parts)) {
      const part = asRecord(item);
      if (part === undefined || Object.keys(part).length === 0) continue;
      this.#add(part, left);
      if (part.text !== undefined && part.text !== "" && part.thought !== true) left = [];
    }
    if (left.length > 0) this.#blocks.prose("text", "", left);
  }

  end(sources: Citation[]): void {
    this.#endCall();
    if (sources.length > 0) this.#blocks.prose("text", "", undefined, sources);
    this.#flushSignature();
    this.#blocks.closeAll();
  }

  #add(part: JsonRecord, logprobs: TokenLogprob[]): void {
    const signature = asString(part.thoughtSignature);
    const call = asRecord(part.functionCall);
    if (call !== undefined) {
      this.#functionCall(call, signature);
      return;
    }
    this.#endCall();
    this.#flushSignature();
    const bare = signature !== undefined && Object.keys(part).length === 1;
    const text = bare ? "" : asString(part.text);
    if (text !== undefined) {
      this.#prose(text, part, signature, logprobs);
      return;
    }
    const media = readMedia(asRecord(part.inlineData));
    if (media === undefined) this.#other(part);
    else this.#blocks.media(media, signature === undefined ? undefined : keepSignature(signature));
  }

  #prose(text: string, part: JsonRecord, signature: string | undefined, logprobs: TokenLogprob[]): void {
    if (text === "") {
      if (signature !== undefined) this.#lastSignature = part;
      return;
    }
    // What is signed goes back alone: not joined with text before or after it.
    if (signature !== undefined) this.#blocks.endProse();
    if (part.thought === true) {
      this.#blocks.prose("reasoning", text);
    } else {
      this.#blocks.prose("text", text, logprobs);
      this.#text.push(text);
    }
    if (signature !== undefined) this.#blocks.endProse(keepSignature(signature));
  }

  /** Code that the provider ran, results of its own tools and the like. */
  #other(part: JsonRecord): void {
    if (part.functionResponse !== undefined) this.#openCalls = Math.max(0, this.#openCalls - 1);
    this.others.push(part);
    this.#keep(part);
  }

  /** A call comes whole, or opens with its name and goes on in parts without one while they say `willContinue`. */
  #functionCall(call: JsonRecord, signature: string | undefined): void {
    const name = said(call.name);
    if (name !== undefined) this.#beginCall(name, said(call.id), signature);
    const open = this.#partialCall;
    if (open === undefined) throw malformed("a function call without a name");
    open.args.add(call.partialArgs);
    const args = asRecord(call.args);
    if (args !== undefined) this.#blocks.toolArguments(open.index, JSON.stringify(args));
    if (call.willContinue !== true) this.#endCall();
  }

  #beginCall(name: string, id: string | undefined, signature: string | undefined): void {
    this.#endCall();
    this.#flushSignature();
    const index = this.#blocks.tool(id ?? this.#options.mintCallId(this.#mintedIds++), name);
    this.#openCalls++;
    if (id !== undefined || signature !== undefined) this.#blocks.state(index, keepSignature(signature ?? "", id));
    this.#partialCall = { index, args: new PartialArguments() };
  }

  #endCall(): void {
    const open = this.#partialCall;
    if (open === undefined) return;
    this.#partialCall = undefined;
    const args = open.args.toJson();
    if (args !== "") this.#blocks.toolArguments(open.index, args);
  }

  #flushSignature(): void {
    const part = this.#lastSignature;
    this.#lastSignature = undefined;
    if (part !== undefined) this.#keep(part);
  }

  /** Reasoning without words carries what the contract has no form for, in its place among the parts. */
  #keep(part: JsonRecord): void {
    this.#blocks.endProse();
    this.#blocks.reasoningState(keepPart(part));
    this.#blocks.endProse();
  }
}

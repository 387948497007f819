import { ErrorReason, type ProviderState } from "../../domain/contract.ts";
import { GatewayError } from "../../domain/error.ts";
import type { ChatEvent } from "../../domain/event.ts";
import { BlockWriter } from "../blocks.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { joinBase64, readCitation } from "./extras.ts";
import { DIALECT, RESPONSE_TOOL, type WireBlock, type WireState } from "./wire-types.ts";

/** A block of the wire that is open, where more must be known of it than that it is text. */
type OpenBlock =
  | { readonly kind: "call"; readonly index: number }
  | { readonly kind: "response" }
  | { readonly kind: "reasoning"; signature: string; redacted: string }
  | { readonly kind: "toolUse"; readonly head: JsonRecord; input: string }
  | { readonly kind: "toolResult"; readonly head: JsonRecord; readonly content: unknown[] };

/** Turns the wire's content blocks, in pieces or whole, into the contract's. */
export class AnswerBlocks {
  readonly #writer = new BlockWriter();
  readonly #mintCallId: (n: number) => string;
  readonly #open = new Map<number, OpenBlock>();
  readonly #serverTools: WireBlock[] = [];
  /** Of these, those that went into no state yet. */
  #unsent: WireBlock[] = [];
  #mintedIds = 0;

  constructor(mintCallId: (n: number) => string) {
    this.#mintCallId = mintCallId;
  }

  /** Tools that ran at the provider: their calls and results, in the wire's words. */
  get serverTools(): readonly WireBlock[] {
    return this.#serverTools;
  }

  /** The model asks the caller for a tool. */
  get hasCalls(): boolean {
    return this.#writer.hasTools;
  }

  take(): readonly ChatEvent[] {
    return this.#writer.take();
  }

  closeAll(): void {
    for (const at of [...this.#open.keys()]) this.stop(at);
    this.#flushServerTools();
    this.#writer.closeAll();
  }

  start(at: number, start: JsonRecord): void {
    const toolUse = asRecord(start.toolUse);
    const toolResult = asRecord(start.toolResult);
    if (toolUse !== undefined) this.#startTool(at, toolUse);
    else if (toolResult !== undefined) this.#open.set(at, { kind: "toolResult", head: toolResult, content: [] });
  }

  /** A piece of a block. Text and reasoning have no start: their first piece opens them. */
  delta(at: number, delta: JsonRecord): void {
    const open = this.#open.get(at);
    const text = asString(delta.text);
    const reasoning = asRecord(delta.reasoningContent);
    const input = asString(asRecord(delta.toolUse)?.input);
    if (text !== undefined) this.#text(text);
    if (reasoning !== undefined) this.#reasoning(at, reasoning);
    if (input !== undefined && open !== undefined) this.#input(open, input);
    if (delta.toolResult !== undefined && open?.kind === "toolResult") open.content.push(...asArray(delta.toolResult));
    if (delta.citation !== undefined) this.#citation(delta.citation);
  }

  stop(at: number): void {
    const open = this.#open.get(at);
    if (open === undefined) return;
    this.#open.delete(at);
    // Each block of reasoning has a signature of its own.
    if (open.kind === "reasoning") this.#writer.endProse();
    if (open.kind === "toolUse") {
      this.#serverTool({ toolUse: { ...open.head, input: parseJson(open.input) ?? {} } });
    }
    if (open.kind === "toolResult") this.#serverTool({ toolResult: { ...open.head, content: open.content } });
  }

  /** A block that came at once. */
  whole(at: number, block: WireBlock): void {
    const { text, reasoningContent, toolUse, toolResult, citationsContent } = block;
    const call = asRecord(toolUse);
    const cited = asRecord(citationsContent);
    const reasoning = asRecord(reasoningContent);
    if (call !== undefined) {
      const { input, ...head } = call;
      this.start(at, { toolUse: head });
      if (input !== undefined) this.delta(at, { toolUse: { input: JSON.stringify(input) } });
    } else if (reasoning !== undefined) {
      this.delta(at, { reasoningContent: { ...asRecord(reasoning.reasoningText), ...reasoning } });
    } else if (cited !== undefined) {
      for (const piece of asArray(cited.content)) this.delta(at, asRecord(piece) ?? {});
      for (const citation of asArray(cited.citations)) this.delta(at, { citation });
    } else if (toolResult !== undefined) {
      this.#serverTool({ toolResult });
    } else {
      this.delta(at, { text });
    }
    this.stop(at);
  }

  #startTool(at: number, toolUse: JsonRecord): void {
    const name = asString(toolUse.name);
    if (name === undefined) {
      throw new GatewayError(
        ErrorReason.UPSTREAM_MALFORMED,
        "The upstream sent a tool call without a name. Try again.",
      );
    }
    if (toolUse.type === "server_tool_use") {
      this.#open.set(at, { kind: "toolUse", head: toolUse, input: "" });
      return;
    }
    this.#flushServerTools();
    if (name === RESPONSE_TOOL) {
      this.#open.set(at, { kind: "response" });
      return;
    }
    const callId = asString(toolUse.toolUseId) || this.#mintCallId(this.#mintedIds++);
    this.#open.set(at, { kind: "call", index: this.#writer.tool(callId, name) });
  }

  #input(open: OpenBlock, input: string): void {
    if (input === "") return;
    if (open.kind === "call") this.#writer.toolArguments(open.index, input);
    if (open.kind === "response") this.#text(input);
    if (open.kind === "toolUse") open.input += input;
  }

  #text(text: string): void {
    if (text === "") return;
    this.#flushServerTools();
    this.#writer.prose("text", text);
  }

  #citation(value: unknown): void {
    const citation = readCitation(value);
    if (citation === undefined) return;
    this.#flushServerTools();
    this.#writer.prose("text", "", undefined, [citation]);
  }

  #reasoning(at: number, piece: JsonRecord): void {
    let open = this.#open.get(at);
    if (open?.kind !== "reasoning") {
      this.#flushServerTools();
      open = { kind: "reasoning", signature: "", redacted: "" };
      this.#open.set(at, open);
    }
    const text = asString(piece.text);
    if (text !== undefined && text !== "") this.#writer.prose("reasoning", text);
    open.signature += asString(piece.signature) ?? "";
    open.redacted = joinBase64(open.redacted, asString(piece.redactedContent) ?? "");
    // Reasoning that is not signed is not taken back by the models that show it.
    if (open.signature !== "") this.#writer.reasoningState(state({ signature: open.signature }));
    if (open.redacted !== "") this.#writer.reasoningState(state({ redactedContent: open.redacted }));
  }

  #serverTool(block: WireBlock): void {
    this.#serverTools.push(block);
    this.#unsent.push(block);
  }

  /** What tools at the provider said belongs to the conversation: it travels as reasoning that shows nothing. */
  #flushServerTools(): void {
    if (this.#unsent.length === 0) return;
    this.#writer.endProse();
    this.#writer.reasoningState(state({ blocks: this.#unsent }));
    this.#writer.endProse();
    this.#unsent = [];
  }
}

function state(data: WireState): ProviderState {
  return { $typeName: "sluice.v1.ProviderState", dialect: DIALECT, id: "", data: JSON.stringify(data) };
}

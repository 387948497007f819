import { FinishReason, type ProviderState, type Usage } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import type { Frame } from "../../wire/frame.ts";
import { BlockWriter } from "../blocks.ts";
import type { DecodeOptions, Decoder } from "../dialect.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { malformedAnswer, truncatedAnswer } from "../upstream-failure.ts";
import { explainInAnswer, isError } from "./explain.ts";
import { readCitations, readImages, readLogprobs, readMetadata, readSearchResults } from "./extras.ts";
import { ReasoningDetails } from "./reasoning-details.ts";
import { Spoken } from "./spoken.ts";
import { readUsage } from "./usage.ts";

/** Words of the wire for why the model stopped; `eos` is Together's. What is not here is OTHER. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  eos: FinishReason.STOP,
  length: FinishReason.LENGTH,
  max_tokens: FinishReason.LENGTH,
  tool_calls: FinishReason.TOOL_CALLS,
  function_call: FinishReason.TOOL_CALLS,
  content_filter: FinishReason.CONTENT_FILTER,
};

interface OpenTool {
  readonly index: number;
  readonly id: string | undefined;
}

export const DIALECT = "openai-chat";

/**
 * Decodes chat completions: a stream's chunks, or a whole body as the one frame that it is. Looks at choice 0 only:
 * the contract asks for one.
 */
export class OpenAiChatDecoder implements Decoder {
  readonly #options: DecodeOptions;
  readonly #blocks = new BlockWriter();
  readonly #details = new ReasoningDetails();
  readonly #spoken = new Spoken();
  /** Tool calls by the wire's index. */
  readonly #tools = new Map<number, OpenTool>();
  #lastToolKey = -1;
  #mintedIds = 0;
  #started = false;
  #ended = false;
  #model = "";
  #responseId = "";
  #finish: string | undefined;
  #refused = false;
  #usage: Usage | undefined;
  #metadata: Record<string, unknown> | undefined;
  #searchResults: unknown;

  constructor(options: DecodeOptions) {
    this.#options = options;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get usage(): Usage | undefined {
    return this.#usage;
  }

  get finishing(): boolean {
    return this.#finish !== undefined;
  }

  push(frame: Frame): readonly ChatEvent[] {
    if (this.#ended) return [];
    const data = frame.data.trim();
    if (data === "[DONE]") return this.finish();
    if (data === "") return [];
    const chunk = asRecord(parseJson(data));
    if (chunk === undefined) throw malformed(data);
    if (frame.event === "error" || isError(chunk)) throw explainInAnswer(chunk);

    const prefix = this.#start(chunk);
    this.#usage = readUsage(chunk.usage) ?? readUsage(asRecord(chunk.x_groq)?.usage) ?? this.#usage;
    this.#metadata = readMetadata(chunk, this.#metadata);
    this.#searchResults = chunk.search_results ?? chunk.citations ?? this.#searchResults;
    for (const item of asArray(chunk.choices)) {
      const choice = asRecord(item);
      if (choice !== undefined && (choice.index ?? 0) === 0) this.#choice(choice);
    }
    const events = this.#blocks.take();
    return prefix === undefined ? events : [prefix, ...events];
  }

  finish(): readonly ChatEvent[] {
    if (this.#ended) return [];
    if (this.#finish === undefined || !this.#started) throw truncatedAnswer();
    this.#ended = true;
    this.#flushReasoning();
    this.#endSpoken();
    const sources = readSearchResults(this.#searchResults);
    if (sources.length > 0) this.#blocks.prose("text", "", undefined, sources);
    this.#blocks.closeAll();
    const end = endEvent({
      finishReason: this.#finishReason(this.#finish),
      providerFinishReason: this.#finish,
      model: this.#model,
      providerResponseId: this.#responseId,
      usage: this.#usage,
      providerMetadata: this.#metadata as Parameters<typeof endEvent>[0]["providerMetadata"],
    });
    return [...this.#blocks.take(), end];
  }

  #start(chunk: JsonRecord): ChatEvent | undefined {
    if (this.#model === "") this.#model = asString(chunk.model) ?? "";
    if (this.#responseId === "") this.#responseId = asString(chunk.id) ?? "";
    // Azure's first chunk has prompt filter results, no choices and an empty model: wait for the next.
    if (this.#started || asArray(chunk.choices).length === 0) return undefined;
    this.#started = true;
    this.#model ||= this.#options.model;
    return startEvent(this.#model, this.#responseId);
  }

  #choice(choice: JsonRecord): void {
    // Perplexity sends both: in a stream the message so far is not new, in a whole answer the delta is empty.
    const delta = this.#options.whole ? asRecord(choice.message) : asRecord(choice.delta);
    if (delta !== undefined) this.#delta(delta, choice.logprobs);
    const finish = choice.finish_reason;
    if (finish === "error") throw explainInAnswer(choice);
    // OpenRouter says it twice, and servers differ in what they say the second time: the first word stands.
    if (typeof finish === "string" && finish !== "" && this.#finish === undefined) this.#finish = finish;
  }

  #delta(delta: JsonRecord, logprobs: unknown): void {
    const reasoning = asString(delta.reasoning_content) ?? asString(delta.reasoning);
    if (reasoning !== undefined && reasoning !== "") this.#blocks.prose("reasoning", reasoning);
    this.#details.add(delta.reasoning_details);

    const content = delta.content;
    if (Array.isArray(content)) this.#parts(content);
    else this.#text(asString(content) ?? "", logprobs, delta.annotations);

    const refusal = asString(delta.refusal);
    if (refusal !== undefined && refusal !== "") {
      this.#refused = true;
      this.#text(refusal, undefined, undefined);
    }
    if (delta.audio !== undefined) this.#text(this.#spoken.add(delta.audio), undefined, undefined);
    for (const picture of readImages(delta.images)) {
      this.#flushReasoning();
      this.#blocks.media(picture);
    }
    for (const call of asArray(delta.tool_calls)) this.#toolCall(call);
    // The form before tools, still spoken by old models and servers.
    if (asRecord(delta.function_call) !== undefined) this.#toolCall({ index: 0, function: delta.function_call });
  }

  #text(text: string, logprobs: unknown, annotations: unknown): void {
    const tokens = readLogprobs(logprobs);
    const citations = readCitations(annotations);
    if (text === "" && tokens.length === 0 && citations.length === 0) return;
    this.#flushReasoning();
    this.#blocks.prose("text", text, tokens, citations);
  }

  /** Mistral's content as a list: text and thinking, the latter a list again. */
  #parts(parts: readonly unknown[]): void {
    for (const item of parts) {
      const part = asRecord(item);
      if (part?.type === "thinking") {
        for (const inner of asArray(part.thinking)) {
          const text = asString(asRecord(inner)?.text) ?? "";
          if (text !== "") this.#blocks.prose("reasoning", text);
        }
        continue;
      }
      const text = typeof item === "string" ? item : (asString(part?.text) ?? "");
      if (text !== "") this.#text(text, undefined, undefined);
    }
  }

  #toolCall(value: unknown): void {
    const call = asRecord(value);
    const fn = asRecord(call?.function);
    if (call === undefined || fn === undefined) return;
    const id = asString(call.id) || undefined;
    const name = asString(fn.name) || undefined;
    const key = this.#toolKey(asCount(call.index), id, name);
    let tool = this.#tools.get(key);
    if (tool === undefined) {
      if (name === undefined) throw malformed("a tool call without a name");
      this.#flushReasoning();
      const callId = id ?? this.#options.mintCallId(this.#mintedIds++);
      tool = { index: this.#blocks.tool(callId, name), id };
      this.#tools.set(key, tool);
    }
    this.#lastToolKey = key;
    const args = fn.arguments;
    const text = typeof args === "string" ? args : asRecord(args) === undefined ? "" : JSON.stringify(args);
    if (text !== "") this.#blocks.toolArguments(tool.index, text);
    if (call.extra_content !== undefined) {
      this.#blocks.state(tool.index, state("", JSON.stringify(call.extra_content)));
    }
  }

  /**
   * Which call a piece belongs to: the wire's index, as a rule. Where it is missing (Mistral) or the same for calls
   * with other ids (some servers), a name with a new id opens a call of its own, past all indices of the wire.
   */
  #toolKey(index: number | undefined, id: string | undefined, name: string | undefined): number {
    if (index !== undefined && !this.#tools.has(index)) return index;
    const open = index ?? (name === undefined ? this.#lastToolKey : undefined);
    if (open !== undefined && (id === undefined || name === undefined || this.#tools.get(open)?.id === id)) return open;
    for (const [key, tool] of this.#tools) if (id !== undefined && tool.id === id) return key;
    return this.#freeKey();
  }

  #freeKey(): number {
    return 1_000_000 + this.#tools.size;
  }

  #flushReasoning(): void {
    const details = this.#details.take();
    if (details !== undefined) this.#blocks.reasoningState(state("", details));
  }

  /** The words and the sound of them have the same state: in the next turn, it stands for both. */
  #endSpoken(): void {
    const sound = this.#spoken.take();
    if (sound === undefined) return;
    const spoken = this.#spoken.id === "" ? undefined : state(this.#spoken.id, "");
    this.#blocks.endProse(spoken);
    this.#blocks.media(sound, spoken);
  }

  #finishReason(word: string): FinishReason {
    const reason = finishReasons[word] ?? FinishReason.OTHER;
    if (reason !== FinishReason.STOP) return reason;
    if (this.#blocks.hasTools) return FinishReason.TOOL_CALLS;
    return this.#refused ? FinishReason.REFUSAL : FinishReason.STOP;
  }
}

function state(id: string, data: string): ProviderState {
  return { $typeName: "sluice.v1.ProviderState", dialect: DIALECT, id, data };
}

function malformed(data: string): GatewayError {
  return malformedAnswer("no chat completion", data);
}

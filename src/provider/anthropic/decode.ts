import { FinishReason, type Usage } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import type { Frame } from "../../wire/frame.ts";
import { BlockWriter } from "../blocks.ts";
import type { DecodeOptions, Decoder } from "../dialect.ts";
import { parseExactly } from "../exact-json.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { malformedAnswer, truncatedAnswer } from "../upstream-failure.ts";
import { beginBlock, type ContentBlock } from "./content.ts";
import { explainInAnswer } from "./explain.ts";
import { MetadataReader } from "./extras.ts";
import { UsageReader } from "./usage.ts";
import { RESPONSE_TOOL } from "./wire-types.ts";

/** Words of the wire for why the model stopped. What is not here, such as `pause_turn`, is OTHER. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  max_tokens: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  tool_use: FinishReason.TOOL_CALLS,
  refusal: FinishReason.REFUSAL,
};

/** Decodes messages: a stream's events, or a whole message as the one frame that it is. */
export class AnthropicDecoder implements Decoder {
  readonly #options: DecodeOptions;
  readonly #blocks = new BlockWriter();
  readonly #usage = new UsageReader();
  readonly #metadata = new MetadataReader();
  /** Blocks that are open, by the wire's index. */
  readonly #open = new Map<unknown, ContentBlock>();
  #mintedIds = 0;
  #start: ChatEvent | undefined;
  #ended = false;
  #model = "";
  #responseId = "";
  #finish: string | undefined;
  /** The model wrote the JSON that it was asked for, through the tool that callers don't see. */
  #responded = false;

  constructor(options: DecodeOptions) {
    this.#options = options;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get usage(): Usage | undefined {
    return this.#usage.usage;
  }

  get finishing(): boolean {
    return this.#finish !== undefined;
  }

  push(frame: Frame): readonly ChatEvent[] {
    if (this.#ended) return [];
    const data = frame.data.trim();
    if (data === "") return [];
    // No event of the API, but what some servers in between end streams with (recorded at OpenRouter, 2026-11).
    if (data === "[DONE]") return this.finish();
    // A whole answer holds the arguments of tools as JSON of its own, whose numbers must come out as they are.
    const event = asRecord(this.#options.whole ? parseExactly(data) : parseJson(data));
    if (event === undefined) throw malformed(data);
    const type = asString(event.type) ?? frame.event;
    if (type === "error" || asRecord(event.error) !== undefined) throw explainInAnswer(event);
    if (this.#options.whole) {
      if (!Array.isArray(event.content)) throw malformed(data);
      return this.#whole(event);
    }
    return this.#event(type, event);
  }

  finish(): readonly ChatEvent[] {
    if (this.#ended) return [];
    if (this.#finish === undefined || this.#start === undefined) {
      throw truncatedAnswer();
    }
    this.#ended = true;
    for (const block of this.#open.values()) block.end();
    this.#blocks.closeAll();
    this.#metadata.usage(this.#usage.said);
    const end = endEvent({
      finishReason: this.#finishReason(this.#finish),
      providerFinishReason: this.#finish,
      model: this.#model,
      providerResponseId: this.#responseId,
      usage: this.#usage.usage,
      providerMetadata: this.#metadata.metadata as Parameters<typeof endEvent>[0]["providerMetadata"],
    });
    return [...this.#blocks.take(), end];
  }

  #whole(message: JsonRecord): readonly ChatEvent[] {
    const start = this.#begin(message);
    this.#usage.add(message.usage);
    for (const [index, block] of asArray(message.content).entries()) {
      this.#beginBlock(index, block);
      this.#endBlock(index);
    }
    this.#stop(message);
    return [...start, ...this.#blocks.take()];
  }

  #event(type: string | undefined, event: JsonRecord): readonly ChatEvent[] {
    let start: readonly ChatEvent[] = NO_EVENTS;
    switch (type) {
      case "message_start": {
        const message = asRecord(event.message) ?? {};
        start = this.#begin(message);
        this.#usage.begin(message.usage);
        break;
      }
      case "content_block_start":
        start = this.#begin({});
        this.#beginBlock(event.index, event.content_block);
        break;
      case "content_block_delta":
        this.#open.get(event.index)?.delta(asRecord(event.delta) ?? {});
        break;
      case "content_block_stop":
        this.#endBlock(event.index);
        break;
      case "message_delta":
        this.#usage.add(event.usage);
        this.#stop({ context_management: event.context_management, ...asRecord(event.delta) });
        break;
      case "message_stop":
        return this.finish();
      default:
        // Pings, and events that are yet to be invented: the API's rules of versioning say to skip them.
        return NO_EVENTS;
    }
    const events = this.#blocks.take();
    return start.length === 0 ? events : [...start, ...events];
  }

  /** The start, the first time: a stream may begin twice (seen through proxies). */
  #begin(message: JsonRecord): readonly ChatEvent[] {
    if (this.#start !== undefined) return NO_EVENTS;
    this.#model = asString(message.model) || this.#options.model;
    this.#responseId = asString(message.id) ?? "";
    this.#metadata.message(message);
    this.#start = startEvent(this.#model, this.#responseId);
    return [this.#start];
  }

  #beginBlock(index: unknown, value: unknown): void {
    const block = asRecord(value);
    if (block === undefined) return;
    this.#endBlock(index);
    if (block.type === "tool_use" && block.name === RESPONSE_TOOL) this.#responded = true;
    const mint = (): string => this.#options.mintCallId(this.#mintedIds++);
    this.#open.set(index, beginBlock(block, this.#blocks, mint));
  }

  #endBlock(index: unknown): void {
    this.#open.get(index)?.end();
    this.#open.delete(index);
  }

  #stop(message: JsonRecord): void {
    this.#metadata.message(message);
    this.#finish ??= asString(message.stop_reason);
  }

  #finishReason(word: string): FinishReason {
    const reason = finishReasons[word] ?? FinishReason.OTHER;
    if (reason === FinishReason.STOP && this.#blocks.hasTools) return FinishReason.TOOL_CALLS;
    const onlyResponded = this.#responded && !this.#blocks.hasTools;
    return reason === FinishReason.TOOL_CALLS && onlyResponded ? FinishReason.STOP : reason;
  }
}

const NO_EVENTS: readonly ChatEvent[] = [];

function malformed(data: string): GatewayError {
  return malformedAnswer("no message", data);
}

import { FinishReason, type Usage } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import type { Frame } from "../../wire/frame.ts";
import { BlockWriter } from "../blocks.ts";
import type { DecodeOptions, Decoder } from "../dialect.ts";
import { asCount, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { malformedAnswer, truncatedAnswer } from "../upstream-failure.ts";
import { explainInAnswer, isError } from "./explain.ts";
import { readMetadata } from "./extras.ts";
import { OutputItems } from "./items.ts";
import { readUsage } from "./usage.ts";

export const DIALECT = "openai-responses";

/** Words of the wire for why an answer ended. What is not here is OTHER. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  completed: FinishReason.STOP,
  max_output_tokens: FinishReason.LENGTH,
  content_filter: FinishReason.CONTENT_FILTER,
};

/** What an event says of the items. `at` is the item's place in the output. */
type Handler = (items: OutputItems, at: number, event: JsonRecord) => void;

const handlers: Readonly<Record<string, Handler>> = {
  "response.output_item.added": (items, at, { item }) => items.added(at, asRecord(item) ?? {}),
  "response.output_item.done": (items, at, { item }) => items.done(at, asRecord(item) ?? {}),
  "response.output_text.delta": (items, at, event) =>
    items.text(at, partOf(event), asString(event.delta) ?? "", event.logprobs),
  "response.refusal.delta": (items, at, event) => items.refusal(at, partOf(event), asString(event.delta) ?? ""),
  "response.output_text.annotation.added": (items, at, event) => items.annotation(at, partOf(event), event.annotation),
  "response.reasoning_summary_text.delta": (items, at, event) =>
    items.reasoning(at, `summary ${asCount(event.summary_index) ?? 0}`, asString(event.delta) ?? ""),
  "response.reasoning_text.delta": (items, at, event) =>
    items.reasoning(at, `content ${partOf(event)}`, asString(event.delta) ?? ""),
  "response.function_call_arguments.delta": (items, at, event) => items.callArguments(at, asString(event.delta) ?? ""),
};

/** Events with which an answer ends, whatever became of it. */
const lastEvents: ReadonlySet<string> = new Set([
  "response.completed",
  "response.incomplete",
  "response.failed",
  "response.cancelled",
]);

/** Decodes responses: a stream's events, or a whole body as the one frame that it is. */
export class OpenAiResponsesDecoder implements Decoder {
  readonly #options: DecodeOptions;
  readonly #blocks = new BlockWriter();
  readonly #items: OutputItems;
  #lastAt = 0;
  #started = false;
  #ended = false;
  #finish: string | undefined;
  #model = "";
  #responseId = "";
  #usage: Usage | undefined;
  #metadata: JsonRecord | undefined;

  constructor(options: DecodeOptions, stateName: string) {
    this.#options = options;
    this.#items = new OutputItems(this.#blocks, stateName, (n) => options.mintCallId(n));
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
    // OpenRouter ends its streams so, after the last event; elsewhere it means nothing here (recorded 2026-11).
    if (data === "[DONE]") return this.finish();
    if (data === "") return [];
    const event = asRecord(parseJson(data));
    if (event === undefined) throw malformed(data);
    const type = asString(event.type) ?? frame.event ?? "";
    if (type === "error" || frame.event === "error" || isError(event)) throw explainInAnswer(event);
    if (this.#options.whole) return this.#whole(event, data);

    const response = asRecord(event.response);
    if (response !== undefined) this.#head(response);
    if (lastEvents.has(type)) {
      this.#conclude(response ?? {}, type.slice("response.".length));
      return this.finish();
    }
    const handler = handlers[type];
    if (handler === undefined && response === undefined) return [];
    const start = this.#start();
    if (handler !== undefined) {
      this.#lastAt = asCount(event.output_index) ?? this.#lastAt;
      handler(this.#items, this.#lastAt, event);
    }
    const events = this.#blocks.take();
    return start === undefined ? events : [start, ...events];
  }

  finish(): readonly ChatEvent[] {
    if (this.#ended) return [];
    if (this.#finish === undefined) {
      throw truncatedAnswer();
    }
    this.#ended = true;
    const start = this.#start();
    this.#blocks.closeAll();
    const end = endEvent({
      finishReason: this.#finishReason(this.#finish),
      providerFinishReason: this.#finish,
      model: this.#model,
      providerResponseId: this.#responseId,
      usage: this.#usage,
      providerMetadata: this.#metadata as Parameters<typeof endEvent>[0]["providerMetadata"],
    });
    return [...(start === undefined ? [] : [start]), ...this.#blocks.take(), end];
  }

  /** A body is a response; what a failed or unfinished one says is no answer. */
  #whole(response: JsonRecord, data: string): readonly ChatEvent[] {
    const status = asString(response.status) ?? (Array.isArray(response.output) ? "completed" : undefined);
    if (status === undefined) throw malformed(data);
    this.#head(response);
    if (status === "in_progress" || status === "queued") return [];
    this.#conclude(response, status);
    return this.finish();
  }

  #head(response: JsonRecord): void {
    this.#model = asString(response.model) || this.#model;
    this.#responseId = asString(response.id) || this.#responseId;
    this.#usage = readUsage(response.usage) ?? this.#usage;
  }

  #start(): ChatEvent | undefined {
    if (this.#started) return undefined;
    this.#started = true;
    this.#model ||= this.#options.model;
    return startEvent(this.#model, this.#responseId);
  }

  #conclude(response: JsonRecord, ending: string): void {
    const status = asString(response.status) ?? ending;
    if (status === "failed" || status === "cancelled") throw explainInAnswer(response);
    this.#metadata = readMetadata(response);
    this.#items.all(response.output);
    this.#finish = asString(asRecord(response.incomplete_details)?.reason) || status;
  }

  #finishReason(word: string): FinishReason {
    const reason = finishReasons[word] ?? FinishReason.OTHER;
    if (reason !== FinishReason.STOP) return reason;
    if (this.#blocks.hasTools) return FinishReason.TOOL_CALLS;
    return this.#items.refused ? FinishReason.REFUSAL : FinishReason.STOP;
  }
}

function partOf(event: JsonRecord): number {
  return asCount(event.content_index) ?? 0;
}

function malformed(data: string): GatewayError {
  return malformedAnswer("no response", data);
}

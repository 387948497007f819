import { FinishReason, type Usage } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import type { Frame } from "../../wire/frame.ts";
import { BlockWriter } from "../blocks.ts";
import type { DecodeOptions, Decoder } from "../dialect.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { readToken } from "../openai-logprobs.ts";
import { malformedAnswer, truncatedAnswer } from "../upstream-failure.ts";
import { explainInAnswer } from "./explain.ts";
import { readUsage } from "./usage.ts";

export const DIALECT = "ollama";

/** Words of `done_reason`. What is not here is OTHER, such as `load`: the server loaded the model and said nothing. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  // Old versions, and servers that imitate Ollama, say only that it is done.
  "": FinishReason.STOP,
  stop: FinishReason.STOP,
  length: FinishReason.LENGTH,
};

/** Times of the last chunk, in ns, that tell a slow model from one that had to be loaded. */
const METADATA_FIELDS = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"] as const;

/** Decodes Ollama's chat: the lines of a stream, or a whole body, which is its only line. */
export class OllamaDecoder implements Decoder {
  readonly #options: DecodeOptions;
  readonly #blocks = new BlockWriter();
  #mintedIds = 0;
  #model = "";
  #responseId = "";
  #started = false;
  #ended = false;
  #cut = false;
  #finish: string | undefined;
  #usage: Usage | undefined;
  #metadata: Record<string, number> | undefined;

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
    if (data === "") return [];
    const chunk = asRecord(parseJson(data));
    // A line that does not parse may be the last one, cut off in the middle. What comes next tells.
    if (chunk === undefined && !this.#cut && !this.#options.whole && data.startsWith("{")) {
      this.#cut = true;
      return [];
    }
    if (chunk === undefined || this.#cut) throw malformed(data);
    if (chunk.error !== undefined && chunk.error !== null) throw explainInAnswer(chunk);

    const message = asRecord(chunk.message);
    if (message === undefined && chunk.done !== true) throw malformed(data);
    const start = this.#start(chunk);
    if (message !== undefined) this.#message(message, chunk.logprobs);
    if (chunk.done === true) return [...start, ...this.#end(chunk)];
    const events = this.#blocks.take();
    return start.length === 0 ? events : [...start, ...events];
  }

  finish(): readonly ChatEvent[] {
    if (this.#ended) return [];
    throw truncatedAnswer();
  }

  #start(chunk: JsonRecord): readonly ChatEvent[] {
    if (this.#started) return NO_EVENTS;
    this.#started = true;
    this.#model = asString(chunk.model) || this.#options.model;
    // Ollama's answers have none; servers that imitate it may.
    this.#responseId = asString(chunk.id) ?? "";
    return [startEvent(this.#model, this.#responseId)];
  }

  #message(message: JsonRecord, logprobs: unknown): void {
    const thinking = asString(message.thinking) ?? "";
    const text = asString(message.content) ?? "";
    const tokens = asArray(logprobs).map(readToken);
    if (thinking !== "") this.#blocks.prose("reasoning", thinking, text === "" ? tokens : undefined);
    if (text !== "") this.#blocks.prose("text", text, tokens);
    for (const item of asArray(message.tool_calls)) this.#toolCall(asRecord(item));
  }

  /** Calls come whole, with their arguments as an object, and without ids from older versions. */
  #toolCall(call: JsonRecord | undefined): void {
    const fn = asRecord(call?.function);
    const name = asString(fn?.name) || undefined;
    if (fn === undefined || name === undefined) throw malformed("a tool call without a name");
    const id = asString(call?.id) || this.#options.mintCallId(this.#mintedIds++);
    const index = this.#blocks.tool(id, name);
    const args = fn.arguments;
    const text = typeof args === "string" ? args : asRecord(args) === undefined ? "" : JSON.stringify(args);
    if (text !== "") this.#blocks.toolArguments(index, text);
  }

  #end(chunk: JsonRecord): readonly ChatEvent[] {
    const finish = asString(chunk.done_reason) ?? "";
    this.#finish = finish;
    this.#usage = readUsage(chunk);
    for (const field of METADATA_FIELDS) {
      const value = chunk[field];
      if (typeof value === "number") this.#metadata = { ...this.#metadata, [field]: value };
    }
    this.#ended = true;
    this.#blocks.closeAll();
    const end = endEvent({
      finishReason: this.#finishReason(finish),
      providerFinishReason: finish,
      model: this.#model,
      providerResponseId: this.#responseId,
      usage: this.#usage,
      providerMetadata: this.#metadata,
    });
    return [...this.#blocks.take(), end];
  }

  #finishReason(word: string): FinishReason {
    const reason = finishReasons[word] ?? FinishReason.OTHER;
    return reason === FinishReason.STOP && this.#blocks.hasTools ? FinishReason.TOOL_CALLS : reason;
  }
}

const NO_EVENTS: readonly ChatEvent[] = [];

function malformed(data: string): GatewayError {
  return malformedAnswer("no chat of Ollama's", data);
}

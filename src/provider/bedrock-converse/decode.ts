import { FinishReason, type Usage } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import type { Frame } from "../../wire/frame.ts";
import type { DecodeOptions, Decoder } from "../dialect.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { malformedAnswer, truncatedAnswer } from "../upstream-failure.ts";
import { AnswerBlocks } from "./answer-blocks.ts";
import { explainInStream } from "./explain.ts";
import { readMetadata, routedModel } from "./extras.ts";
import { readUsage } from "./usage.ts";

/** Words of the wire for why the model stopped. What is not here is OTHER. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  end_turn: FinishReason.STOP,
  stop_sequence: FinishReason.STOP,
  tool_use: FinishReason.TOOL_CALLS,
  max_tokens: FinishReason.LENGTH,
  model_context_window_exceeded: FinishReason.LENGTH,
  guardrail_intervened: FinishReason.CONTENT_FILTER,
  content_filtered: FinishReason.CONTENT_FILTER,
  refusal: FinishReason.REFUSAL,
};

/** Decodes an answer of ConverseStream, message by message, or of Converse, a whole body as the one frame that it is. */
export class BedrockConverseDecoder implements Decoder {
  readonly #options: DecodeOptions;
  readonly #blocks: AnswerBlocks;
  #started = false;
  #ended = false;
  #stop: string | undefined;
  /** `metadata` came: usage and traces. It follows `messageStop`; a recorded stream has it before (2026-11). */
  #reported = false;
  #usage: Usage | undefined;
  #metadata: JsonRecord | undefined;

  constructor(options: DecodeOptions) {
    this.#options = options;
    this.#blocks = new AnswerBlocks((n) => options.mintCallId(n));
  }

  get ended(): boolean {
    return this.#ended;
  }

  get usage(): Usage | undefined {
    return this.#usage;
  }

  get finishing(): boolean {
    return this.#stop !== undefined;
  }

  push(frame: Frame): readonly ChatEvent[] {
    if (this.#ended) return [];
    if (!this.#options.whole && isException(frame.event)) throw explainInStream(frame.event ?? "", frame.data);
    const message = asRecord(parseJson(frame.data));
    if (message === undefined) throw malformed(frame.data);
    if (this.#options.whole) return this.#whole(message, frame.data);

    const events = this.#message(frame.event ?? "", message);
    return this.#stop !== undefined && this.#reported ? [...events, ...this.finish()] : events;
  }

  finish(): readonly ChatEvent[] {
    if (this.#ended) return [];
    if (this.#stop === undefined || !this.#started) {
      throw truncatedAnswer();
    }
    this.#ended = true;
    this.#blocks.closeAll();
    const { serverTools } = this.#blocks;
    const metadata = serverTools.length === 0 ? this.#metadata : { ...this.#metadata, serverTools };
    const end = endEvent({
      finishReason: this.#finishReason(this.#stop),
      providerFinishReason: this.#stop,
      model: routedModel(this.#metadata) ?? this.#options.model,
      // Only a header has it.
      providerResponseId: "",
      usage: this.#usage,
      providerMetadata: metadata as Parameters<typeof endEvent>[0]["providerMetadata"],
    });
    return [...this.#blocks.take(), end];
  }

  #message(event: string, message: JsonRecord): readonly ChatEvent[] {
    const index = message.contentBlockIndex;
    const at = typeof index === "number" ? index : 0;
    switch (event) {
      case "messageStart":
        break;
      case "contentBlockStart":
        this.#blocks.start(at, asRecord(message.start) ?? {});
        break;
      case "contentBlockDelta":
        this.#blocks.delta(at, asRecord(message.delta) ?? {});
        break;
      case "contentBlockStop":
        this.#blocks.stop(at);
        break;
      case "messageStop":
        this.#stop ??= asString(message.stopReason) ?? "";
        this.#metadata = readMetadata(message, this.#metadata);
        break;
      case "metadata":
        this.#report(message);
        break;
      // Kinds of messages that are newer than this.
      default:
        return [];
    }
    return this.#begun();
  }

  /** A whole answer: its blocks, as if each had come in a stream of its own. */
  #whole(body: JsonRecord, text: string): readonly ChatEvent[] {
    const content = asRecord(asRecord(body.output)?.message)?.content;
    const stop = asString(body.stopReason);
    if (!Array.isArray(content) || stop === undefined) throw malformed(text);
    for (const [at, block] of asArray(content).entries()) this.#blocks.whole(at, asRecord(block) ?? {});
    this.#stop = stop;
    this.#report(body);
    return this.#begun();
  }

  #report(message: JsonRecord): void {
    this.#reported = true;
    this.#usage = readUsage(message.usage) ?? this.#usage;
    this.#metadata = readMetadata(message, this.#metadata);
  }

  /** What came since the last time, after the start where this is the first. The wire does not say which model answers. */
  #begun(): readonly ChatEvent[] {
    const events = this.#blocks.take();
    if (this.#started) return events;
    this.#started = true;
    return [startEvent(this.#options.model, ""), ...events];
  }

  #finishReason(word: string): FinishReason {
    const reason = finishReasons[word] ?? FinishReason.OTHER;
    if (reason !== FinishReason.STOP && reason !== FinishReason.TOOL_CALLS) return reason;
    // An answer in JSON through a tool, and tools that ran at the provider, ask the caller for nothing.
    return this.#blocks.hasCalls ? FinishReason.TOOL_CALLS : FinishReason.STOP;
  }
}

/** `throttlingException` and the like, by `:exception-type`; or an `:error-code`. */
function isException(event: string | undefined): boolean {
  return event === "error" || event?.endsWith("Exception") === true;
}

function malformed(data: string): GatewayError {
  return malformedAnswer("none of Converse", data);
}

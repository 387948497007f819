import { FinishReason, type Usage } from "../../domain/contract.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import type { Frame } from "../../wire/frame.ts";
import type { DecodeOptions, Decoder } from "../dialect.ts";
import { asArray, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { truncatedAnswer } from "../upstream-failure.ts";
import { PartDecoder } from "./decode-parts.ts";
import { explainBlock, explainGeneration, explainInAnswer, malformed, said } from "./explain.ts";
import { readCitations, readLogprobs, readMetadata } from "./extras.ts";
import { finishReasons, malformedWords, refusedWords } from "./finish.ts";
import { asCounted, readUsage } from "./usage.ts";

/**
 * Decodes generated content: a stream's chunks, a whole body as the one frame that it is, or a body that is a list of
 * chunks. Looks at candidate 0 only: the contract asks for one.
 */
export class GeminiDecoder implements Decoder {
  readonly #askedModel: string;
  readonly #parts: PartDecoder;
  #started = false;
  #ended = false;
  #finishing = false;
  #model = "";
  #responseId = "";
  #finish: string | undefined;
  #finishMessage = "";
  /** The last that was said; most chunks say it anew, so that it is read only where somebody asks. */
  #counted: JsonRecord | undefined;
  #metadata: Record<string, unknown> | undefined;
  #grounding: unknown;
  #recited: unknown;

  constructor(options: DecodeOptions) {
    this.#askedModel = options.model;
    this.#parts = new PartDecoder(options);
  }

  get ended(): boolean {
    return this.#ended;
  }

  get usage(): Usage | undefined {
    return this.#counted && readUsage(this.#counted);
  }

  get finishing(): boolean {
    return this.#finishing;
  }

  push(frame: Frame): readonly ChatEvent[] {
    if (this.#ended) return [];
    const data = frame.data.trim();
    if (data === "") return [];
    const body = parseJson(data);
    return Array.isArray(body) && body.length > 0
      ? body.flatMap((chunk) => this.#chunk(chunk, frame, data))
      : this.#chunk(body, frame, data);
  }

  finish(): readonly ChatEvent[] {
    if (this.#ended) return [];
    if (this.#finish === undefined || !this.#started) {
      throw truncatedAnswer();
    }
    const refused = this.#parts.hasCalls ? malformedWords : refusedWords;
    if (refused.has(this.#finish)) throw explainGeneration(this.#finish, this.#finishMessage);
    this.#ended = true;
    this.#finishing = true;
    this.#parts.end(readCitations(this.#grounding, this.#recited, this.#parts.text));
    const { others } = this.#parts;
    const metadata = others.length === 0 ? this.#metadata : { ...this.#metadata, parts: others };
    const end = endEvent({
      finishReason: this.#finishReason(this.#finish),
      providerFinishReason: this.#finish,
      model: this.#model,
      providerResponseId: this.#responseId,
      usage: this.usage,
      providerMetadata: metadata as Parameters<typeof endEvent>[0]["providerMetadata"],
    });
    return [...this.#parts.take(), end];
  }

  #chunk(value: unknown, frame: Frame, data: string): readonly ChatEvent[] {
    const chunk = asRecord(value);
    if (chunk === undefined) throw malformed(data);
    if (frame.event === "error" || (chunk.error !== undefined && chunk.error !== null)) throw explainInAnswer(chunk);
    const counted = asCounted(chunk.usageMetadata);
    this.#counted = counted ?? this.#counted;
    const feedback = asRecord(chunk.promptFeedback);
    const blocked = said(feedback?.blockReason);
    if (feedback !== undefined && blocked !== undefined) throw explainBlock(blocked, feedback);

    const candidate = asRecord(asArray(chunk.candidates).find((item) => (asRecord(item)?.index ?? 0) === 0));
    this.#metadata = readMetadata(chunk, candidate, this.#metadata);
    const prefix = this.#start(chunk, candidate);
    if (candidate !== undefined) this.#candidate(candidate, counted !== undefined);
    const events = this.#parts.take();
    return prefix === undefined ? events : [prefix, ...events];
  }

  #start(chunk: JsonRecord, candidate: JsonRecord | undefined): ChatEvent | undefined {
    if (this.#model === "") this.#model = asString(chunk.modelVersion) ?? "";
    if (this.#responseId === "") this.#responseId = asString(chunk.responseId) ?? "";
    if (this.#started || candidate === undefined) return undefined;
    this.#started = true;
    this.#model ||= this.#askedModel;
    return startEvent(this.#model, this.#responseId);
  }

  #candidate(candidate: JsonRecord, counted: boolean): void {
    // Neither content nor its parts need be there.
    this.#parts.addAll(asRecord(candidate.content)?.parts, readLogprobs(candidate.logprobsResult));
    this.#grounding = candidate.groundingMetadata ?? this.#grounding;
    this.#recited = candidate.citationMetadata ?? this.#recited;
    const finish = said(candidate.finishReason);
    // The last word stands: old models say STOP on every chunk, and RECITATION in the end (recorded at Vertex).
    this.#finish = finish ?? this.#finish;
    this.#finishMessage = asString(candidate.finishMessage) ?? this.#finishMessage;
    // Nothing says that no more comes. Those old models count in their last chunk only; an answer with calls may go on
    // after STOP, when the provider itself runs the tool (recorded, 2026-02): its end is the end of the body.
    this.#finishing = finish !== undefined && counted && !this.#parts.hasCalls;
  }

  #finishReason(word: string): FinishReason {
    const reason = finishReasons[word] ?? FinishReason.OTHER;
    const done = reason === FinishReason.STOP || refusedWords.has(word);
    return done && this.#parts.hasOpenCalls ? FinishReason.TOOL_CALLS : reason;
  }
}

import { FinishReason, type Usage } from "../../domain/contract.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import { BlockWriter } from "../blocks.ts";
import { asArray, asRecord, asString, type JsonRecord } from "../json.ts";
import { malformedAnswer, truncatedAnswer } from "../upstream-failure.ts";
import { ContentWriter } from "./content.ts";
import { explainInAnswer, explainStop } from "./explain.ts";
import { readUsage } from "./usage.ts";
import { upgradePart } from "./versions.ts";
import { checkWarnings } from "./warnings.ts";
import type { Version } from "./wire-types.ts";

export interface DecoderOptions {
  /** Name of the provider, as configured. */
  readonly provider: string;
  /** Model asked for: the answer's, where the package does not say. */
  readonly model: string;
  /** What the package calls itself. */
  readonly owner: string;
  readonly version: Version;
  /** The answer came whole: that it has no reason for its end does not mean that it was cut. */
  readonly whole: boolean;
  /** ms since 1970, to read dates in retry hints. */
  readonly wallNow: number;
  mintCallId(n: number): string;
}

/** Words of the specification for why the model stopped. What is not here is OTHER. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  stop: FinishReason.STOP,
  length: FinishReason.LENGTH,
  "content-filter": FinishReason.CONTENT_FILTER,
  "tool-calls": FinishReason.TOOL_CALLS,
};

/** Turns the parts of an answer, streamed or whole, into events. Without waiting, as the decoders of wires. */
export class AiSdkDecoder {
  readonly #options: DecoderOptions;
  readonly #blocks = new BlockWriter();
  readonly #content: ContentWriter;
  #mintedIds = 0;
  #started = false;
  #model: string;
  #responseId = "";
  #finish: JsonRecord | undefined;
  #usage: Usage | undefined;
  #metadata: Record<string, unknown> = {};

  constructor(options: DecoderOptions) {
    this.#options = options;
    this.#model = options.model;
    this.#content = new ContentWriter(this.#blocks, options.owner, () => options.mintCallId(this.#mintedIds++));
  }

  get usage(): Usage | undefined {
    return this.#usage;
  }

  /** The model said that it is done. */
  get finishing(): boolean {
    return this.#finish !== undefined;
  }

  /** Throws a `GatewayError` for an error in the answer, and for what was left out of what was asked. */
  push(value: unknown): readonly ChatEvent[] {
    const given = asRecord(value);
    if (given === undefined) throw malformedAnswer("no part of one", String(value));
    const part = upgradePart(given, this.#options.version);
    switch (part.type) {
      case "stream-start": {
        const warnings = checkWarnings(part.warnings, this.#options.provider);
        if (warnings.length > 0) this.#metadata.warnings = warnings;
        return NO_EVENTS;
      }
      case "response-metadata":
        this.#model = asString(part.modelId) || this.#model;
        this.#responseId = asString(part.id) ?? this.#responseId;
        return this.#begin();
      case "error":
        throw explainInAnswer(part.error, this.#options);
      case "finish":
        this.#finish = asRecord(part.finishReason) ?? {};
        this.#usage = readUsage(part.usage);
        this.#metadata = { ...this.#metadata, ...asRecord(part.providerMetadata) };
        return NO_EVENTS;
      default: {
        this.#content.push(part);
        const events = this.#blocks.take();
        return events.length === 0 ? events : [...this.#begin(), ...events];
      }
    }
  }

  /** A whole answer goes through the parts that a stream would have. */
  pushWhole(value: unknown): readonly ChatEvent[] {
    const result = asRecord(value);
    if (!Array.isArray(result?.content)) throw malformedAnswer("no generated content", JSON.stringify(value) ?? "");
    const events = wholeParts(result).flatMap((part) => this.push(part));
    return [...events, ...this.finish()];
  }

  /** Nothing follows. Throws `UPSTREAM_TRUNCATED` unless the answer is whole. */
  finish(): readonly ChatEvent[] {
    if (this.#finish === undefined) throw truncatedAnswer();
    const unified = asString(this.#finish.unified) ?? "";
    const raw = asString(this.#finish.raw);
    if (unified === "error") throw explainStop(raw);
    // Packages end a stream that was cut as any other, but without a reason.
    const unsaid = raw === undefined && finishReasons[unified] === undefined;
    if (unified === "interrupted" || (unsaid && !this.#options.whole)) throw truncatedAnswer();
    this.#content.close();
    const end = endEvent({
      finishReason: this.#finishReason(unified, raw),
      providerFinishReason: raw ?? unified,
      model: this.#model,
      providerResponseId: this.#responseId,
      usage: this.#usage,
      providerMetadata: toJson(this.#metadata),
    });
    return [...this.#begin(), ...this.#blocks.take(), end];
  }

  #begin(): readonly ChatEvent[] {
    if (this.#started) return NO_EVENTS;
    this.#started = true;
    return [startEvent(this.#model, this.#responseId)];
  }

  #finishReason(unified: string, raw: string | undefined): FinishReason {
    if (raw === "refusal") return FinishReason.REFUSAL;
    const reason = finishReasons[unified] ?? FinishReason.OTHER;
    return reason === FinishReason.STOP && this.#blocks.hasTools ? FinishReason.TOOL_CALLS : reason;
  }
}

const NO_EVENTS: readonly ChatEvent[] = [];

/** Metadata as JSON: packages write undefined and dates into theirs. */
function toJson(metadata: Readonly<Record<string, unknown>>) {
  if (Object.keys(metadata).length === 0) return undefined;
  return JSON.parse(JSON.stringify(metadata)) as Parameters<typeof endEvent>[0]["providerMetadata"];
}

/** The end comes first: what the answer used is known, whatever of the rest is refused. */
function wholeParts(result: JsonRecord): unknown[] {
  const { content, warnings, response, finishReason, usage, providerMetadata, structuredOutputText: text } = result;
  return [
    {
      type: "finish",
      finishReason,
      usage,
      providerMetadata: {
        ...asRecord(providerMetadata),
        ...(text === undefined ? {} : { structuredOutputText: text }),
      },
    },
    { type: "stream-start", warnings },
    { ...asRecord(response), type: "response-metadata" },
    ...asArray(content).flatMap((item, at) => streamed(item, String(at))),
  ];
}

/** Text and reasoning come in pieces in streams; the rest as it is. */
function streamed(item: unknown, id: string): unknown[] {
  const part = asRecord(item);
  if (part === undefined || (part.type !== "text" && part.type !== "reasoning")) return [item];
  const { type, text, providerMetadata, citations } = part;
  return [
    { type: `${type}-start`, id },
    { type: `${type}-delta`, id, delta: text },
    { type: `${type}-end`, id, providerMetadata, citations },
  ];
}

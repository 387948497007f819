import { FinishReason, type ProviderState, type TokenLogprob, type Usage } from "../../domain/contract.ts";
import type { GatewayError } from "../../domain/error.ts";
import { type ChatEvent, endEvent, startEvent } from "../../domain/event.ts";
import type { Frame } from "../../wire/frame.ts";
import { BlockWriter } from "../blocks.ts";
import type { DecodeOptions, Decoder } from "../dialect.ts";
import { asArray, asCount, asRecord, asString, type JsonRecord, parseJson } from "../json.ts";
import { malformedAnswer, truncatedAnswer } from "../upstream-failure.ts";
import { readCitation, readLogprobs } from "./citations.ts";
import { explainInAnswer, explainTimeout } from "./explain.ts";
import { readBilled, readUsage } from "./usage.ts";
import { toEvents } from "./whole.ts";

export const DIALECT = "cohere";

/** State of a part of reasoning that is the answer's `tool_plan`: it has a field of its own in the next turn. */
export const TOOL_PLAN = "tool_plan";

/** Words of the wire for why the model stopped. `ERROR` and `TIMEOUT` are failures; what is not here is OTHER. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  COMPLETE: FinishReason.STOP,
  STOP_SEQUENCE: FinishReason.STOP,
  MAX_TOKENS: FinishReason.LENGTH,
  TOOL_CALL: FinishReason.TOOL_CALLS,
};

/** What the model says to its reader, to itself, and what it means to do with its tools. */
type Prose = "text" | "thinking" | "plan";

/** Decodes Cohere's v2 chat: a stream's events, or a whole body as the one frame that it is. */
export class CohereDecoder implements Decoder {
  readonly #options: DecodeOptions;
  readonly #blocks = new BlockWriter();
  /** Blocks of tool calls by the wire's index. */
  readonly #tools = new Map<number, number>();
  /** The block of text, thinking or plan that is open. Its text so far is for the places that citations name. */
  #prose: { readonly block: number; readonly kind: Prose; text: string } | undefined;
  /** The wire's index of the content that is open. */
  #content = 0;
  #started = false;
  #ended = false;
  #responseId = "";
  #finish: string | undefined;
  #usage: Usage | undefined;
  #billed: Usage | undefined;
  #metadata: Record<string, unknown> | undefined;

  constructor(options: DecodeOptions) {
    this.#options = options;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get usage(): Usage | undefined {
    return this.#usage;
  }

  get billed(): Usage | undefined {
    return this.#billed;
  }

  get finishing(): boolean {
    return this.#finish !== undefined;
  }

  push(frame: Frame): readonly ChatEvent[] {
    if (this.#ended) return [];
    const data = frame.data.trim();
    if (data === "") return [];
    if (data === "[DONE]") return this.finish();
    const said = asRecord(parseJson(data));
    if (said === undefined) throw malformed(data);
    if (frame.event === "error" || isError(said)) throw explainInAnswer(said);
    if (!this.#options.whole) return this.#event(said, data);
    const events = toEvents(said);
    if (events === undefined) throw malformed(data);
    return events.flatMap((event) => this.#event(event, data));
  }

  finish(): readonly ChatEvent[] {
    if (this.#ended) return [];
    if (this.#finish === undefined || !this.#started) {
      throw truncatedAnswer();
    }
    this.#ended = true;
    this.#blocks.closeAll();
    const end = endEvent({
      finishReason: this.#finishReason(this.#finish),
      providerFinishReason: this.#finish,
      model: this.#options.model,
      providerResponseId: this.#responseId,
      usage: this.#usage,
      providerMetadata: this.#metadata as Parameters<typeof endEvent>[0]["providerMetadata"],
    });
    return [...this.#blocks.take(), end];
  }

  #event(said: JsonRecord, data: string): readonly ChatEvent[] {
    const delta = asRecord(said.delta);
    const message = asRecord(delta?.message);
    const index = asCount(said.index) ?? 0;
    const plan = asString(message?.tool_plan) ?? "";
    if (asString(said.type) === undefined) throw malformed(data);
    const start = this.#start(said.id);
    switch (said.type) {
      case "content-start":
        // Contents side by side are parts of their own, so that citations' places are right.
        this.#endProse();
        this.#content = index;
        this.#addContent(asRecord(message?.content) ?? {}, readLogprobs(said.logprobs));
        break;
      case "content-delta":
        this.#addContent(asRecord(message?.content) ?? {}, readLogprobs(said.logprobs));
        break;
      case "tool-plan-delta":
        if (plan !== "") this.#say("plan", plan);
        break;
      case "tool-call-start":
        this.#toolCall(index, asRecord(message?.tool_calls));
        break;
      case "tool-call-delta":
        this.#toolArguments(index, asRecord(message?.tool_calls), data);
        break;
      case "citation-start":
        this.#citation(message?.citations);
        break;
      case "message-end":
        this.#end(delta?.finish_reason, delta ?? {});
        // Nothing but `[DONE]` follows, and not always that.
        return this.finishing ? [...start, ...this.finish()] : [...start, ...this.#blocks.take()];
      default:
      // `content-end`, `tool-call-end`, `citation-end` say nothing more; `debug` and what is yet to come is not for callers.
    }
    const events = this.#blocks.take();
    return start.length === 0 ? events : [...start, ...events];
  }

  #start(id: unknown): readonly ChatEvent[] {
    if (this.#started) return NO_EVENTS;
    this.#started = true;
    this.#responseId = asString(id) ?? "";
    // The wire does not say which model answers.
    return [startEvent(this.#options.model, this.#responseId)];
  }

  #addContent(content: JsonRecord, logprobs: TokenLogprob[]): void {
    const thinking = asString(content.thinking) ?? "";
    const text = asString(content.text) ?? "";
    if (thinking !== "") this.#say("thinking", thinking, logprobs);
    if (text !== "") this.#say("text", text, thinking === "" ? logprobs : []);
    else if (thinking === "" && logprobs.length > 0) this.#say(this.#prose?.kind ?? "text", "", logprobs);
  }

  #say(kind: Prose, text: string, logprobs?: TokenLogprob[]): void {
    if (this.#prose?.kind !== kind) {
      this.#endProse();
      const block = this.#blocks.begin(kind === "text" ? "text" : "reasoning");
      if (kind === "plan") this.#blocks.state(block, state(TOOL_PLAN));
      this.#prose = { block, kind, text: "" };
    }
    this.#prose.text += text;
    this.#blocks.add(this.#prose.block, text, logprobs);
  }

  #endProse(): void {
    if (this.#prose !== undefined) this.#blocks.end(this.#prose.block);
    this.#prose = undefined;
  }

  #toolCall(index: number, call: JsonRecord | undefined): void {
    const fn = asRecord(call?.function);
    const name = asString(fn?.name) || undefined;
    if (name === undefined) throw malformed("a tool call without a name");
    this.#endProse();
    const id = asString(call?.id) || this.#options.mintCallId(this.#tools.size);
    this.#tools.set(index, this.#blocks.tool(id, name));
    this.#toolArguments(index, call, "");
  }

  #toolArguments(index: number, call: JsonRecord | undefined, data: string): void {
    const block = this.#tools.get(index);
    if (block === undefined) throw malformed(data);
    const text = asString(asRecord(call?.function)?.arguments) ?? "";
    if (text !== "") this.#blocks.toolArguments(block, text);
  }

  /** A citation goes with the content that it is about; one of a block that is closed, or of a plan, is kept as it came. */
  #citation(value: unknown): void {
    const about = asCount(asRecord(value)?.content_index) ?? this.#content;
    const isPlan = asRecord(value)?.type === "PLAN" || this.#prose?.kind === "plan";
    if (this.#prose !== undefined && about === this.#content && !isPlan) {
      this.#blocks.add(this.#prose.block, "", undefined, readCitation(value, this.#prose.text));
    } else {
      this.#metadata = { ...this.#metadata, citations: [...asArray(this.#metadata?.citations), value] };
    }
  }

  #end(finish: unknown, said: JsonRecord): void {
    this.#usage = readUsage(said.usage) ?? this.#usage;
    this.#billed = readBilled(said.usage) ?? this.#billed;
    const billed = asRecord(asRecord(said.usage)?.billed_units);
    if (billed !== undefined) this.#metadata = { ...this.#metadata, billed_units: billed };
    if (finish === "ERROR" || asString(said.error) !== undefined) throw explainInAnswer(said);
    if (finish === "TIMEOUT") throw explainTimeout();
    if (typeof finish === "string" && finish !== "") this.#finish = finish;
  }

  #finishReason(word: string): FinishReason {
    const reason = finishReasons[word] ?? FinishReason.OTHER;
    return reason === FinishReason.STOP && this.#blocks.hasTools ? FinishReason.TOOL_CALLS : reason;
  }
}

const NO_EVENTS: readonly ChatEvent[] = [];

function state(data: string): ProviderState {
  return { $typeName: "sluice.v1.ProviderState", dialect: DIALECT, id: "", data };
}

/** An error in the middle of a stream or in a 200: `{message: "…"}`, as errors are elsewhere. */
function isError({ error, message }: JsonRecord): boolean {
  return (error !== undefined && error !== null) || typeof message === "string";
}

function malformed(data: string): GatewayError {
  return malformedAnswer("no chat of Cohere's", data);
}

import type { Part, TokenLogprob } from "../../gen/sluice/v1/chat_pb.ts";
import type {
  BlockDelta,
  BlockEnd,
  BlockStart,
  StreamEnd,
  StreamResponse,
} from "../../gen/sluice/v1/gateway_service_pb.ts";

/** An answer as far as it has come. Never changed: the next event makes a new one. */
export interface Answer {
  /** Empty until the first event. */
  readonly requestId: string;
  /** Who answers, as far as it is known. */
  readonly provider: string;
  readonly model: string;
  /** The answer so far, in the form of `CompleteResponse.parts`; the last ones may still grow. */
  readonly parts: readonly Part[];
  readonly logprobs: readonly TokenLogprob[];
  /** How it ended: finish reason, usage, cost, attempts. Undefined until then: without it, the answer is not whole. */
  readonly end: StreamEnd | undefined;
}

const emptyAnswer: Answer = {
  requestId: "",
  provider: "",
  model: "",
  parts: [],
  logprobs: [],
  end: undefined,
};

/** Folds the events of one stream, in their order, into its answer. */
export class AnswerFold {
  #answer = emptyAnswer;
  /** Of each open or closed block, where its part is. */
  #places = new Map<number, number>();
  /** What has come and was not discarded. */
  #events: StreamResponse[] = [];

  get answer(): Answer {
    return this.#answer;
  }

  add(response: StreamResponse): Answer {
    if (response.event.case === "restart") this.#discardFrom(response.event.value.discardFromSequence);
    this.#events.push(response);
    this.#apply(response);
    return this.#answer;
  }

  /** As if the events from this one on had never come. */
  #discardFrom(sequence: number): void {
    const kept = this.#events.filter((response) => response.sequence < sequence);
    this.#answer = emptyAnswer;
    this.#places = new Map();
    this.#events = kept;
    for (const response of kept) this.#apply(response);
  }

  #apply({ event }: StreamResponse): void {
    const answer = this.#answer;
    switch (event.case) {
      case "start":
      case "restart":
      case "end": {
        const { provider, model } = event.value;
        const requestId = event.case === "restart" ? answer.requestId : event.value.requestId;
        const end = event.case === "end" ? event.value : undefined;
        this.#answer = { ...answer, requestId, provider, model, end };
        return;
      }
      case "blockStart": {
        const part = toPart(event.value);
        if (part === undefined) return;
        this.#places.set(event.value.index ?? 0, answer.parts.length);
        this.#answer = { ...answer, parts: [...answer.parts, part] };
        return;
      }
      case "blockDelta": {
        const { logprobs } = event.value;
        if (logprobs.length > 0) this.#answer = { ...answer, logprobs: [...answer.logprobs, ...logprobs] };
        this.#change(event.value, (part) => appendTo(part, event.value));
        return;
      }
      case "blockEnd":
        this.#change(event.value, (part) => closed(part, event.value));
        return;
      case undefined:
    }
  }

  #change({ index = 0 }: BlockDelta | BlockEnd, change: (part: Part) => Part): void {
    const place = this.#places.get(index);
    const part = place === undefined ? undefined : this.#answer.parts[place];
    if (place === undefined || part === undefined) return;
    const parts = [...this.#answer.parts];
    parts[place] = change(part);
    this.#answer = { ...this.#answer, parts };
  }
}

/** The part that a block begins; undefined for kinds of blocks that this version does not know. */
function toPart({ block }: BlockStart): Part | undefined {
  const base = { $typeName: "sluice.v1.Part" as const, citations: [] };
  switch (block.case) {
    case "text":
      return { ...base, content: { case: "text", value: "" } };
    case "reasoning":
      return { ...base, content: { case: "reasoning", value: { $typeName: "sluice.v1.Reasoning", text: "" } } };
    case "toolCall": {
      const { callId, name } = block.value;
      const value = { $typeName: "sluice.v1.ToolCall" as const, callId, name, argumentsJson: "" };
      return { ...base, content: { case: "toolCall", value } };
    }
    case "image":
    case "audio":
      return { ...base, content: block };
    case undefined:
      return undefined;
  }
}

function appendTo(part: Part, { text, citations }: BlockDelta): Part {
  const cited = citations.length === 0 ? part : { ...part, citations: [...part.citations, ...citations] };
  const { content } = part;
  switch (content.case) {
    case "text":
      return { ...cited, content: { case: "text", value: content.value + text } };
    case "reasoning":
      return { ...cited, content: { case: "reasoning", value: { ...content.value, text: content.value.text + text } } };
    case "toolCall": {
      const argumentsJson = content.value.argumentsJson + text;
      return { ...cited, content: { case: "toolCall", value: { ...content.value, argumentsJson } } };
    }
    default:
      return cited;
  }
}

function closed(part: Part, { providerState }: BlockEnd): Part {
  return providerState === undefined ? part : { ...part, providerState };
}

import type {
  BlockStart,
  Citation,
  FinishReason,
  ProviderState,
  StreamEnd,
  StreamResponse,
  TokenLogprob,
  Usage,
} from "./contract.ts";
import { toStruct } from "./struct.ts";

/** What happens in an answer: the contract's event, without its number. */
export type ChatEvent = Exclude<StreamResponse["event"], { case: undefined }>;

/** Events that came together, at least one, in their order. */
export type Batch = readonly ChatEvent[];

/** How an answer is wanted: event by event, or folded into one response. */
export type Delivery = "stream" | "unary";

export type BlockKind = Exclude<BlockStart["block"], { case: undefined }>;

// Generated messages are plain objects, so the hot path writes them as literals: `create()` costs ten times more.

export function startEvent(model: string, providerResponseId: string): ChatEvent {
  return {
    case: "start",
    value: { $typeName: "sluice.v1.StreamStart", requestId: "", provider: "", model, providerResponseId },
  };
}

export function blockStartEvent(index: number, block: BlockKind): ChatEvent {
  return { case: "blockStart", value: { $typeName: "sluice.v1.BlockStart", index, block } };
}

const NO_LOGPROBS: TokenLogprob[] = [];
const NO_CITATIONS: Citation[] = [];

export function blockDeltaEvent(
  index: number,
  text: string,
  logprobs: TokenLogprob[] = NO_LOGPROBS,
  citations: Citation[] = NO_CITATIONS,
): ChatEvent {
  return { case: "blockDelta", value: { $typeName: "sluice.v1.BlockDelta", index, text, logprobs, citations } };
}

export function blockEndEvent(index: number, providerState?: ProviderState): ChatEvent {
  return {
    case: "blockEnd",
    value:
      providerState === undefined
        ? { $typeName: "sluice.v1.BlockEnd", index }
        : { $typeName: "sluice.v1.BlockEnd", index, providerState },
  };
}

export interface Ending {
  readonly finishReason: FinishReason;
  readonly providerFinishReason: string;
  readonly model: string;
  readonly providerResponseId: string;
  readonly usage: Usage | undefined;
  readonly providerMetadata: NonNullable<Extract<ChatEvent, { case: "end" }>["value"]["providerMetadata"]> | undefined;
}

/** The end as a dialect knows it; the attempt adds who answered and what was tried. */
export function endEvent(ending: Ending): ChatEvent {
  const { usage, providerMetadata } = ending;
  // Assigned one by one: every call has one, and spreading objects of one field each costs ten times more.
  const value: StreamEnd = {
    $typeName: "sluice.v1.StreamEnd",
    requestId: "",
    finishReason: ending.finishReason,
    providerFinishReason: ending.providerFinishReason,
    provider: "",
    model: ending.model,
    providerResponseId: ending.providerResponseId,
    attempts: [],
  };
  if (usage !== undefined) value.usage = usage;
  if (providerMetadata !== undefined) value.providerMetadata = toStruct(providerMetadata);
  return { case: "end", value };
}

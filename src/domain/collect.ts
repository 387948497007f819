import type { Answer } from "./call.ts";
import {
  type CompleteResponse,
  ErrorReason,
  type Part,
  type StreamEnd,
  type StreamStart,
  type TokenLogprob,
} from "./contract.ts";
import { GatewayError } from "./error.ts";
import type { Batch, BlockKind, ChatEvent } from "./event.ts";

interface OpenBlock {
  readonly kind: BlockKind;
  readonly pieces: string[];
  readonly citations: Part["citations"];
  providerState: Part["providerState"];
}

function toPart(block: OpenBlock): Part {
  const { citations, providerState } = block;
  const part: Part = { $typeName: "sluice.v1.Part", content: toContent(block), citations };
  if (providerState !== undefined) part.providerState = providerState;
  return part;
}

function toContent({ kind, pieces }: OpenBlock): Part["content"] {
  const text = pieces.length === 1 ? (pieces[0] ?? "") : pieces.join("");
  switch (kind.case) {
    case "text":
      return { case: "text", value: text };
    case "reasoning":
      return { case: "reasoning", value: { $typeName: "sluice.v1.Reasoning", text } };
    case "toolCall": {
      const { callId, name } = kind.value;
      return { case: "toolCall", value: { $typeName: "sluice.v1.ToolCall", callId, name, argumentsJson: text } };
    }
    case "image":
    case "audio":
      return kind;
  }
}

/**
 * Folds an answer's events into one response. Throws `UPSTREAM_TRUNCATED` where the end is missing: an answer without
 * its end is never whole.
 */
export async function collect({ first, rest }: Answer): Promise<CompleteResponse> {
  const blocks = new Map<number, OpenBlock>();
  const logprobs: TokenLogprob[] = [];
  let start: StreamStart | undefined;
  let end: StreamEnd | undefined;
  for (let events: Batch | undefined = first; events !== undefined; events = await rest?.next()) {
    for (const event of events) {
      if (event.case === "end") end = event.value;
      else if (event.case === "start") start = event.value;
      else fold(event, blocks, logprobs);
    }
  }
  if (end === undefined) {
    throw new GatewayError(ErrorReason.UPSTREAM_TRUNCATED, "The answer ended before it was complete. Try again.");
  }
  return toResponse(start, end, Array.from(blocks.values(), toPart), logprobs);
}

/** Assigned one by one: every whole answer is one, and spreading objects of one field each costs ten times more. */
function toResponse(
  start: StreamStart | undefined,
  end: StreamEnd,
  parts: Part[],
  logprobs: TokenLogprob[],
): CompleteResponse {
  const response: CompleteResponse = {
    $typeName: "sluice.v1.CompleteResponse",
    requestId: end.requestId,
    parts,
    finishReason: end.finishReason,
    providerFinishReason: end.providerFinishReason,
    provider: end.provider,
    model: end.model,
    providerResponseId: end.providerResponseId,
    attempts: end.attempts,
    logprobs,
  };
  if (end.usage !== undefined) response.usage = end.usage;
  if (end.cost !== undefined) response.cost = end.cost;
  if (end.providerMetadata !== undefined) response.providerMetadata = end.providerMetadata;
  if (start?.routing !== undefined) response.routing = start.routing;
  return response;
}

function fold(event: ChatEvent, blocks: Map<number, OpenBlock>, logprobs: TokenLogprob[]): void {
  switch (event.case) {
    case "blockStart": {
      const kind = event.value.block;
      if (kind.case === undefined) return;
      blocks.set(event.value.index ?? 0, { kind, pieces: [], citations: [], providerState: undefined });
      return;
    }
    case "blockDelta": {
      const block = blocks.get(event.value.index ?? 0);
      block?.pieces.push(event.value.text);
      for (const citation of event.value.citations) block?.citations.push(citation);
      for (const logprob of event.value.logprobs) logprobs.push(logprob);
      return;
    }
    case "blockEnd": {
      const block = blocks.get(event.value.index ?? 0);
      if (block !== undefined) block.providerState = event.value.providerState;
      return;
    }
    case "restart":
      blocks.clear();
      logprobs.length = 0;
      return;
    case "start":
    case "end":
  }
}

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
  const text = block.pieces.join("");
  const base = {
    $typeName: "sluice.v1.Part" as const,
    citations: block.citations,
    ...(block.providerState === undefined ? {} : { providerState: block.providerState }),
  };
  switch (block.kind.case) {
    case "text":
      return { ...base, content: { case: "text", value: text } };
    case "reasoning":
      return { ...base, content: { case: "reasoning", value: { $typeName: "sluice.v1.Reasoning", text } } };
    case "toolCall": {
      const { callId, name } = block.kind.value;
      return {
        ...base,
        content: { case: "toolCall", value: { $typeName: "sluice.v1.ToolCall", callId, name, argumentsJson: text } },
      };
    }
    case "image":
    case "audio":
      return { ...base, content: block.kind };
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
  const { requestId, finishReason, providerFinishReason, usage, cost, provider, model, providerResponseId } = end;
  const { attempts, providerMetadata } = end;
  return {
    $typeName: "sluice.v1.CompleteResponse",
    requestId,
    // Blocks open in the order of their index.
    parts: Array.from(blocks.values(), toPart),
    finishReason,
    providerFinishReason,
    provider,
    model,
    providerResponseId,
    attempts,
    logprobs,
    ...(usage === undefined ? undefined : { usage }),
    ...(cost === undefined ? undefined : { cost }),
    ...(providerMetadata === undefined ? undefined : { providerMetadata }),
    ...(start?.routing === undefined ? undefined : { routing: start.routing }),
  };
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
      block?.citations.push(...event.value.citations);
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

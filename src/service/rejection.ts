import { type Attribution, ErrorReason } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { CallEnd } from "../domain/watch.ts";

/** Longest value that is told of a request that was refused, characters: its own rules did not bound it. */
const MAX_CHARS = 256;

/** Most entries of its metadata. */
const MAX_ENTRIES = 32;

/** What a refused request said of itself. */
export interface Refused {
  readonly attribution: Attribution | undefined;
  readonly model: string;
}

/** The end of an RPC that never became a call; without its request, where that could not be read. */
export function rejection(
  error: GatewayError | { readonly reason: ErrorReason },
  request: Refused | undefined,
  latencyMs: number,
): CallEnd {
  return {
    ...lookedUp(latencyMs),
    attribution: request?.attribution === undefined ? undefined : shorten(request.attribution),
    model: cut(request?.model ?? ""),
    outcome: "rejected",
    reason: error.reason,
    error: error instanceof Error ? error : undefined,
  };
}

/** The end of an RPC that the gateway itself answered, of what it knows. */
export function lookedUp(latencyMs: number): CallEnd {
  return {
    attribution: undefined,
    model: "",
    outcome: "answered",
    reason: ErrorReason.UNSPECIFIED,
    error: undefined,
    provider: undefined,
    servedModel: undefined,
    finishReason: undefined,
    usage: undefined,
    cost: undefined,
    attempts: [],
    latencyMs,
    timeToFirstEventMs: undefined,
    queueMs: 0,
    overheadMs: latencyMs,
  };
}

/** The end of an RPC that was refused before it was read. */
export function unread(reason: ErrorReason, latencyMs: number): CallEnd {
  return rejection({ reason }, undefined, latencyMs);
}

function shorten({ $typeName, feature, userId, sessionId, promptVersion, metadata }: Attribution): Attribution {
  const entries = Object.entries(metadata).slice(0, MAX_ENTRIES);
  return {
    $typeName,
    feature: cut(feature),
    userId: cut(userId),
    sessionId: cut(sessionId),
    promptVersion: cut(promptVersion),
    metadata: Object.fromEntries(entries.map(([key, value]) => [cut(key), cut(value)])),
  };
}

function cut(text: string): string {
  return text.length <= MAX_CHARS ? text : `${text.slice(0, MAX_CHARS).toWellFormed()}…`;
}

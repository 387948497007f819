import type { StreamResponse } from "../domain/contract.ts";
import type { RpcContext } from "./context.ts";

/** A stream that can be taken up again, wherever it runs. */
export interface KeptStream {
  readonly requestId: string;
  /** Who may take it up: calls of the feature that asked for it. */
  readonly feature: string;
  /**
   * What came after this event, and what still comes. Whoever read before gets an error that says so. Throws
   * `STREAM_LOST` where the events from there on are not kept any more.
   */
  takeUp(afterSequence: number, context: RpcContext): AsyncIterable<StreamResponse>;
  /** Cancels the call, if it still runs, and keeps nothing. Whoever reads is told. */
  forget(): void;
}

/**
 * Where kept streams are found. One that several instances share would answer, for a stream of another instance, with
 * an object that reads from there: so finding is a promise.
 */
export interface ResumeStore {
  add(stream: KeptStream): void;
  remove(requestId: string): void;
  find(requestId: string): Promise<KeptStream | undefined>;
}

/** The streams of this instance. */
export function createMemoryResumeStore(): ResumeStore {
  const streams = new Map<string, KeptStream>();
  return {
    add: (stream) => void streams.set(stream.requestId, stream),
    remove: (requestId) => void streams.delete(requestId),
    find: async (requestId) => streams.get(requestId),
  };
}

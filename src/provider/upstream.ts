import type { Call } from "../domain/call.ts";
import type { EmbeddingInput, ErrorReason, Prompt, Usage } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import type { AttemptTarget, AttemptWatch } from "../domain/watch.ts";
import type { ConnectionCounts, WireHead } from "../wire/send.ts";
import type { BatchLimits, Continuation, Embedder, WholeAnswer } from "./dialect.ts";

/** One request to an upstream, as a stream of events. */
export interface Upstream {
  /** What the answer has said so far of its tokens. */
  readonly usage: Usage | undefined;
  /** Tokens that the provider bills, where it says them apart from those that were used. */
  readonly billed: Usage | undefined;
  /** The model said that it is done. */
  readonly finishing: boolean;
  /** Time in which the gateway waited for the upstream, ms. */
  readonly waitedMs: number;
  /** Status and headers of the answer; undefined before there is one. */
  readonly head: WireHead | undefined;
  /** Ends the request now; who waits for events gets this error. */
  abort(error: GatewayError): void;
  /**
   * The answer's events that came since, up to its end; the first call sends the request. Undefined once there are no
   * more. Throws a `GatewayError` for anything that is no whole answer. One call at a time.
   */
  next(): Promise<Batch | undefined>;
  /** Nothing more is wanted: what is left of the request ends now. */
  close(): void;
}

/** One request to an upstream whose answer is wanted as it comes. */
interface WholeUpstream extends Pick<Upstream, "waitedMs" | "head" | "abort"> {
  /** Sends the request. Throws a `GatewayError` for anything that is no success, and what `decode` throws. Call once. */
  answer<R>(decode: (answer: WholeAnswer) => R): Promise<R>;
}

/** Makes a request ready to be sent; with the trace's headers, where the provider is to hear of it. */
export type SendWhole = (watch: Pick<AttemptWatch, "headers">) => WholeUpstream;

/** Vectors of one input, by one model. */
export interface BoundEmbedder extends Pick<Embedder, "decode"> {
  readonly limits: BatchLimits;
  /** The request for these of the input's texts. Throws `FEATURE_UNSUPPORTED` naming the field. */
  prepare(texts: readonly string[]): SendWhole;
}

/** A prompt that its provider counts. */
export interface Counting {
  readonly send: SendWhole;
  readonly decode: (answer: WholeAnswer) => number;
}

/** What the keys of a provider mean for its failures. */
export interface SpareKeys {
  /** Such a failure tells of the key that was used, and not of the target. */
  concern(reason: ErrorReason): boolean;
  /** After such a failure of one key, another one may be used at once. */
  hasSpare(reason: ErrorReason): boolean;
}

/** A configured place to send calls to, whatever speaks its wire. Must be closed. */
export interface UpstreamProvider<Encoded = unknown> {
  /** As callers and logs name it. */
  readonly name: string;
  /** Who sets its prices, in the price catalogue's words; undefined where nobody known does. */
  readonly catalogueProvider: string | undefined;
  /** What telemetry says of an attempt at this model. */
  describe(model: string): AttemptTarget;
  /** Connections now: with a request, without one; and requests that wait for one. */
  connections(): ConnectionCounts;
  /**
   * Encodes the call's prompt. Throws `FEATURE_UNSUPPORTED` or `INVALID_REQUEST` before a byte leaves. `continues`: its
   * last message is the beginning of the answer; only for models that have a `continuation`.
   */
  encode(call: Call, model: string, continues: boolean): Encoded;
  /** How this model goes on with an answer that was begun; undefined where it is not known to. */
  continuation(model: string): Continuation | undefined;
  /** A request that is ready to be sent; with the trace's headers, where the provider is to hear of it. */
  prepare(
    call: Call,
    model: string,
    encoded: Encoded,
    watch: Pick<AttemptWatch, "headers">,
    onHead: () => void,
  ): Upstream;
  /** How vectors of this model are made. Throws `FEATURE_UNSUPPORTED` where the provider has none. */
  embedder(input: EmbeddingInput, model: string): BoundEmbedder;
  /** How the provider counts this prompt; undefined where it does not. Throws where the model cannot take the prompt. */
  counter(prompt: Prompt, model: string): Counting | undefined;
  /** Several keys, with limits each of its own. Undefined where there is one at most. */
  readonly keys?: SpareKeys | undefined;
  close(): Promise<void>;
}

/** Where a call can go: a provider and a model of it. */
export interface Target {
  readonly provider: UpstreamProvider;
  readonly model: string;
}

/** As callers write it: `provider/model`. */
export function targetName({ provider, model }: Target): string {
  return `${provider.name}/${model}`;
}

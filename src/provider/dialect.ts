import type { EmbeddingInput, Prompt, Usage } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { ChatEvent, Delivery } from "../domain/event.ts";
import type { Frame } from "../wire/frame.ts";
import type { Framing } from "../wire/framing.ts";
import type { HeaderValue } from "../wire/send.ts";

/** Whom a body is written for. */
export interface DialectTarget {
  /** Name of the provider, as configured: the key of `prompt.provider_options`. */
  readonly provider: string;
  readonly model: string;
}

/** A request as its dialect writes it: the endpoint adds address and key. */
export interface EncodedRequest {
  /** Path below the endpoint's base URL, with its query. */
  readonly path: string;
  /** At Azure with an API version: the path is not below a deployment's, and the body says the model. */
  readonly outsideDeployments?: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface DecodeOptions {
  /** Model asked for: the answer's, where the wire does not say. */
  readonly model: string;
  /** The answer comes as one frame, its whole body. */
  readonly whole: boolean;
  /** Mints an id for the n-th tool call of an answer whose wire has none. */
  mintCallId(n: number): string;
}

/**
 * Turns one answer's frames into events. A state machine without waiting, so that splitting the bytes elsewhere
 * cannot change what comes out, and a whole answer goes through the same code as a streamed one.
 */
export interface Decoder {
  /** Throws a `GatewayError` for an error in the stream or what is no answer at all. */
  push(frame: Frame): readonly ChatEvent[];
  /** No frame follows. Throws `UPSTREAM_TRUNCATED` unless the answer is whole. */
  finish(): readonly ChatEvent[];
  /** The wire said that nothing follows: what still comes is to be ignored. */
  readonly ended: boolean;
  /** What was said so far of the answer's tokens. */
  readonly usage: Usage | undefined;
  /** Tokens that the provider bills, where it says them apart from those that were used. */
  readonly billed?: Usage | undefined;
  /** The model said that it is done; only usage and the like may follow. */
  readonly finishing: boolean;
}

export interface ErrorHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, HeaderValue>>;
}

/** An answer that came whole. */
export interface WholeAnswer {
  readonly headers: Readonly<Record<string, HeaderValue>>;
  readonly body: string;
}

/** How much one request for vectors may hold. */
export interface BatchLimits {
  readonly texts: number;
  /** By the gateway's estimate; a single text may be longer, for the provider to refuse. */
  readonly tokens: number;
}

/** What an upstream says to one request for vectors. */
export interface Embedded {
  /** One for each text, in their order. */
  readonly vectors: readonly number[][];
  /** As reported; empty where the wire does not say. */
  readonly model: string;
  readonly responseId: string;
  readonly usage: Usage | undefined;
}

/** How vectors are asked for. */
export interface Embedder {
  limits(model: string): BatchLimits;
  /** Writes a request for these of the input's texts. Throws `FEATURE_UNSUPPORTED` naming the field. */
  encode(input: EmbeddingInput, texts: readonly string[], target: DialectTarget): EncodedRequest;
  /** Throws `UPSTREAM_MALFORMED` unless there is one vector for each of so many texts. */
  decode(answer: WholeAnswer, texts: number): Embedded;
}

/** How a provider is asked to count a prompt's tokens. */
export interface PromptCounter {
  /** Undefined where the provider does not count for this model. Throws as the dialect's own `encode`. */
  encode(prompt: Prompt, target: DialectTarget): EncodedRequest | undefined;
  /** Throws `UPSTREAM_MALFORMED` where no count is said. */
  decode(answer: WholeAnswer): number;
}

/** How a model goes on with an answer that was begun elsewhere: the prompt's last message is that beginning. */
export interface Continuation {
  /** What comes repeats the beginning first. */
  readonly echoes: boolean;
  /** How the endpoint's base URL must end for it; undefined where any does. */
  readonly baseEndsWith?: string;
}

/**
 * How a provider's bodies are written. Pure: no sockets, clocks or environment. Data only decides what differs
 * between the providers that share it.
 */
export interface Dialect {
  readonly name: string;
  /** How its streams are cut into frames. A whole answer is one frame, its body. */
  readonly framing: Framing;
  /**
   * Throws `FEATURE_UNSUPPORTED` naming the field; never leaves out what was asked for. `continues`: the last message is
   * the beginning of the answer, and the model has a `continuation`.
   */
  encode(prompt: Prompt, target: DialectTarget, delivery: Delivery, continues?: boolean): EncodedRequest;
  createDecoder(options: DecodeOptions): Decoder;
  /** Explains an answer that is no success. `wallNow`: ms since 1970, to read dates in retry hints. */
  explain(head: ErrorHead, body: string, wallNow: number): GatewayError;
  /** Undefined where the provider has no vectors. */
  readonly embedder?: Embedder | undefined;
  /** Undefined where the provider counts nothing. */
  readonly counter?: PromptCounter | undefined;
  /** Undefined where no model goes on with what it is given, or none is known to. */
  continuation?(model: string): Continuation | undefined;
}

import type { JsonRecord } from "../json.ts";

/**
 * The body of a Converse request, as far as Sluice writes it itself; `provider_options` add fields, so it is open.
 * Source: Amazon Bedrock API reference, "Converse", and the models of the AWS SDK 3.1164, read 2026-11.
 */
export interface WireRequestBody {
  messages: WireMessage[];
  system?: WireBlock[];
  [field: string]: unknown;
}

/** One of a union: the single field's name says what it is. */
export type WireBlock = JsonRecord;

export interface WireMessage {
  readonly role: "user" | "assistant";
  readonly content: WireBlock[];
}

/** What a `ProviderState` of this dialect holds, as JSON: what the wire wants back with a part. */
export interface WireState {
  /** Of reasoning that the model signed. */
  readonly signature?: string;
  /** Reasoning that is encrypted, base64. */
  readonly redactedContent?: string;
  /** Blocks of tools that ran at the provider: no part of the contract, but of the conversation. */
  readonly blocks?: readonly WireBlock[];
}

export const DIALECT = "bedrock-converse";

/**
 * Tool through which a model answers in JSON where it has no other way: its arguments are the answer's text. Callers
 * never see it.
 */
export const RESPONSE_TOOL = "sluice_json_response";

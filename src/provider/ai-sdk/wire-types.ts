/**
 * A language model of an AI SDK package, as far as Sluice uses it: what it is asked and what it says is looked at
 * before it is believed. Source: `LanguageModelV2` to `LanguageModelV4` of `@ai-sdk/provider` 4.0.38, read 2026-11.
 */
export interface SdkModel {
  readonly version: Version;
  /** Such as `anthropic.messages`: before the dot, the name under which it reads options. */
  readonly provider: string;
  doGenerate(options: SdkCallOptions): PromiseLike<unknown>;
  doStream(options: SdkCallOptions): PromiseLike<unknown>;
}

/** Versions of the specification that packages implement. */
export type Version = "v2" | "v3" | "v4";

/** A piece of a message. `type` says which. */
export type SdkPart = { type: string; [field: string]: unknown };

export interface SdkMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string | SdkPart[];
  readonly providerOptions?: unknown;
}

/** What a model is asked. */
export interface SdkCallOptions {
  prompt: SdkMessage[];
  [field: string]: unknown;
}

export const DIALECT = "ai-sdk";

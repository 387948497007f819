/**
 * The body of a message request, as far as Sluice writes it itself; `provider_options` add fields, so it is open.
 * Source: Claude API reference, "Create a message", read 2026-11.
 */
export interface WireRequestBody {
  /** In the path where Google serves the model. */
  model?: string;
  max_tokens: number;
  system?: string | WireBlock[];
  messages: WireMessage[];
  [field: string]: unknown;
}

/** A piece of content. `type` says which. */
export type WireBlock = { readonly type: string; readonly [field: string]: unknown };

export interface WireMessage {
  readonly role: "user" | "assistant" | "system";
  readonly content: string | WireBlock[];
}

export const DIALECT = "anthropic";

/**
 * Tool through which a model writes JSON where its wire has no other way to ask for it. Callers never see it: its
 * arguments are the answer's text.
 */
export const RESPONSE_TOOL = "sluice_json_response";

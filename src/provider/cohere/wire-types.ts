/**
 * The body of a chat request, as far as Sluice writes it itself. `provider_options` add fields, so it is open.
 * Source: Cohere API reference, "Chat" (v2), read 2026-11.
 */
export interface WireRequestBody {
  model: string;
  messages: readonly WireMessage[];
  stream: boolean;
  [field: string]: unknown;
}

export type WireContent = { readonly type: string; readonly [field: string]: unknown };

/** What the model may cite. `data` are strings. */
export interface WireDocument {
  readonly id?: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface WireToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

export interface WireMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content?: string | readonly WireContent[];
  readonly tool_plan?: string;
  readonly tool_calls?: readonly WireToolCall[];
  readonly tool_call_id?: string;
}

/**
 * The body of a chat completion request, as far as Sluice writes it itself. Quirks and `provider_options` add fields,
 * so it is open. Source: OpenAI API reference, "Create chat completion", read 2026-11.
 */
export interface WireRequestBody {
  model: string;
  messages: WireMessage[];
  [field: string]: unknown;
}

export type WireContentPart = { readonly type: string; readonly [field: string]: unknown };

export interface WireToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
  /** Gemini's signature of the call, on its OpenAI-compatible endpoint. */
  readonly extra_content?: unknown;
}

export interface WireMessage {
  role: "system" | "user" | "assistant" | "tool";
  content?: string | WireContentPart[] | null;
  tool_calls?: WireToolCall[];
  tool_call_id?: string;
  [field: string]: unknown;
}

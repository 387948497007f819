import type { JsonRecord } from "../json.ts";

/**
 * The body of a chat request, as far as Sluice writes it itself. `provider_options` add fields, so it is open.
 * Source: Ollama API reference, "Generate a chat message", read 2026-11.
 */
export interface WireRequestBody {
  model: string;
  messages: readonly WireMessage[];
  /** Written always: left out, it means true. */
  stream: boolean;
  [field: string]: unknown;
}

export interface WireToolCall {
  readonly id: string;
  readonly function: { readonly index: number; readonly name: string; readonly arguments: JsonRecord };
}

export interface WireMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  readonly thinking?: string;
  /** Base64, without a type. */
  readonly images?: readonly string[];
  readonly tool_calls?: readonly WireToolCall[];
  readonly tool_name?: string;
  readonly tool_call_id?: string;
}

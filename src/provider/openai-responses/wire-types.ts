/**
 * The body of a request for a response, as far as Sluice writes it itself. Quirks and `provider_options` add fields,
 * so it is open. Source: OpenAI API reference, "Create a model response", read 2026-11.
 */
export interface WireRequestBody {
  model: string;
  input: WireItem[];
  [field: string]: unknown;
}

/** A part of a message's content or of a tool's output. */
export type WireContentPart = { readonly type: string; readonly [field: string]: unknown };

/** What input and output are lists of: messages (their short form has no type), reasoning, calls and their outputs. */
export type WireItem = { readonly type?: string; readonly [field: string]: unknown };

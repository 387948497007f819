/** What a model can or cannot: kinds of input and output besides text, and ways to ask. */
export const FEATURES = [
  "image",
  "audio",
  "pdf",
  "image_output",
  "audio_output",
  "tools",
  "structured_output",
  "reasoning",
  "sampling",
] as const;

/** `structured_output` is JSON by a schema; `sampling` is a temperature, `top_p` or `top_k` of the caller's. */
export type Feature = (typeof FEATURES)[number];

/** What is known of a model. What is not known is neither here nor there, and nothing is refused because of it. */
export interface Capabilities {
  /** Most tokens of a prompt. */
  readonly contextWindow: number | undefined;
  /** Most tokens of an answer, reasoning included. */
  readonly maxOutputTokens: number | undefined;
  readonly can: ReadonlySet<Feature>;
  readonly cannot: ReadonlySet<Feature>;
}

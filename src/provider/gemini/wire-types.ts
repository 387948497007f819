import type { JsonRecord } from "../json.ts";

/**
 * The body of a request for content, as far as Sluice writes it itself; `provider_options` add fields, so it is open.
 * Source: references of the Gemini API (`models.generateContent`, v1beta) and of Vertex AI (v1), read 2026-11.
 */
export interface WireRequestBody {
  contents: WireContent[];
  systemInstruction?: { readonly parts: readonly WirePart[] };
  [field: string]: unknown;
}

export interface WireContent {
  readonly role: "user" | "model";
  readonly parts: readonly WirePart[];
}

/** One of `text`, `inlineData`, `fileData`, `functionCall`, `functionResponse` and the like, with what belongs to it. */
export type WirePart = JsonRecord;

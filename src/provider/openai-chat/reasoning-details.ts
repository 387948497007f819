import { asArray, asRecord, type JsonRecord } from "../json.ts";

/**
 * OpenRouter's `reasoning_details`: what the model behind it wants back in the next turn. A stream brings them in
 * pieces, to be joined by index; `text`, `summary` and `data` are appended, the rest replaced.
 * Source: OpenRouter docs, "Reasoning tokens", and recorded streams, 2026-11.
 */
export class ReasoningDetails {
  #details: Record<string, unknown>[] = [];

  add(value: unknown): void {
    for (const item of asArray(value)) {
      const piece = asRecord(item);
      if (piece === undefined) continue;
      const open = this.#details.at(-1);
      if (open !== undefined && open.index === piece.index && open.type === piece.type) join(open, piece);
      else this.#details.push({ ...piece });
    }
  }

  /** The details so far as JSON, if any holds what cannot be rebuilt from the text: a signature or encrypted data. */
  take(): string | undefined {
    const details = this.#details;
    if (!details.some((detail) => detail.signature || detail.data)) return undefined;
    this.#details = [];
    return JSON.stringify(details);
  }
}

const APPENDED = ["text", "summary", "data"];

function join(open: Record<string, unknown>, piece: JsonRecord): void {
  for (const [key, value] of Object.entries(piece)) {
    const before = open[key];
    open[key] =
      APPENDED.includes(key) && typeof before === "string" && typeof value === "string"
        ? before + value
        : (value ?? before);
  }
}

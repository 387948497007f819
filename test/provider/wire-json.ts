/** Reading recorded JSON, whose form is known, without looking at each step. */
export type Wire = Readonly<Record<string, unknown>>;

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function list(value: unknown): Wire[] {
  return Array.isArray(value) ? value : [];
}

export function record(value: unknown): Wire {
  return (value ?? {}) as Wire;
}

/** A string is short for one text. */
export function blocks(content: unknown): Wire[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : list(content);
}

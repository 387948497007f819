/** Reading JSON that others wrote: nothing is believed before it was looked at. */
export type JsonRecord = Readonly<Record<string, unknown>>;

export function asRecord(value: unknown): JsonRecord | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonRecord) : undefined;
}

export function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function asString(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** A count: a non-negative number, cut to 32 bits. */
export function asCount(value: unknown): number | undefined {
  return typeof value === "number" && value >= 0 ? Math.min(Math.trunc(value), 0xffff_ffff) : undefined;
}

/** Parses, or undefined where the text is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

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

/** Records and lists within each other, above which JSON is not taken: writing it again would overflow the stack. */
const MAX_DEPTH = 500;

/** Parses, or undefined where the text is no JSON, or nested too deep. */
export function parseJson(text: string): unknown {
  if (isTooDeep(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Only texts that open much can be deep: the usual ones are not looked through. */
export function isTooDeep(text: string): boolean {
  return text.length > MAX_DEPTH * 2 && opensMuch(text) && isNestedTooDeep(text);
}

/** Whether it holds more brackets that open than may stand within each other, wherever they are. */
function opensMuch(text: string): boolean {
  let opened = 0;
  for (const bracket of ["[", "{"]) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (++opened > MAX_DEPTH) return true;
    }
  }
  return false;
}

function isNestedTooDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > MAX_DEPTH) return true;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
    }
  }
  return false;
}

/** Where the string that opens at this quote is closed. */
function endOfString(text: string, opened: number): number {
  let at = text.indexOf('"', opened + 1);
  while (at !== -1 && isEscaped(text, at)) at = text.indexOf('"', at + 1);
  return at === -1 ? text.length : at;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++;
  return slashes % 2 === 1;
}

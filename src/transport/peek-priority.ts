import { HandlingSchema } from "../domain/contract.ts";

const PRIORITY = HandlingSchema.field.priority.number;

const Wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;

/**
 * `handling.priority` of a request that was not read, as its number; 0 where it says nothing. `handling` is the number
 * of that field. Steps over the fields
 * before it, however long they are: of a busy gateway's work, reading prompts that it then refuses would be the most.
 * Undefined where this is no message, which whoever reads it finds out, and where it has the field `exempt`.
 */
export function peekPriority(message: Uint8Array, handling: number, exempt = 0): number | undefined {
  let priority = 0;
  const outer = new Fields(message, 0, message.length);
  while (outer.next()) {
    if (outer.number === exempt) return undefined;
    if (outer.number !== handling || outer.wire !== Wire.bytes) continue;
    const inner = new Fields(message, outer.from, outer.to);
    while (inner.next()) if (inner.number === PRIORITY && inner.wire === Wire.varint) priority = inner.value;
    if (inner.malformed) return undefined;
  }
  return outer.malformed ? undefined : priority;
}

/** Steps through the fields of a message. */
class Fields {
  number = 0;
  wire = 0;
  /** Of a varint. */
  value = 0;
  /** Where a field of bytes begins and ends. */
  from = 0;
  to = 0;
  malformed = false;
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, from: number, end: number) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = end;
  }

  next(): boolean {
    if (this.#at >= this.#end) return false;
    const tag = this.#varint();
    this.number = Math.floor(tag / 8);
    this.wire = tag % 8;
    switch (this.wire) {
      case Wire.varint:
        this.value = this.#varint();
        break;
      case Wire.fixed64:
        this.#at += 8;
        break;
      case Wire.fixed32:
        this.#at += 4;
        break;
      case Wire.bytes:
        this.to = this.#varint();
        this.from = this.#at;
        this.to += this.from;
        this.#at = this.to;
        break;
      default:
        this.malformed = true;
    }
    if (this.#at > this.#end) this.malformed = true;
    return !this.malformed;
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; factor < 2 ** 56; factor *= 128) {
      const byte = this.#at < this.#end ? this.#bytes[this.#at++] : undefined;
      if (byte === undefined) break;
      value += (byte % 128) * factor;
      if (byte < 128) return value;
    }
    this.malformed = true;
    return 0;
  }
}

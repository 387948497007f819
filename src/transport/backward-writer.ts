import { Buffer } from "node:buffer";

/** Wire types of protobuf. */
const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;

/** Most bytes of a varint. */
const MAX_VARINT_BYTES = 10;

/** Room that is kept between two messages; what a longer one needed is given back. */
const KEPT_BYTES = 64 * 1024;

/**
 * Writes one protobuf message from its end to its beginning: what is inside a message comes before its length, so that
 * nothing is measured twice. Fields are written in falling order. What is absent by the rules of proto3 is left out.
 */
export class BackwardWriter {
  #bytes = Buffer.allocUnsafe(4096);
  #at = this.#bytes.length;

  /** Bytes written so far: what a message that begins here hands to `message`. */
  get written(): number {
    return this.#bytes.length - this.#at;
  }

  /** A copy of what was written; the next message begins. */
  finish(): Buffer {
    const message = Buffer.from(this.#bytes.subarray(this.#at));
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafe(KEPT_BYTES);
    this.#at = this.#bytes.length;
    return message;
  }

  /** Closes the message of this field, whose content was written since `written` was this. */
  message(field: number, since: number): void {
    this.#varint(this.written - since);
    this.#tag(field, DELIMITED);
  }

  string(field: number, text: string): void {
    if (text !== "") this.presentString(field, text);
  }

  /** Also where it is empty: one of several alternatives. */
  presentString(field: number, text: string): void {
    const length = Buffer.byteLength(text);
    this.#reserve(length);
    this.#at -= length;
    this.#bytes.write(text, this.#at, length, "utf8");
    this.#varint(length);
    this.#tag(field, DELIMITED);
  }

  /** A whole number up to 2^53, not below 0. */
  number(field: number, value: number): void {
    if (value !== 0) this.presentNumber(field, value);
  }

  /** Also where it is 0: a field that knows whether it is set, or one of several alternatives. */
  presentNumber(field: number, value: number | undefined): void {
    if (value === undefined) return;
    this.#varint(value);
    this.#tag(field, VARINT);
  }

  /** A 64-bit number; negative ones as their two's complement. */
  bigint(field: number, value: bigint): void {
    if (value < 0n || value > Number.MAX_SAFE_INTEGER) {
      const bytes: number[] = [];
      let rest = BigInt.asUintN(64, value);
      for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 0x80);
      bytes.push(Number(rest));
      this.#reserve(bytes.length);
      for (const byte of bytes.reverse()) this.#bytes[--this.#at] = byte;
      this.#tag(field, VARINT);
    } else this.number(field, Number(value));
  }

  bool(field: number, value: boolean): void {
    if (value) this.presentNumber(field, 1);
  }

  /** A double, also where it is 0: one of several alternatives. */
  presentDouble(field: number, value: number): void {
    this.#reserve(8);
    this.#at -= 8;
    this.#bytes.writeDoubleLE(value, this.#at);
    this.#tag(field, FIXED64);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    this.#reserve(MAX_VARINT_BYTES);
    if (value < 128) {
      this.#bytes[--this.#at] = value;
      return;
    }
    let length = 1;
    for (let rest = value; rest > 127; rest = Math.floor(rest / 128)) length++;
    this.#at -= length;
    let at = this.#at;
    let rest = value;
    for (; rest > 127; rest = Math.floor(rest / 128)) this.#bytes[at++] = (rest % 128) | 0x80;
    this.#bytes[at] = rest;
  }

  #reserve(bytes: number): void {
    if (this.#at >= bytes) return;
    const { written } = this;
    const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, written + bytes + MAX_VARINT_BYTES));
    this.#bytes.copy(grown, grown.length - written, this.#at);
    this.#bytes = grown;
    this.#at = grown.length - written;
  }
}

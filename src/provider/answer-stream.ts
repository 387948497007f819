import type { Clock } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Read } from "../wire/decompress.ts";
import type { FrameParser } from "../wire/frame.ts";
import { type Exchange, responseTooLarge } from "../wire/send.ts";
import { type Decoded, decodeFrames } from "./decode-frames.ts";
import type { Decoder } from "./dialect.ts";

/**
 * How long a stream may stay open after the model said that it is done. Servers that send neither `[DONE]` nor the
 * end of the body would otherwise hold every call until its timeout; usage comes within this time.
 */
const FINISH_GRACE_MS = 1000;

/** Aborts an exchange whose answer is whole: what was waited for is taken for its end. */
export const GRACE_OVER = new GatewayError(
  ErrorReason.UPSTREAM_TIMEOUT,
  "The upstream said it was done and did not close.",
);

export interface AnswerStreamOptions {
  readonly exchange: Exchange;
  /** The body, decompressed. */
  readonly read: Read;
  readonly parser: FrameParser;
  readonly decoder: Decoder;
  readonly clock: Clock;
  readonly maxBytes: number;
}

/** A streamed answer: bytes in, events out. */
export class AnswerStream {
  readonly #options: AnswerStreamOptions;
  #totalBytes = 0;
  /** Instant at which the answer is over, whatever still comes. */
  #endBy: number | undefined;
  #over = false;

  constructor(options: AnswerStreamOptions) {
    this.#options = options;
  }

  /** No events follow. */
  get over(): boolean {
    return this.#over;
  }

  /** Waits for bytes once, and decodes them. Throws `UPSTREAM_RESPONSE_TOO_LARGE`, or what the exchange throws. */
  async next(): Promise<Decoded> {
    const { clock, decoder, maxBytes, parser, read } = this.#options;
    if (decoder.finishing) this.#endBy ??= clock.now() + FINISH_GRACE_MS;
    const chunk = this.#endBy === undefined ? await read() : await this.#readUntil(this.#endBy);
    if (chunk === undefined) {
      this.#over = true;
      return decodeFrames(parser.finish(), decoder, true);
    }
    this.#totalBytes += chunk.length;
    if (this.#totalBytes > maxBytes) throw responseTooLarge(maxBytes);
    const decoded = decodeFrames(parser.push(chunk), decoder, false);
    if (decoder.ended) this.#over = true;
    return decoded;
  }

  /** Reads on, but takes this instant for the end, whatever still comes. */
  async #readUntil(instant: number): ReturnType<Read> {
    const { clock, exchange, read } = this.#options;
    const timer = clock.schedule(instant - clock.now(), () => exchange.abort(GRACE_OVER));
    try {
      return await read();
    } catch (error) {
      if (error === GRACE_OVER) return undefined;
      throw error;
    } finally {
      timer.cancel();
    }
  }
}

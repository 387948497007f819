import { ErrorReason, type Usage } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { Batch, Delivery } from "../domain/event.ts";
import { createFrameParser } from "../wire/framing.ts";
import type { WireHead } from "../wire/send.ts";
import { AnswerStream, GRACE_OVER } from "./answer-stream.ts";
import type { Decoder } from "./dialect.ts";
import type { Upstream } from "./upstream.ts";
import { UpstreamRequest, type UpstreamRequestOptions } from "./upstream-request.ts";

export interface UpstreamCallOptions extends UpstreamRequestOptions {
  readonly model: string;
  readonly delivery: Delivery;
  readonly mintCallId: (n: number) => string;
  /** The head of a success arrived. */
  readonly onHead: () => void;
}

/** One request to an upstream, as a stream of events. */
export class UpstreamCall implements Upstream {
  readonly #options: UpstreamCallOptions;
  readonly #request: UpstreamRequest;
  #stream: AnswerStream | undefined;
  /** What comes after the events that were told last. */
  #failure: GatewayError | undefined;
  #decoder: Decoder | undefined;

  constructor(options: UpstreamCallOptions) {
    this.#options = options;
    this.#request = new UpstreamRequest(options);
  }

  /** What the answer has said so far of its tokens. */
  get usage(): Usage | undefined {
    return this.#decoder?.usage;
  }

  /** Tokens that the provider bills, where it says them apart from those that were used. */
  get billed(): Usage | undefined {
    return this.#decoder?.billed;
  }

  /** The model said that it is done. */
  get finishing(): boolean {
    return this.#decoder?.finishing === true;
  }

  get waitedMs(): number {
    return this.#request.waitedMs;
  }

  get head(): WireHead | undefined {
    return this.#request.head;
  }

  /** Closes the upstream's socket now; who waits for events gets this error. */
  abort(error: GatewayError): void {
    // An answer that the model has finished is whole: silence after it is its end.
    const silentEnd = this.#decoder?.finishing === true && error.reason === ErrorReason.UPSTREAM_TIMEOUT;
    this.#request.abort(error, silentEnd ? GRACE_OVER : error);
  }

  /**
   * The answer's events that came since, up to its end; the first call sends the request. Undefined once there are no
   * more. Throws a `GatewayError` for anything that is no whole answer. One call at a time.
   */
  async next(): Promise<Batch | undefined> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#request.closed) return undefined;
      if (this.#stream === undefined) {
        const whole = await this.#open();
        if (whole !== undefined) return whole;
      }
      const stream = this.#stream;
      while (stream?.over === false) {
        this.#request.waits();
        const { events, error } = await stream.next();
        this.#request.came();
        if (stream.over) this.#request.release();
        if (events.length > 0) {
          // What came before a frame that cannot be read is told first.
          this.#failure = error;
          return events;
        }
        if (error !== undefined) throw error;
      }
      this.close();
      return undefined;
    } catch (error) {
      this.close();
      throw this.#request.concealed(error);
    }
  }

  /** Nothing more is wanted: what is left of the exchange ends now, unless its connection is to be kept. */
  close(): void {
    this.#request.close();
  }

  /** Sends the request and reads the head of its answer; and the whole answer, unless it is a stream. */
  async #open(): Promise<Batch | undefined> {
    const { dialect, clock, limits, model, delivery, mintCallId, onHead } = this.#options;
    const { exchange, contentType, read } = await this.#request.begin(onHead);
    const whole = !isStream(contentType, delivery);
    const decoder = dialect.createDecoder({ model, whole, mintCallId });
    this.#decoder = decoder;
    if (!whole) {
      const parser = createFrameParser(dialect.framing, limits.maxEventBytes);
      this.#stream = new AnswerStream({ exchange, read, parser, decoder, clock, maxBytes: limits.maxResponseBytes });
      return undefined;
    }
    const events = [...decoder.push({ data: await this.#request.readText(read) }), ...decoder.finish()];
    this.close();
    return events;
  }
}

function isStream(contentType: string, delivery: Delivery): boolean {
  if (contentType.includes("event-stream") || contentType.includes("ndjson")) return true;
  return delivery === "stream" && !contentType.includes("json");
}

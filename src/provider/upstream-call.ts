import type { Clock } from "../domain/clock.ts";
import { ErrorReason, type Usage } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Batch, Delivery } from "../domain/event.ts";
import { decompress } from "../wire/decompress.ts";
import { createFrameParser } from "../wire/framing.ts";
import { type Connections, type Exchange, readAll, type WireHead, type WireRequest } from "../wire/send.ts";
import { AnswerStream, GRACE_OVER } from "./answer-stream.ts";
import type { Decoder, Dialect } from "./dialect.ts";
import { explainPage, explainRedirect, readRefusal, readStart } from "./refusal.ts";
import type { Upstream } from "./upstream.ts";

export interface ResponseLimits {
  /** Longest answer, decompressed. */
  readonly maxResponseBytes: number;
  /** Longest single event of a stream, in characters. */
  readonly maxEventBytes: number;
}

/** How long the rest of a body may take that is read only to keep its connection. */
const DISCARD_MS = 1000;

const ABANDONED = new GatewayError(ErrorReason.CANCELLED, "The answer is no longer wanted.");

/** Signs a request, or gives it a token. Throws a `GatewayError` where it cannot. */
export type Authorize = (request: WireRequest) => Promise<WireRequest>;

export interface UpstreamCallOptions {
  readonly dialect: Dialect;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly limits: ResponseLimits;
  readonly model: string;
  readonly delivery: Delivery;
  readonly request: WireRequest;
  /** Adds what lets the request in, where that takes more than a header that is always the same. */
  readonly authorize: Authorize | undefined;
  readonly mintCallId: (n: number) => string;
  /** Takes the provider's key out of its words: some quote the request that they refuse. */
  readonly conceal: (text: string) => string;
  /** The head of a success arrived. */
  readonly onHead: () => void;
}

/** One request to an upstream, as a stream of events. */
export class UpstreamCall implements Upstream {
  readonly #options: UpstreamCallOptions;
  #exchange: Exchange | undefined;
  #aborted: GatewayError | undefined;
  /** Ends the wait for what lets the request in. */
  #refuse: ((error: GatewayError) => void) | undefined;
  #head: WireHead | undefined;
  #released = false;
  #closed = false;
  #body: ReturnType<typeof decompress> | undefined;
  #stream: AnswerStream | undefined;
  /** What comes after the events that were told last. */
  #failure: GatewayError | undefined;
  #decoder: Decoder | undefined;
  #waitedMs = 0;
  /** Instant since which the upstream is waited for. */
  #waitsSince: number | undefined;

  constructor(options: UpstreamCallOptions) {
    this.#options = options;
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
    const since = this.#waitsSince;
    return this.#waitedMs + (since === undefined ? 0 : this.#options.clock.now() - since);
  }

  get head(): WireHead | undefined {
    return this.#head;
  }

  /** Closes the upstream's socket now; who waits for events gets this error. */
  abort(error: GatewayError): void {
    this.#aborted ??= error;
    this.#refuse?.(error);
    // An answer that the model has finished is whole: silence after it is its end.
    const silentEnd = this.#decoder?.finishing === true && error.reason === ErrorReason.UPSTREAM_TIMEOUT;
    this.#exchange?.abort(silentEnd ? GRACE_OVER : error);
  }

  /**
   * The answer's events that came since, up to its end; the first call sends the request. Undefined once there are no
   * more. Throws a `GatewayError` for anything that is no whole answer. One call at a time.
   */
  async next(): Promise<Batch | undefined> {
    try {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed) return undefined;
      if (this.#stream === undefined) {
        const whole = await this.#open();
        if (whole !== undefined) return whole;
      }
      const stream = this.#stream;
      while (stream?.over === false) {
        this.#waits();
        const { events, error } = await stream.next();
        this.#came();
        if (stream.over) this.#release();
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
      throw error instanceof GatewayError ? error.reworded(this.#options.conceal) : error;
    }
  }

  /** Nothing more is wanted: what is left of the exchange ends now, unless its connection is to be kept. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#body?.close();
    if (!this.#released && this.#exchange?.over === false) this.#exchange.abort(ABANDONED);
  }

  /** Sends the request and reads the head of its answer; and the whole answer, unless it is a stream. */
  async #open(): Promise<Batch | undefined> {
    this.#throwIfAborted();
    const { authorize, connections, dialect, clock, conceal, limits, model, mintCallId, request } = this.#options;
    const authorized = authorize === undefined ? request : await this.#unlessAborted(authorize(request));
    this.#throwIfAborted();
    const exchange = connections.send(authorized);
    this.#exchange = exchange;
    this.#waits();
    const head = await exchange.head();
    this.#came();
    this.#head = head;
    if (head.status >= 300 && head.status < 400) throw explainRedirect(head.status);
    const succeeded = head.status >= 200 && head.status < 300;
    if (!succeeded) {
      const refusal = await this.#waitFor(readRefusal(exchange, head));
      throw dialect.explain(head, conceal(refusal), clock.wallNow());
    }
    const body = decompress(head.headers["content-encoding"], () => exchange.read());
    this.#body = body;
    this.#options.onHead();
    const contentType = String(head.headers["content-type"] ?? "").toLowerCase();
    if (contentType.includes("html")) throw explainPage(head, conceal(await this.#waitFor(readStart(body.read))));
    const whole = !isStream(contentType, this.#options.delivery);
    const decoder = dialect.createDecoder({ model, whole, mintCallId });
    this.#decoder = decoder;
    if (!whole) {
      const parser = createFrameParser(dialect.framing, limits.maxEventBytes);
      const maxBytes = limits.maxResponseBytes;
      this.#stream = new AnswerStream({ exchange, read: body.read, parser, decoder, clock, maxBytes });
      return undefined;
    }
    this.#waits();
    const bytes = await readAll(body.read, limits.maxResponseBytes);
    this.#came();
    const events = [...decoder.push({ data: bytes.toString("utf8") }), ...decoder.finish()];
    this.close();
    return events;
  }

  #throwIfAborted(): void {
    if (this.#aborted !== undefined) throw this.#aborted;
  }

  /** For the rare waits; the usual ones do without another promise. */
  async #waitFor<T>(wait: Promise<T>): Promise<T> {
    this.#waits();
    try {
      return await wait;
    } finally {
      this.#came();
    }
  }

  /** Credentials may come from services that are slow or gone. */
  #unlessAborted<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      promise.then(resolve, reject);
    });
  }

  #waits(): void {
    this.#waitsSince = this.#options.clock.now();
  }

  #came(): void {
    if (this.#waitsSince !== undefined) this.#waitedMs += this.#options.clock.now() - this.#waitsSince;
    this.#waitsSince = undefined;
  }

  /** Lets the connection serve others, if the body ends soon. */
  #release(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.over) return;
    this.#released = true;
    const timer = this.#options.clock.schedule(DISCARD_MS, () => exchange.abort(ABANDONED));
    exchange.discard(() => timer.cancel());
  }
}

function isStream(contentType: string, delivery: Delivery): boolean {
  if (contentType.includes("event-stream") || contentType.includes("ndjson")) return true;
  return delivery === "stream" && !contentType.includes("json");
}

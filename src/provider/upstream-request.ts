import type { Clock } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import { decompress, type Read } from "../wire/decompress.ts";
import { type Connections, type Exchange, readAll, type WireHead, type WireRequest } from "../wire/send.ts";
import type { Dialect, WholeAnswer } from "./dialect.ts";
import type { KeyUse } from "./keys.ts";
import { explainPage, explainRedirect, readRefusal, readStart } from "./refusal.ts";

/** How long the rest of a body may take that is read only to keep its connection. */
const DISCARD_MS = 1000;

const ABANDONED = new GatewayError(ErrorReason.CANCELLED, "The answer is no longer wanted.");

/** Signs a request, or gives it a token. Throws a `GatewayError` where it cannot. */
export type Authorize = (request: WireRequest) => Promise<WireRequest>;

export interface ResponseLimits {
  /** Longest answer, decompressed. */
  readonly maxResponseBytes: number;
  /** Longest single event of a stream, in characters. */
  readonly maxEventBytes: number;
}

export interface UpstreamRequestOptions {
  readonly dialect: Dialect;
  readonly connections: Connections;
  readonly clock: Clock;
  readonly limits: ResponseLimits;
  readonly request: WireRequest;
  /** Adds what lets the request in, where that takes more than a header that is always the same. */
  readonly authorize: Authorize | undefined;
  /** The key of the request, where there are several. */
  readonly keyUse?: KeyUse | undefined;
  /** Takes the provider's key out of its words: some quote the request that they refuse. */
  readonly conceal: (text: string) => string;
}

/** An answer whose head said that it is one. */
export interface BegunAnswer {
  readonly exchange: Exchange;
  readonly headers: WholeAnswer["headers"];
  /** In lower case. */
  readonly contentType: string;
  readonly read: Read;
}

/** One request to an upstream: sent, and answered by a success whose body is to be read. */
export class UpstreamRequest {
  readonly #options: UpstreamRequestOptions;
  #exchange: Exchange | undefined;
  #aborted: GatewayError | undefined;
  /** Ends the wait for what lets the request in. */
  #refuse: ((error: GatewayError) => void) | undefined;
  #head: WireHead | undefined;
  #released = false;
  #closed = false;
  #body: ReturnType<typeof decompress> | undefined;
  #waitedMs = 0;
  /** Instant since which the upstream is waited for. */
  #waitsSince: number | undefined;

  constructor(options: UpstreamRequestOptions) {
    this.#options = options;
  }

  /** Time in which the gateway waited for the upstream, ms. */
  get waitedMs(): number {
    const since = this.#waitsSince;
    return this.#waitedMs + (since === undefined ? 0 : this.#options.clock.now() - since);
  }

  /** Status and headers of the answer; undefined before there is one. */
  get head(): WireHead | undefined {
    return this.#head;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Closes the upstream's socket now; who waits for it gets this error, or `told` instead while a body is read. */
  abort(error: GatewayError, told = error): void {
    this.#aborted ??= error;
    this.#refuse?.(error);
    this.#exchange?.abort(told);
  }

  /** Nothing more is wanted: what is left of the exchange ends now, unless its connection is to be kept. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#body?.close();
    if (!this.#released && this.#exchange?.over === false) this.#exchange.abort(ABANDONED);
  }

  /**
   * Sends the request and reads its answer, which comes whole. Throws a `GatewayError` for anything that is no success,
   * and what `decode` throws. Call once.
   */
  async answer<R>(decode: (answer: WholeAnswer) => R): Promise<R> {
    try {
      const { headers, read } = await this.begin(() => {});
      return decode({ headers, body: await this.readText(read) });
    } catch (error) {
      throw this.concealed(error);
    } finally {
      this.close();
    }
  }

  /** Sends the request. Resolves with the head of a success, whose body is still to come; `onHead` runs before. */
  async begin(onHead: () => void): Promise<BegunAnswer> {
    this.#throwIfAborted();
    const { authorize, connections, dialect, clock, conceal, keyUse, request } = this.#options;
    if (keyUse?.refusal !== undefined) throw keyUse.refusal;
    const authorized = authorize === undefined ? request : await this.#unlessAborted(authorize(request));
    this.#throwIfAborted();
    const exchange = connections.send(authorized);
    this.#exchange = exchange;
    this.waits();
    const head = await exchange.head();
    this.came();
    this.#head = head;
    keyUse?.answered(head);
    if (head.status >= 300 && head.status < 400) throw explainRedirect(head.status);
    const succeeded = head.status >= 200 && head.status < 300;
    if (!succeeded) {
      const refusal = await this.#waitFor(readRefusal(exchange, head));
      throw dialect.explain(head, conceal(refusal), clock.wallNow());
    }
    const body = decompress(head.headers["content-encoding"], () => exchange.read());
    this.#body = body;
    onHead();
    const contentType = String(head.headers["content-type"] ?? "").toLowerCase();
    if (contentType.includes("html")) throw explainPage(head, conceal(await this.#waitFor(readStart(body.read))));
    return { exchange, headers: head.headers, contentType, read: body.read };
  }

  /** Reads a body to its end. */
  async readText(read: Read): Promise<string> {
    this.waits();
    const bytes = await readAll(read, this.#options.limits.maxResponseBytes);
    this.came();
    return bytes.toString("utf8");
  }

  /** The error without the provider's key, which hears of it. */
  concealed(error: unknown): unknown {
    if (!(error instanceof GatewayError)) return error;
    const { conceal, keyUse } = this.#options;
    const concealed = error.reworded(conceal);
    return keyUse === undefined ? concealed : keyUse.failed(concealed);
  }

  /** The upstream is waited for, from now on. */
  waits(): void {
    this.#waitsSince = this.#options.clock.now();
  }

  /** What was waited for came. */
  came(): void {
    if (this.#waitsSince !== undefined) this.#waitedMs += this.#options.clock.now() - this.#waitsSince;
    this.#waitsSince = undefined;
  }

  /** Lets the connection serve others, if the body ends soon. */
  release(): void {
    const exchange = this.#exchange;
    if (exchange === undefined || exchange.over) return;
    this.#released = true;
    const timer = this.#options.clock.schedule(DISCARD_MS, () => exchange.abort(ABANDONED));
    exchange.discard(() => timer.cancel());
  }

  #throwIfAborted(): void {
    if (this.#aborted !== undefined) throw this.#aborted;
  }

  /** For the rare waits; the usual ones do without another promise. */
  async #waitFor<T>(wait: Promise<T>): Promise<T> {
    this.waits();
    try {
      return await wait;
    } finally {
      this.came();
    }
  }

  /** Credentials may come from services that are slow or gone. */
  #unlessAborted<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      promise.then(resolve, reject);
    });
  }
}

import { Buffer } from "node:buffer";
import { type Dispatcher, Pool } from "undici";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import { explainConnectionError } from "./upstream-error.ts";

export type HeaderValue = string | string[] | undefined;

export interface WireRequest {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface WireHead {
  readonly status: number;
  /** Names in lower case; a header sent twice is an array. */
  readonly headers: Readonly<Record<string, HeaderValue>>;
}

/** Bytes waiting for a reader above which the upstream is paused. */
const PAUSE_ABOVE_BYTES = 64 * 1024;

/** What is still read after an answer's end to keep its connection, at most. */
const DISCARD_AT_MOST_BYTES = 64 * 1024;

interface Waiting<T> {
  resolve(value: T): void;
  reject(error: GatewayError): void;
}

/**
 * One request to an upstream and its answer, pulled chunk by chunk. A slow reader pauses the upstream's socket.
 * `abort` ends it at once, in every state: whoever waits gets the error, and the socket is closed.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | undefined;
  #head: WireHead | undefined;
  #waitingForHead: Waiting<WireHead> | undefined;
  #waitingForChunk: Waiting<Buffer | undefined> | undefined;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #discarding = false;
  #discardedBytes = 0;
  #onOver: (() => void) | undefined;
  #ended = false;
  #error: GatewayError | undefined;

  /** Resolves with the head of the answer. Call once. */
  head(): Promise<WireHead> {
    return new Promise((resolve, reject) => {
      if (this.#error !== undefined) reject(this.#error);
      else if (this.#head !== undefined) resolve(this.#head);
      else this.#waitingForHead = { resolve, reject };
    });
  }

  /** Resolves with all bytes of the body that have come since, or undefined at its end. One read at a time. */
  read(): Promise<Buffer | undefined> {
    const [first, second] = this.#chunks;
    if (first !== undefined) {
      // Many small chunks at once: joined, they cost one turn of everything that follows.
      const bytes = second === undefined ? first : Buffer.concat(this.#chunks, this.#bufferedBytes);
      this.#chunks = [];
      this.#bufferedBytes = 0;
      if (this.#controller?.paused === true) this.#controller.resume();
      return Promise.resolve(bytes);
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waitingForChunk = { resolve, reject };
    });
  }

  /** Ends the exchange now. Without effect once it is over. */
  abort(error: GatewayError): void {
    if (this.#ended || this.#error !== undefined) return;
    this.#fail(error);
    this.#controller?.abort(error);
  }

  /**
   * Gives up the rest of the body. Where little is left, it is read and dropped, so that the connection can serve
   * another request; the caller says with `abort` when that takes too long. `onOver` runs once nothing more comes.
   */
  discard(onOver: () => void): void {
    this.#discarding = true;
    this.#onOver = onOver;
    this.#chunks = [];
    this.#bufferedBytes = 0;
    if (this.#controller?.paused === true) this.#controller.resume();
  }

  /** Nothing more will come: the body ended, failed or was aborted. */
  get over(): boolean {
    return this.#ended || this.#error !== undefined;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#error !== undefined) controller.abort(this.#error);
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: WireHead["headers"]): void {
    if (status < 200) return;
    this.#head = { status, headers };
    this.#waitingForHead?.resolve(this.#head);
    this.#waitingForHead = undefined;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#discarding) {
      this.#discardedBytes += chunk.length;
      if (this.#discardedBytes > DISCARD_AT_MOST_BYTES) {
        this.abort(new GatewayError(ErrorReason.UPSTREAM_MALFORMED, "The upstream sent too much after its answer."));
      }
      return;
    }
    if (this.#waitingForChunk !== undefined) {
      const waiting = this.#waitingForChunk;
      this.#waitingForChunk = undefined;
      waiting.resolve(chunk);
      return;
    }
    this.#chunks.push(chunk);
    this.#bufferedBytes += chunk.length;
    if (this.#bufferedBytes >= PAUSE_ABOVE_BYTES) controller.pause();
  }

  onResponseEnd(): void {
    this.#ended = true;
    this.#waitingForChunk?.resolve(undefined);
    this.#waitingForChunk = undefined;
    this.#onOver?.();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#ended || this.#error !== undefined) return;
    this.#fail(explainConnectionError(error, this.#head !== undefined));
  }

  #fail(error: GatewayError): void {
    this.#error = error;
    this.#waitingForHead?.reject(error);
    this.#waitingForHead = undefined;
    this.#waitingForChunk?.reject(error);
    this.#waitingForChunk = undefined;
    this.#onOver?.();
  }
}

export interface ConnectionCounts {
  readonly busy: number;
  readonly idle: number;
  /** Requests that wait for a connection. */
  readonly waiting: number;
}

export interface ConnectionOptions {
  /** Longest wait for a connection, TLS included, ms. */
  readonly connectTimeoutMs: number;
  /** Most connections at once; further requests wait for one. */
  readonly maxConnections: number;
}

/** Connections to one origin. Must be closed. */
export class Connections {
  readonly #pool: Pool;

  constructor(origin: string, options: ConnectionOptions) {
    this.#pool = new Pool(origin, {
      connections: options.maxConnections,
      // One request at a time on a connection, so that aborting one closes nobody else's.
      pipelining: 1,
      allowH2: false,
      connect: { timeout: options.connectTimeoutMs },
      // The pipeline's own timers watch heads and bodies: they know what a token is.
      headersTimeout: 0,
      bodyTimeout: 0,
      keepAliveTimeout: 30_000,
    });
  }

  counts(): ConnectionCounts {
    const { connected, free, pending } = this.#pool.stats;
    return { busy: connected - free, idle: free, waiting: pending };
  }

  send(request: WireRequest): Exchange {
    const exchange = new Exchange();
    this.#pool.dispatch({ method: "POST", path: request.path, headers: request.headers, body: request.body }, exchange);
    return exchange;
  }

  /** Closes every connection now, busy ones too. */
  async close(): Promise<void> {
    await this.#pool.destroy();
  }
}

/** Reads a body to its end. Throws `UPSTREAM_RESPONSE_TOO_LARGE` above `maxBytes`. */
export async function readAll(read: () => Promise<Buffer | undefined>, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let chunk = await read(); chunk !== undefined; chunk = await read()) {
    total += chunk.length;
    if (total > maxBytes) throw responseTooLarge(maxBytes);
    chunks.push(chunk);
  }
  const first = chunks[0];
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, total);
}

export function responseTooLarge(maxBytes: number): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE,
    `The upstream's answer is larger than the ${maxBytes} bytes that the gateway takes (limits.max_response_bytes).`,
  );
}

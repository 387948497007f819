import { once } from "node:events";
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";

type Headers = Readonly<Record<string, string | readonly string[]>>;
type Bytes = string | Uint8Array;

/** Enough to make writes cheap, little enough to notice a slow reader soon. */
const batchBytes = 64 * 1024;

/**
 * The answer to one call on its socket. Writing waits for a slow reader, and every wait rejects once the signal aborts because the
 * client has left or the simulator closes.
 */
export class Reply {
  readonly signal: AbortSignal;
  readonly #response: ServerResponse;
  readonly #socket: Socket;
  #target: Writable;
  #brokenOff = false;

  constructor(response: ServerResponse, socket: Socket, signal: AbortSignal) {
    this.#response = response;
    this.#socket = socket;
    this.#target = response;
    this.signal = signal;
  }

  /** Whether the simulator ended the answer as it meant to, well or badly: all bytes are out, or it broke off itself. */
  get endedHere(): boolean {
    return this.#brokenOff || this.#target.writableFinished;
  }

  get headSent(): boolean {
    return this.#response.headersSent || this.#target !== this.#response;
  }

  /** Sets status and headers; they leave with the first bytes of the body, or with `flushHead`. */
  head(status: number, headers: Headers): void {
    this.#response.writeHead(status, mutable(headers));
  }

  flushHead(): void {
    this.#response.flushHeaders();
  }

  /** From here on bytes go to the socket as they are, with no head and no transfer encoding. */
  bypass(): void {
    this.#target = this.#socket;
  }

  /** Resolves when more may be written. */
  async write(bytes: Bytes): Promise<void> {
    this.signal.throwIfAborted();
    if (!this.#target.write(bytes)) await once(this.#target, "drain", { signal: this.signal });
  }

  /** Resolves when the system has taken the bytes: nothing that follows on this socket can keep them back. */
  async writeFlushed(bytes: Bytes): Promise<void> {
    this.signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason as Error), { once: true });
      this.#target.write(bytes, () => resolve());
    });
  }

  /** Writes parts in batches, and lets other calls run in between, however fast this client reads. */
  async writeAll(parts: Iterable<Bytes>): Promise<void> {
    for (const batch of batches(parts)) {
      await this.write(batch);
      await setImmediate();
    }
  }

  /** Writes parts in batches, and ends the answer with the last of them. */
  async endAll(parts: Iterable<Bytes>): Promise<void> {
    let held: Uint8Array | undefined;
    for (const batch of batches(parts)) {
      if (held !== undefined) await this.writeAll([held]);
      held = batch;
    }
    this.signal.throwIfAborted();
    this.end(held);
  }

  end(bytes: Bytes = ""): void {
    this.#target.end(bytes);
  }

  /** Sends a whole body. One that fits a batch has a content-length; a longer one is written as it is made. */
  async send(status: number, headers: Headers, parts: Iterable<Bytes>): Promise<void> {
    const rest = batches(parts);
    const first = rest.next().value ?? Buffer.alloc(0);
    const second = rest.next();
    if (second.done === true) {
      this.head(status, { ...headers, "content-length": String(first.byteLength) });
      this.end(first);
      return;
    }
    this.head(status, headers);
    await this.writeAll([first, second.value]);
    await this.endAll(rest);
  }

  sendJson(status: number, body: unknown, headers: Headers = {}): void {
    const json = Buffer.from(JSON.stringify(body));
    this.head(status, { "content-type": "application/json", ...headers, "content-length": String(json.byteLength) });
    this.end(json);
  }

  /** Ends the connection with a FIN, whatever the head promised. */
  finish(): void {
    this.#brokenOff = true;
    this.#socket.end();
  }

  /** Ends the connection with a RST. */
  reset(): void {
    this.#brokenOff = true;
    this.#socket.resetAndDestroy();
  }
}

function* batches(parts: Iterable<Bytes>): Generator<Uint8Array, undefined> {
  let held: Uint8Array[] = [];
  let size = 0;
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
    } else {
      if (text !== "") held.push(Buffer.from(text));
      text = "";
      held.push(part);
      size += part.byteLength;
    }
    if (size + text.length < batchBytes) continue;
    yield Buffer.concat([...held, Buffer.from(text)]);
    held = [];
    size = 0;
    text = "";
  }
  if (size + text.length > 0) yield Buffer.concat([...held, Buffer.from(text)]);
}

function mutable(headers: Headers): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, typeof value === "string" ? value : [...value]]),
  );
}

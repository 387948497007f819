/**
 * A client of HTTP/2 that does no more than load needs: its requests are bytes that are the same each time, and of
 * answers it looks at the frames' heads only. A tenth of what a real client costs, so that the same machine can send
 * a gateway many times what it can take.
 */
import { Buffer } from "node:buffer";
import { connect, type Socket } from "node:net";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const Frame = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 1;
const END_HEADERS = 4;
const ACK = 1;
const HEAD_BYTES = 9;
/** As much as the protocol allows: no run receives so much. */
const MAX_WINDOW = 2 ** 31 - 1;
const FIRST_WINDOW = 65_535;
const Setting = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4 } as const;

/** What is asked again and again. */
export interface RawRequest {
  readonly headers: Buffer;
  readonly body: Buffer;
}

/** How a stream went, as its frames tell: an answer without a message is an error's status. */
export interface RawStream {
  /** The first message came. */
  onFirst(): void;
  onEnd(how: "answered" | "refused" | "broken"): void;
}

interface Open {
  readonly stream: RawStream;
  answered: boolean;
}

/** A gRPC request of one message. `timeout` as gRPC writes it, such as `10S`. */
export function toRawRequest(path: string, authority: string, message: Uint8Array, timeout: string): RawRequest {
  const body = Buffer.alloc(5 + message.length);
  body.writeUInt32BE(message.length, 1);
  body.set(message, 5);
  // RFC 7541: two entries of the static table as a whole, three names of it, and two of our own.
  const headers = Buffer.concat([
    Buffer.from([0x83, 0x86]),
    Buffer.from([0x04]),
    text(path),
    Buffer.from([0x01]),
    text(authority),
    Buffer.from([0x0f, 0x10]),
    text("application/grpc"),
    Buffer.from([0x00]),
    text("te"),
    text("trailers"),
    Buffer.from([0x00]),
    text("grpc-timeout"),
    text(timeout),
  ]);
  return { headers, body };
}

/** A connection with a fixed number of streams at once. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #open = new Map<number, Open>();
  readonly #maxStreams: number;
  #nextId = 1;
  #unread: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket, maxStreams: number) {
    this.#socket = socket;
    this.#maxStreams = maxStreams;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const id of [...this.#open.keys()]) this.#end(id, "broken");
    });
    const settings = Buffer.alloc(18);
    // Without a table, the peer's headers are the same bytes each time, and need not be read.
    writeSetting(settings, 0, Setting.headerTableSize, 0);
    writeSetting(settings, 6, Setting.enablePush, 0);
    writeSetting(settings, 12, Setting.initialWindowSize, MAX_WINDOW);
    const window = Buffer.alloc(4);
    window.writeUInt32BE(MAX_WINDOW - FIRST_WINDOW);
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(Frame.settings, 0, 0, settings)]));
    socket.write(frame(Frame.windowUpdate, 0, 0, window));
  }

  static async open(address: string, maxStreams: number): Promise<RawConnection> {
    const { hostname, port } = new URL(`http://${address}`);
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
    return new RawConnection(socket, maxStreams);
  }

  get hasRoom(): boolean {
    return this.#open.size < this.#maxStreams && !this.#socket.destroyed;
  }

  send(request: RawRequest, stream: RawStream): void {
    const id = this.#nextId;
    this.#nextId += 2;
    this.#open.set(id, { stream, answered: false });
    const { headers, body } = request;
    const bytes = Buffer.allocUnsafe(2 * HEAD_BYTES + headers.length + body.length);
    writeHead(bytes, 0, headers.length, Frame.headers, END_HEADERS, id);
    headers.copy(bytes, HEAD_BYTES);
    writeHead(bytes, HEAD_BYTES + headers.length, body.length, Frame.data, END_STREAM, id);
    body.copy(bytes, 2 * HEAD_BYTES + headers.length);
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    const all = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
    let at = 0;
    while (all.length - at >= HEAD_BYTES) {
      const length = all.readUIntBE(at, 3);
      if (all.length - at < HEAD_BYTES + length) break;
      const id = all.readUInt32BE(at + 5) & MAX_WINDOW;
      this.#frame(all[at + 3] ?? 0, all[at + 4] ?? 0, id, all, at + HEAD_BYTES, length);
      at += HEAD_BYTES + length;
    }
    this.#unread = all.subarray(at);
  }

  #frame(type: number, flags: number, id: number, all: Buffer, from: number, length: number): void {
    switch (type) {
      case Frame.data: {
        const open = this.#open.get(id);
        if (open === undefined || open.answered || length === 0) return;
        open.answered = true;
        open.stream.onFirst();
        return;
      }
      case Frame.headers:
        if ((flags & END_STREAM) !== 0) this.#end(id, this.#open.get(id)?.answered === true ? "answered" : "refused");
        return;
      case Frame.reset:
        this.#end(id, "broken");
        return;
      case Frame.settings:
        if ((flags & ACK) === 0) this.#socket.write(frame(Frame.settings, ACK, 0, Buffer.alloc(0)));
        return;
      case Frame.ping:
        if ((flags & ACK) === 0) this.#socket.write(frame(Frame.ping, ACK, 0, all.subarray(from, from + length)));
        return;
      case Frame.goAway:
        this.#socket.destroy();
        return;
      default:
    }
  }

  #end(id: number, how: "answered" | "refused" | "broken"): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.stream.onEnd(how);
  }
}

/** A string of HPACK, shorter than 127 bytes, without Huffman's code. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length > 126) throw new Error("a header is too long");
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function frame(type: number, flags: number, id: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(HEAD_BYTES + payload.length);
  writeHead(bytes, 0, payload.length, type, flags, id);
  payload.copy(bytes, HEAD_BYTES);
  return bytes;
}

function writeHead(bytes: Buffer, at: number, length: number, type: number, flags: number, id: number): void {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(id, at + 5);
}

function writeSetting(bytes: Buffer, at: number, setting: number, value: number): void {
  bytes.writeUInt16BE(setting, at);
  bytes.writeUInt32BE(value, at + 2);
}

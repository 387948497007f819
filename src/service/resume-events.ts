import { toBinary } from "@bufbuild/protobuf";
import { type StreamResponse, StreamResponseSchema } from "../domain/contract.ts";
import type { ChatEvent } from "../domain/event.ts";

/** What an event takes in memory besides its own bytes, rounded up. */
const EVENT_BYTES = 256;

/** Bytes that all kept streams take together. */
export class KeptBytes {
  readonly #max: number;
  /** Gives up what can be given up. */
  readonly #makeRoom: () => void;
  readonly #waiting = new Set<() => void>();
  #used = 0;

  constructor(max: number, makeRoom: () => void) {
    this.#max = max;
    this.#makeRoom = makeRoom;
  }

  get used(): number {
    return this.#used;
  }

  get full(): boolean {
    return this.#used > this.#max;
  }

  take(bytes: number): void {
    this.#used += bytes;
    if (this.full) this.#makeRoom();
  }

  give(bytes: number): void {
    this.#used -= bytes;
    if (this.full) return;
    for (const wake of [...this.#waiting]) wake();
  }

  /** Hears of room, more than once. The answer ends that. */
  onRoom(wake: () => void): () => void {
    this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}

interface Kept {
  readonly response: StreamResponse;
  readonly bytes: number;
}

/**
 * The events of one stream, numbered from 1 as they are added. Of those that a reader was given, the last ones are kept
 * in case they were lost on the way: in half of the stream's room, so that the other half is there for what comes while
 * nobody reads. Then nothing is dropped: nobody knows yet from where on it will be wanted.
 */
export class KeptEvents {
  readonly #maxBytes: number;
  readonly #all: KeptBytes;
  #kept: Kept[] = [];
  /** Where in `#kept` the first event is; those before it are dropped. */
  #head = 0;
  #last = 0;
  #given = 0;
  #bytes = 0;
  #owedBytes = 0;
  #closed = false;

  constructor(maxBytes: number, all: KeptBytes) {
    this.#maxBytes = maxBytes;
    this.#all = all;
  }

  /** Number of the newest event; 0 before there is one. */
  get last(): number {
    return this.#last;
  }

  /** Number of the oldest event that is kept, or of the next one to come. */
  get first(): number {
    return this.#last - (this.#kept.length - this.#head) + 1;
  }

  /** Whether no more may come until a reader takes some. Something may always. */
  get full(): boolean {
    return this.#owedBytes > 0 && (this.#bytes >= this.#maxBytes || this.#all.full);
  }

  add(event: ChatEvent): void {
    if (this.#closed) return;
    const response: StreamResponse = { $typeName: "sluice.v1.StreamResponse", sequence: ++this.#last, event };
    const bytes = bytesOf(response);
    this.#kept.push({ response, bytes });
    this.#bytes += bytes;
    this.#owedBytes += bytes;
    this.#all.take(bytes);
  }

  /** The event of this number, which its reader is given with that; undefined where it has not come yet. */
  give(sequence: number): StreamResponse | undefined {
    const kept = this.#kept[this.#head + sequence - this.first];
    if (kept === undefined) return undefined;
    this.#given = sequence;
    this.#owedBytes -= kept.bytes;
    this.#trim();
    return kept.response;
  }

  /** A reader comes that has the events up to this one. */
  restartAfter(sequence: number): void {
    this.#given = sequence;
    this.#owedBytes = 0;
    for (const { bytes } of this.#kept.slice(this.#head + sequence + 1 - this.first)) this.#owedBytes += bytes;
  }

  /** Hears of room that others left, more than once. The answer ends that. */
  onRoom(wake: () => void): () => void {
    return this.#all.onRoom(wake);
  }

  /** Forgets everything, and keeps nothing that still comes. */
  close(): void {
    this.#closed = true;
    this.#all.give(this.#bytes);
    this.#bytes = 0;
    this.#owedBytes = 0;
    this.#kept = [];
    this.#head = 0;
  }

  #trim(): void {
    while ((this.#bytes > this.#maxBytes / 2 || this.#all.full) && this.first <= this.#given) {
      const bytes = this.#kept[this.#head]?.bytes ?? 0;
      this.#head++;
      this.#bytes -= bytes;
      this.#all.give(bytes);
    }
    // What was dropped is let go of now and then: each time would copy the rest each time.
    if (this.#head * 2 > this.#kept.length) {
      this.#kept = this.#kept.slice(this.#head);
      this.#head = 0;
    }
  }
}

function bytesOf(response: StreamResponse): number {
  const { event } = response;
  if (event.case === "blockDelta" && event.value.logprobs.length === 0 && event.value.citations.length === 0) {
    // Two bytes for each unit, which is what a text takes at most.
    return EVENT_BYTES + 2 * event.value.text.length;
  }
  return EVENT_BYTES + toBinary(StreamResponseSchema, response).length;
}

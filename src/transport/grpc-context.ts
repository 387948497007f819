import type { EventEmitter } from "node:events";
import { constants } from "node:http2";
import * as grpc from "@grpc/grpc-js";
import type { Clock } from "../domain/clock.ts";
import type { Departure, Peer, RpcContext } from "../service/context.ts";
import { departureFrom, INTERRUPT_GRACE_MS } from "./door.ts";
import type { Arrival } from "./grpc-arrivals.ts";
import { peerOfSession } from "./peer.ts";
import { REQUEST_ID_HEADER } from "./request-id.ts";
import { parseTimeout } from "./timeout.ts";

/** What all kinds of grpc-js calls have in common. */
export interface AnyCall extends EventEmitter {
  readonly cancelled: boolean;
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
}

/** An RPC of the gRPC door, as its method sees it. */
export class GrpcContext implements RpcContext {
  requestId: string;
  readonly system = "grpc";
  timeoutMs: number | undefined;
  readonly #call: AnyCall;
  readonly #arrival: Arrival;
  readonly #clock: Clock;
  #headersSent = false;
  #wake: (() => void) | undefined;
  #interrupted = false;

  constructor(call: AnyCall, arrival: Arrival, clock: Clock) {
    this.#call = call;
    this.#clock = clock;
    this.#arrival = arrival;
    this.requestId = arrival.requestId;
  }

  header(name: string): string | undefined {
    const values = this.#call.metadata.get(name);
    return values.length === 0 ? undefined : values.map(String).join(", ");
  }

  peer(): Peer {
    return peerOfSession(this.#arrival.stream.session);
  }

  /** Throws `INVALID_REQUEST` for a timeout that is none. */
  readTimeout(): void {
    this.timeoutMs = parseTimeout(this.#arrival.timeout);
  }

  onGone(listener: (how: Departure) => void): void {
    const gone = (): void => listener(departureFrom(this.#arrival.session));
    if (this.#call.cancelled) gone();
    else this.#call.once("cancelled", gone);
  }

  continueAs(requestId: string): void {
    this.requestId = requestId;
  }

  sendHeaders(): void {
    if (this.#headersSent) return;
    this.#headersSent = true;
    const headers = new grpc.Metadata();
    headers.set(REQUEST_ID_HEADER, this.requestId);
    this.#call.sendMetadata(headers);
  }

  interrupt(): void {
    this.#interrupted = true;
    this.#wake?.();
    const { stream } = this.#arrival;
    // grpc-js (1.14) writes the status once all before it is written, which a full window never lets happen.
    this.#clock.schedule(INTERRUPT_GRACE_MS, () => {
      if (!stream.writableEnded && stream.writableLength > 0) stream.close(constants.NGHTTP2_CANCEL);
    });
  }

  /** Resolves once the reader has caught up, went away, or is not waited for any longer. */
  drained(): Promise<void> {
    if (this.#interrupted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#call.off("drain", done);
        this.#call.off("cancelled", done);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = done;
      this.#call.once("drain", done);
      this.#call.once("cancelled", done);
    });
  }
}

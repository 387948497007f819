import type { EventEmitter } from "node:events";
import * as grpc from "@grpc/grpc-js";
import type { RpcContext } from "../service/context.ts";
import type { Arrival } from "./grpc-arrivals.ts";
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
  readonly requestId: string;
  timeoutMs: number | undefined;
  readonly #call: AnyCall;
  readonly #arrival: Arrival;
  #headersSent = false;
  #wake: (() => void) | undefined;
  #interrupted = false;

  constructor(call: AnyCall, arrival: Arrival) {
    this.#call = call;
    this.#arrival = arrival;
    this.requestId = arrival.requestId;
  }

  /** Throws `INVALID_REQUEST` for a timeout that is none. */
  readTimeout(): void {
    this.timeoutMs = parseTimeout(this.#arrival.timeout);
  }

  onGone(listener: () => void): void {
    if (this.#call.cancelled) listener();
    else this.#call.once("cancelled", listener);
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

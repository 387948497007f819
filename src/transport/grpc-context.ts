import type { EventEmitter } from "node:events";
import * as grpc from "@grpc/grpc-js";
import type { RpcContext } from "../service/context.ts";
import type { Arrival } from "./grpc-arrivals.ts";
import { parseTimeout } from "./timeout.ts";

/** What all kinds of grpc-js calls have in common. */
export interface AnyCall extends EventEmitter {
  readonly cancelled: boolean;
  readonly metadata: grpc.Metadata;
  sendMetadata(metadata: grpc.Metadata): void;
}

/** An RPC of the gRPC door, as its method sees it. */
export class GrpcContext implements RpcContext {
  timeoutMs: number | undefined;
  readonly #call: AnyCall;
  readonly #arrival: Arrival;
  #headers: grpc.Metadata | undefined;
  #wake: (() => void) | undefined;
  #interrupted = false;

  constructor(call: AnyCall, arrival: Arrival) {
    this.#call = call;
    this.#arrival = arrival;
  }

  /** Throws `INVALID_REQUEST` for a timeout that is none. */
  readTimeout(): void {
    this.timeoutMs = parseTimeout(this.#arrival.timeout);
  }

  onGone(listener: () => void): void {
    if (this.#call.cancelled) listener();
    else this.#call.once("cancelled", listener);
  }

  setHeader(name: string, value: string): void {
    this.#headers ??= new grpc.Metadata();
    this.#headers.set(name, value);
  }

  sendHeaders(): void {
    if (this.#headers === undefined) return;
    this.#call.sendMetadata(this.#headers);
    this.#headers = undefined;
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

import { create } from "@bufbuild/protobuf";
import {
  type Health,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/health/v1/health_pb.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { ServiceObject } from "./context.ts";

/** Whether this instance wants calls. One answer for the server (the empty name) and each of its services. */
export class HealthState {
  readonly names: readonly string[];
  #serving = true;
  #closed = false;
  readonly #listeners = new Set<() => void>();

  constructor(serviceNames: readonly string[]) {
    this.names = ["", ...serviceNames];
  }

  get serving(): boolean {
    return this.#serving;
  }

  /** Whether those who watch have nothing more to learn. */
  get closed(): boolean {
    return this.#closed;
  }

  /** From now on NOT_SERVING, so that load balancers send calls elsewhere. */
  stopServing(): void {
    this.#serving = false;
    for (const listener of this.#listeners) listener();
  }

  /** Ends the streams of those who watch, once each of them has been told the last state. */
  close(): void {
    this.#closed = true;
    for (const listener of this.#listeners) listener();
  }

  /** Calls back at each change, until the returned function is called. */
  watch(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

/** `grpc.health.v1.Health`. */
export function createHealthService(state: HealthState): ServiceObject<typeof Health> {
  const response = (name: string): HealthCheckResponse =>
    create(HealthCheckResponseSchema, {
      status: !state.names.includes(name)
        ? ServingStatus.SERVICE_UNKNOWN
        : state.serving
          ? ServingStatus.SERVING
          : ServingStatus.NOT_SERVING,
    });
  return {
    async check({ service }) {
      if (state.names.includes(service)) return response(service);
      throw new GatewayError(
        ErrorReason.SERVICE_NOT_FOUND,
        `No service ${JSON.stringify(service.slice(0, 128))} here; the server as a whole has the empty name.`,
      );
    },

    async list() {
      return create(HealthListResponseSchema, {
        statuses: Object.fromEntries(state.names.map((name) => [name, response(name)])),
      });
    },

    async *watch({ service }, context) {
      let wake: (() => void) | undefined;
      let gone = false;
      const notify = (): void => wake?.();
      const unwatch = state.watch(notify);
      context.onGone(() => {
        gone = true;
        notify();
      });
      try {
        while (!gone) {
          const sent = state.serving;
          yield response(service);
          while (!gone && state.serving === sent) {
            if (state.closed) return;
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      } finally {
        unwatch();
      }
    },
  };
}

/** Streams over grpc-js, on as many connections as one says. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import {
  GatewayService,
  StreamRequestSchema,
  type StreamResponse,
  StreamResponseSchema,
} from "../../src/domain/contract.ts";
import { ask } from "../support/gateway.ts";

const PATH = `/${GatewayService.typeName}/${GatewayService.method.stream.name}`;

/** How a stream ended. */
interface StreamOutcome {
  readonly deltas: number;
  /** Kind of the last event. */
  readonly last: string | undefined;
  readonly code: grpc.status;
  readonly details: string;
}

export interface OpenedStream {
  /** Resolves with its first words, or its end. */
  readonly begun: Promise<void>;
  readonly outcome: Promise<StreamOutcome>;
}

/** A connection of its own: grpc-js shares them between clients of one address unless told not to. */
export function connect(address: string): grpc.Client {
  return new grpc.Client(address, grpc.credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 });
}

export function openStream(client: grpc.Client, model: string): OpenedStream {
  const begun = Promise.withResolvers<void>();
  const outcome = Promise.withResolvers<StreamOutcome>();
  const call = client.makeServerStreamRequest(
    PATH,
    (request: Uint8Array) => Buffer.from(request),
    (bytes) => fromBinary(StreamResponseSchema, bytes),
    toBinary(StreamRequestSchema, create(StreamRequestSchema, ask(model))),
  );
  let deltas = 0;
  let last: string | undefined;
  call.on("data", ({ event }: StreamResponse) => {
    last = event.case;
    if (event.case !== "blockDelta") return;
    deltas++;
    begun.resolve();
  });
  // The status says the same.
  call.on("error", () => {});
  call.on("status", ({ code, details }: grpc.StatusObject) => {
    begun.resolve();
    outcome.resolve({ deltas, last, code, details });
  });
  return { begun: begun.promise, outcome: outcome.promise };
}

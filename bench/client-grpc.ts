import * as grpc from "@grpc/grpc-js";
import {
  CompleteRequestSchema,
  type CompleteResponse,
  StreamRequestSchema,
  type StreamResponse,
} from "../gen/sluice/v1/gateway_service_pb.ts";
import { type Client, type Held, incomplete } from "./client.ts";
import { service, toRequest } from "./contract.ts";

/** Calls over gRPC, spread over this many connections. */
export function createGrpcClient(address: string, connections: number): Client {
  const channels = Array.from(
    { length: connections },
    () => new grpc.Client(address, grpc.credentials.createInsecure(), { "grpc.use_local_subchannel_pool": 1 }),
  );
  let calls = 0;
  const next = (): grpc.Client => {
    const channel = channels[calls++ % channels.length];
    if (channel === undefined) throw new Error("a client needs a connection");
    return channel;
  };

  const open = (model: string): grpc.ClientReadableStream<StreamResponse> => {
    const { path, requestSerialize, responseDeserialize } = service.stream;
    const request = toRequest(StreamRequestSchema, model);
    return next().makeServerStreamRequest(path, requestSerialize, responseDeserialize, request);
  };

  return {
    async unary(model) {
      const { path, requestSerialize, responseDeserialize } = service.complete;
      const request = toRequest(CompleteRequestSchema, model);
      const response = await new Promise<CompleteResponse>((resolve, reject) => {
        next().makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, value) => {
          if (value === undefined) reject(error ?? new Error("no answer"));
          else resolve(value);
        });
      });
      if (response.parts.length === 0) throw new Error("an answer without parts");
    },

    stream(model, tokens) {
      const startedAt = performance.now();
      return new Promise((resolve, reject) => {
        const call = open(model);
        let firstMs = 0;
        let texts = 0;
        let whole = false;
        call.on("data", ({ event }: StreamResponse) => {
          if (event.case === "end") whole = true;
          else if (event.case === "blockDelta" && ++texts === 1) firstMs = performance.now() - startedAt;
        });
        call.on("error", reject);
        call.on("end", () => (whole && texts === tokens ? resolve(firstMs) : reject(incomplete(texts, tokens))));
      });
    },

    hold(model) {
      return new Promise<Held>((resolve, reject) => {
        const call = open(model);
        call.on("error", reject);
        call.on("data", ({ event }: StreamResponse) => {
          if (event.case === "blockDelta") resolve({ release: () => call.cancel() });
        });
      });
    },

    async close() {
      for (const channel of channels) channel.close();
    },
  };
}

import { Buffer } from "node:buffer";
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";
import {
  CompleteRequestSchema,
  CompleteResponseSchema,
  GatewayService,
  StreamRequestSchema,
  StreamResponseSchema,
} from "../gen/sluice/v1/gateway_service_pb.ts";

/** The contract as grpc-js wants it, for the relay and for the load generator. */
export const service = {
  complete: method("Complete", CompleteRequestSchema, CompleteResponseSchema, false),
  stream: method("Stream", StreamRequestSchema, StreamResponseSchema, true),
};

/** The provider's name in the gateway's configuration. The relay drops it from the model. */
export const PROVIDER = "up";

const SYSTEM = "You answer questions about water mills, briefly and to the point. Say so when you do not know.";
const QUESTION =
  "Our mill has an undershot wheel of four metres. In a dry summer the stream carries a third of its usual water. " +
  "What can we change so that the wheel still turns the stones, without a new weir?";

/** The prompt of every call, as the contract has it. */
export function toRequest<D extends typeof CompleteRequestSchema | typeof StreamRequestSchema>(
  schema: D,
  model: string,
): MessageShape<D> {
  const request = create(CompleteRequestSchema, {
    attribution: { feature: "bench", userId: "u-1", sessionId: "s-1" },
    prompt: {
      model: `${PROVIDER}/${model}`,
      maxOutputTokens: 1000,
      temperature: 0.5,
      messages: [
        { role: 1, parts: [{ content: { case: "text", value: SYSTEM } }] },
        { role: 2, parts: [{ content: { case: "text", value: QUESTION } }] },
      ],
    },
  });
  return create(schema, { attribution: request.attribution, prompt: request.prompt } as never);
}

/** The same prompt as the upstream wants it. */
export function toBody(model: string, stream: boolean): string {
  return JSON.stringify({
    model,
    messages: [
      { role: "system", content: SYSTEM },
      { role: "user", content: QUESTION },
    ],
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
    max_tokens: 1000,
    temperature: 0.5,
  });
}

function method<I extends DescMessage, O extends DescMessage>(
  name: string,
  input: I,
  output: O,
  streamed: boolean,
): MethodDefinition<MessageShape<I>, MessageShape<O>> {
  return {
    path: `/${GatewayService.typeName}/${name}`,
    requestStream: false,
    responseStream: streamed,
    requestSerialize: (message) => asBuffer(toBinary(input, message)),
    requestDeserialize: (bytes) => fromBinary(input, bytes),
    responseSerialize: (message) => asBuffer(toBinary(output, message)),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

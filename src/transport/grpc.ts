import { Buffer } from "node:buffer";
import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import type { Clock } from "../domain/clock.ts";
import {
  type CompleteResponse,
  CompleteResponseSchema,
  type StreamResponse,
  StreamResponseSchema,
} from "../domain/contract.ts";
import { invalidRequest, toGatewayError } from "../domain/error.ts";
import type { BoundService, OnUnreadable, RpcContext } from "../service/context.ts";
import type { TlsFiles } from "./address.ts";
import type { Door } from "./door.ts";
import { toStatusBytes } from "./error-details.ts";
import { hookArrivals, limitHeaders } from "./grpc-arrivals.ts";
import { type AnyCall, GrpcContext } from "./grpc-context.ts";
import { GrpcGate } from "./grpc-gate.ts";
import { nameRequest } from "./request-id.ts";
import { createAnswerWriter } from "./write-answer.ts";
import { writeDelta } from "./write-delta.ts";

export interface GrpcDoorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly BoundService[];
  readonly tls: TlsFiles | undefined;
  readonly maxMessageBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
  readonly clock: Clock;
}

type AnyMessage = MessageShape<DescMethod["output"]>;
type UnaryMethod = (request: AnyMessage, context: RpcContext) => Promise<AnyMessage>;
type StreamingMethod = (request: AnyMessage, context: RpcContext) => AsyncIterable<AnyMessage>;
type BidiMethod = (requests: AsyncIterable<AnyMessage>, context: RpcContext) => AsyncIterable<AnyMessage>;

/** gRPC over HTTP/2, on grpc-js. */
export async function openGrpcDoor(options: GrpcDoorOptions): Promise<Door> {
  // It writes to standard error what it also throws; the gateway's log says it once.
  grpc.setLogVerbosity(grpc.logVerbosity.NONE);
  const server = new grpc.Server({
    "grpc.max_receive_message_length": options.maxMessageBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": options.maxStreamsPerConnection,
    // Finds peers that vanished: half a minute of silence, then ten seconds to answer a ping.
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
    // Unused by anybody here, and a tenth of the cost of a call.
    "grpc.enable_channelz": 0,
  });
  const arrivals = hookArrivals(server, new GrpcGate(options.services, options.clock));
  limitHeaders(server, options.maxHeaderBytes);
  const openContext: OpenContext = (call) => {
    const arrival = arrivals.take(call.metadata);
    return arrival && new GrpcContext(call, arrival, options.clock);
  };
  for (const { descriptor, implementation, onUnreadable } of options.services) {
    const methods: Record<string, (request: never, context: RpcContext) => unknown> = { ...implementation };
    const definition: Record<string, grpc.MethodDefinition<Buffer, AnyMessage>> = {};
    const handlers: grpc.UntypedServiceImplementation = {};
    for (const method of descriptor.methods) {
      const call = methods[method.localName];
      if (call === undefined) continue;
      definition[method.name] = toDefinition(method);
      handlers[method.name] = toHandler(method, call.bind(implementation), openContext, onUnreadable);
    }
    server.addService(definition, handlers);
  }
  const port = await listen(server, options);
  const address = options.address.replace(/:\d+$/, `:${port}`);
  return {
    address,
    drain: () => new Promise((resolve) => server.tryShutdown(() => resolve())),
    close: () => {
      server.forceShutdown();
      // grpc-js (1.14) forgets its sessions where channelz is off.
      for (const session of arrivals.sessions) session.destroy();
    },
  };
}

function listen(server: grpc.Server, { address, tls }: GrpcDoorOptions): Promise<number> {
  const credentials =
    tls === undefined
      ? grpc.ServerCredentials.createInsecure()
      : grpc.ServerCredentials.createSsl(
          tls.clientCa ?? null,
          [{ cert_chain: tls.cert, private_key: tls.key }],
          tls.clientCa !== undefined,
        );
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, port) => (error === null ? resolve(port) : reject(error)));
  });
}

/**
 * Makes a method of protobuf-es one of grpc-js: the only place where the two meet. Requests stay bytes here: the
 * handler reads them, so that malformed ones get an error of the gateway's own.
 */
function toDefinition(method: DescMethod): grpc.MethodDefinition<Buffer, AnyMessage> {
  const { input, output } = method;
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "client_streaming" || method.methodKind === "bidi_streaming",
    responseStream: method.methodKind === "server_streaming" || method.methodKind === "bidi_streaming",
    requestSerialize: (bytes) => bytes,
    requestDeserialize: (bytes) => bytes,
    responseSerialize: serializerOf(output),
    responseDeserialize: (bytes) => fromBinary(output, bytes),
    originalName: input.name,
  };
}

function serializerOf(output: DescMessage): (message: AnyMessage) => Buffer {
  const write = writerOf(output);
  return (message) => write?.(message) ?? asBuffer(toBinary(output, message));
}

/** What writes the usual messages of a kind for less; undefined for messages that are left to the library. */
function writerOf({ typeName }: DescMessage): ((message: AnyMessage) => Buffer | undefined) | undefined {
  switch (typeName) {
    case StreamResponseSchema.typeName:
      return (message) => writeDelta(message as StreamResponse);
    case CompleteResponseSchema.typeName: {
      const write = createAnswerWriter();
      return (message) => write(message as CompleteResponse);
    }
    default:
      return undefined;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

type AnyMethod = (request: never, context: RpcContext) => unknown;

/** Undefined for a call whose stream closed before its request was there: nobody waits for an answer. */
type OpenContext = (call: AnyCall) => GrpcContext | undefined;

function toHandler(
  method: DescMethod,
  implementation: AnyMethod,
  openContext: OpenContext,
  onUnreadable: OnUnreadable | undefined,
): grpc.UntypedHandleCall {
  const parse = (bytes: Buffer): AnyMessage => {
    try {
      return fromBinary(method.input, bytes);
    } catch (error) {
      const why = error instanceof Error ? error.message : "malformed";
      throw invalidRequest([{ field: "", description: `the request is no ${method.input.typeName}: ${why}` }]);
    }
  };
  const read = (bytes: Buffer, context: GrpcContext): AnyMessage => {
    try {
      context.readTimeout();
      return parse(bytes);
    } catch (thrown) {
      const error = toGatewayError(thrown);
      onUnreadable?.(method, context, error);
      throw error;
    }
  };
  switch (method.methodKind) {
    case "unary": {
      const run = implementation as UnaryMethod;
      return ((call: grpc.ServerUnaryCall<Buffer, AnyMessage>, callback: grpc.sendUnaryData<AnyMessage>) => {
        const context = openContext(call);
        if (context !== undefined) void answer(context, () => run(read(call.request, context), context), callback);
      }) satisfies grpc.handleUnaryCall<Buffer, AnyMessage>;
    }
    case "server_streaming": {
      const run = implementation as StreamingMethod;
      return ((call: grpc.ServerWritableStream<Buffer, AnyMessage>) => {
        const context = openContext(call);
        if (context !== undefined) void write(call, context, () => run(read(call.request, context), context));
      }) satisfies grpc.handleServerStreamingCall<Buffer, AnyMessage>;
    }
    case "bidi_streaming": {
      const run = implementation as BidiMethod;
      return ((call: grpc.ServerDuplexStream<Buffer, AnyMessage>) => {
        async function* requests(): AsyncGenerator<AnyMessage> {
          for await (const bytes of call) yield parse(bytes as Buffer);
        }
        const context = openContext(call);
        if (context === undefined) return;
        void write(call, context, () => {
          context.readTimeout();
          return run(requests(), context);
        });
      }) satisfies grpc.handleBidiStreamingCall<Buffer, AnyMessage>;
    }
    case "client_streaming":
      throw new Error(`${method.name}: client streaming is not bound`);
  }
}

/** Runs a unary method and answers with what it returns, or with the status of its failure. */
async function answer(
  context: GrpcContext,
  run: () => Promise<AnyMessage>,
  respond: grpc.sendUnaryData<AnyMessage>,
): Promise<void> {
  let message: AnyMessage;
  try {
    message = await run();
  } catch (thrown) {
    context.sendHeaders();
    respond(toStatus(thrown, context));
    return;
  }
  context.sendHeaders();
  respond(null, message);
}

type WritableCall = grpc.ServerWritableStream<Buffer, AnyMessage> | grpc.ServerDuplexStream<Buffer, AnyMessage>;

/** Writes an implementation's messages out, no faster than they are read. */
async function write(call: WritableCall, context: GrpcContext, run: () => AsyncIterable<AnyMessage>): Promise<void> {
  try {
    for await (const message of run()) {
      context.sendHeaders();
      if (!call.write(message)) await context.drained();
      if (call.cancelled) return;
    }
    context.sendHeaders();
    call.end();
  } catch (thrown) {
    context.sendHeaders();
    call.emit("error", toStatus(thrown, context));
  }
}

function toStatus(thrown: unknown, { requestId }: RpcContext): grpc.ServerErrorResponse {
  const error = nameRequest(thrown, requestId);
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", asBuffer(toStatusBytes(error)));
  return Object.assign(new Error(error.message), { code: error.row.code, details: error.message, metadata });
}

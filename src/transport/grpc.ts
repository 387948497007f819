import { Buffer } from "node:buffer";
import type { Http2Session, ServerHttp2Stream } from "node:http2";
import { type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import * as grpc from "@grpc/grpc-js";
import { type StreamResponse, StreamResponseSchema } from "../domain/contract.ts";
import { type GatewayError, invalidRequest, toGatewayError } from "../domain/error.ts";
import type { BoundService, RpcContext } from "../service/context.ts";
import type { TlsFiles } from "./address.ts";
import type { Door } from "./door.ts";
import { toStatusBytes } from "./error-details.ts";
import { GrpcContext } from "./grpc-context.ts";
import { takeTimeout } from "./timeout.ts";
import { writeDelta } from "./write-delta.ts";

export interface GrpcDoorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly BoundService[];
  readonly tls: TlsFiles | undefined;
  readonly maxMessageBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
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
  const sessions = hookStreams(server);
  limitHeaders(server, options.maxHeaderBytes);
  for (const { descriptor, implementation } of options.services) {
    const methods: Record<string, (request: never, context: RpcContext) => unknown> = { ...implementation };
    const definition: Record<string, grpc.MethodDefinition<Buffer, AnyMessage>> = {};
    const handlers: grpc.UntypedServiceImplementation = {};
    for (const method of descriptor.methods) {
      const call = methods[method.localName];
      if (call === undefined) continue;
      definition[method.name] = toDefinition(method);
      handlers[method.name] = toHandler(method, call.bind(implementation));
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
      for (const session of sessions) session.destroy();
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
 * Puts `takeTimeout` before grpc-js, and keeps the sessions that have had streams. There is no public hook that early:
 * grpc-js (1.14) starts its own timer while it reads the headers. Checked here, so that an update that renames the
 * method fails at the start, not at a deadline.
 */
function hookStreams(server: grpc.Server): ReadonlySet<Http2Session> {
  const sessions = new Set<Http2Session>();
  const handle: unknown = Reflect.get(server, "_streamHandler");
  if (typeof handle !== "function") throw new Error("grpc-js has changed: its stream handler is not where it was");
  Reflect.set(
    server,
    "_streamHandler",
    function (this: grpc.Server, ...args: [unknown, ServerHttp2Stream, Record<string, string>]): unknown {
      const { session } = args[1];
      if (session !== undefined && !sessions.has(session)) {
        sessions.add(session);
        session.once("close", () => sessions.delete(session));
      }
      takeTimeout(args[2]);
      return handle.apply(this, args);
    },
  );
  return sessions;
}

/** grpc-js (1.14) has an option for streams, none for headers: its settings are completed where it keeps them. */
function limitHeaders(server: grpc.Server, maxHeaderListSize: number): void {
  const options: unknown = Reflect.get(server, "commonServerOptions");
  const settings: unknown =
    typeof options === "object" && options !== null ? Reflect.get(options, "settings") : undefined;
  if (typeof settings !== "object" || settings === null) {
    throw new Error("grpc-js has changed: its HTTP/2 settings are not where they were");
  }
  Object.assign(settings, { maxHeaderListSize });
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
  if (output.typeName !== StreamResponseSchema.typeName) return (message) => asBuffer(toBinary(output, message));
  return (message) => writeDelta(message as StreamResponse) ?? asBuffer(toBinary(output, message));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

type AnyMethod = (request: never, context: RpcContext) => unknown;

function toHandler(method: DescMethod, implementation: AnyMethod): grpc.UntypedHandleCall {
  const parse = (bytes: Buffer): AnyMessage => {
    try {
      return fromBinary(method.input, bytes);
    } catch (error) {
      const why = error instanceof Error ? error.message : "malformed";
      throw invalidRequest([{ field: "", description: `the request is no ${method.input.typeName}: ${why}` }]);
    }
  };
  switch (method.methodKind) {
    case "unary": {
      const run = implementation as UnaryMethod;
      return ((call: grpc.ServerUnaryCall<Buffer, AnyMessage>, callback: grpc.sendUnaryData<AnyMessage>) => {
        void answer(call, parse, run, callback);
      }) satisfies grpc.handleUnaryCall<Buffer, AnyMessage>;
    }
    case "server_streaming": {
      const run = implementation as StreamingMethod;
      return ((call: grpc.ServerWritableStream<Buffer, AnyMessage>) => {
        void write(call, (context) => run(parse(call.request), context));
      }) satisfies grpc.handleServerStreamingCall<Buffer, AnyMessage>;
    }
    case "bidi_streaming": {
      const run = implementation as BidiMethod;
      return ((call: grpc.ServerDuplexStream<Buffer, AnyMessage>) => {
        async function* requests(): AsyncGenerator<AnyMessage> {
          for await (const bytes of call) yield parse(bytes as Buffer);
        }
        void write(call, (context) => run(requests(), context));
      }) satisfies grpc.handleBidiStreamingCall<Buffer, AnyMessage>;
    }
    case "client_streaming":
      throw new Error(`${method.name}: client streaming is not bound`);
  }
}

/** Runs a unary method and answers with what it returns, or with the status of its failure. */
async function answer(
  call: grpc.ServerUnaryCall<Buffer, AnyMessage>,
  parse: (bytes: Buffer) => AnyMessage,
  run: UnaryMethod,
  respond: grpc.sendUnaryData<AnyMessage>,
): Promise<void> {
  const context = new GrpcContext(call);
  let message: AnyMessage;
  try {
    context.readTimeout();
    message = await run(parse(call.request), context);
  } catch (thrown) {
    context.sendHeaders();
    respond(toStatus(thrown));
    return;
  }
  context.sendHeaders();
  respond(null, message);
}

type WritableCall = grpc.ServerWritableStream<Buffer, AnyMessage> | grpc.ServerDuplexStream<Buffer, AnyMessage>;

/** Writes an implementation's messages out, no faster than they are read. */
async function write(call: WritableCall, run: (context: GrpcContext) => AsyncIterable<AnyMessage>): Promise<void> {
  const context = new GrpcContext(call);
  try {
    context.readTimeout();
    for await (const message of run(context)) {
      context.sendHeaders();
      if (!call.write(message)) await context.drained();
      if (call.cancelled) return;
    }
    context.sendHeaders();
    call.end();
  } catch (thrown) {
    context.sendHeaders();
    call.emit("error", toStatus(thrown));
  }
}

function toStatus(thrown: unknown): grpc.ServerErrorResponse {
  const error: GatewayError = toGatewayError(thrown);
  const metadata = new grpc.Metadata();
  metadata.set("grpc-status-details-bin", asBuffer(toStatusBytes(error)));
  return Object.assign(new Error(error.message), { code: error.row.code, details: error.message, metadata });
}

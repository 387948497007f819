import type * as http from "node:http";
import { constants, type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { DescMethod, DescService, MessageShape } from "@bufbuild/protobuf";
import {
  type Code,
  ConnectError,
  type ConnectRouter,
  type ContextKey,
  createConnectRouter,
  createContextKey,
  createContextValues,
  type HandlerContext,
  type ServiceImpl,
} from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Clock } from "../domain/clock.ts";
import { toGatewayError } from "../domain/error.ts";
import type { BoundService, Caller, RpcContext } from "../service/context.ts";
import { departureFrom, INTERRUPT_GRACE_MS } from "./door.ts";
import { toDetails } from "./error-details.ts";
import { peerOf, peerOfSession } from "./peer.ts";
import { mintRequestId, nameRequest, REQUEST_ID_HEADER } from "./request-id.ts";
import { emptyMessage, type RequestForm, readMessage, takeForm } from "./request-message.ts";
import { parseTimeout, type SentTimeout, takeTimeout } from "./timeout.ts";

export interface RpcHandlerOptions {
  readonly services: readonly BoundService[];
  readonly maxMessageBytes: number;
  /** Also takes gRPC itself, which is slower here than on its own door. */
  readonly grpc: boolean;
  readonly clock: Clock;
}

/** What the door knows of a call before connect-node does. */
interface Arrival {
  caller: Caller;
  readonly response: http.ServerResponse;
  /** The connection, where it speaks HTTP/2. */
  readonly session: Http2Session | undefined;
  readonly timeout: SentTimeout | undefined;
  /** The request, once it is read; undefined where it is a stream of messages. */
  message: AnyMessage | undefined;
}

const arrivalKey: ContextKey<Arrival | undefined> = createContextKey(undefined);

/** Answers a call of the method at this path; false where there is none. */
export type RpcHandler = (path: string, request: http.IncomingMessage, response: http.ServerResponse) => boolean;

/** The methods of these services over Connect and gRPC-Web, on connect-node. */
export function createRpcHandler({ services, maxMessageBytes, grpc, clock }: RpcHandlerOptions): RpcHandler {
  const router = createConnectRouter({
    grpc,
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: maxMessageBytes,
    // A field that is spelt wrong is an error, not something to drop.
    jsonOptions: { ignoreUnknownFields: false },
  });
  for (const service of services) bindService(router, service, clock);
  const unreadable = new Map(services.map(({ descriptor, onUnreadable }) => [descriptor, onUnreadable]));
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  /** Keeps the message of a request for its method, and leaves connect-node an empty one to read. */
  async function* takeMessage(
    body: AsyncIterable<Uint8Array>,
    arrival: Arrival,
    method: DescMethod,
    form: RequestForm,
  ): AsyncGenerator<Uint8Array> {
    try {
      // A bad timeout is found before the method is called, too.
      parseTimeout(arrival.timeout);
      arrival.message = await readMessage(body, method, form, maxMessageBytes);
    } catch (thrown) {
      unreadable.get(method.parent)?.(method, arrival.caller, toGatewayError(thrown));
      throw toConnectError(thrown, arrival.caller.requestId);
    }
    yield emptyMessage(form);
  }

  return (path, request, response) => {
    const handler = handlers.get(path);
    if (handler === undefined) return false;
    const requestId = mintRequestId();
    response.setHeader(REQUEST_ID_HEADER, requestId);
    const caller = toCaller(requestId, request);
    const session = "stream" in response ? (response.stream as ServerHttp2Stream).session : undefined;
    const arrival: Arrival = { caller, response, session, timeout: takeTimeout(request.headers), message: undefined };
    const form = isStreamOfMessages(handler.method) ? undefined : takeForm(request.headers);
    const contextValues = createContextValues().set(arrivalKey, arrival);
    // A rejection means that the connection broke, and the handler was told so: only the socket is left to close.
    Promise.resolve()
      .then(() => {
        const universal = universalRequestFromNodeRequest(request, response, undefined, contextValues);
        if (form === undefined) return handler(universal);
        const body = takeMessage(universal.body as AsyncIterable<Uint8Array>, arrival, handler.method, form);
        return handler({ ...universal, body });
      })
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch(() => response.destroy());
    return true;
  };
}

function isStreamOfMessages(method: DescMethod): boolean {
  return method.methodKind === "bidi_streaming" || method.methodKind === "client_streaming";
}

type AnyMessage = MessageShape<DescMethod["output"]>;
type AnyMethod = (request: AnyMessage | AsyncIterable<AnyMessage>, context: RpcContext) => unknown;

/** Binds a service object as it is; failures become Connect's errors with the same details as on the gRPC door. */
function bindService(router: ConnectRouter, { descriptor, implementation }: BoundService, clock: Clock): void {
  const own = implementation as unknown as Readonly<Record<string, AnyMethod>>;
  const bound: Record<string, unknown> = {};
  for (const method of descriptor.methods) {
    const call = own[method.localName]?.bind(implementation);
    if (call === undefined) continue;
    bound[method.localName] =
      method.methodKind === "unary"
        ? async (request: AnyMessage, context: HandlerContext) => {
            try {
              return await call(arrivalOf(context).message ?? request, toContext(context, clock));
            } catch (thrown) {
              throw toConnectError(thrown, arrivalOf(context).caller.requestId);
            }
          }
        : async function* (request: AnyMessage | AsyncIterable<AnyMessage>, context: HandlerContext) {
            try {
              yield* call(
                arrivalOf(context).message ?? request,
                toContext(context, clock),
              ) as AsyncIterable<AnyMessage>;
            } catch (thrown) {
              throw toConnectError(thrown, arrivalOf(context).caller.requestId);
            }
          };
  }
  router.service(descriptor, bound as Partial<ServiceImpl<DescService>>);
}

function toCaller(requestId: string, { headers }: http.IncomingMessage): Caller {
  return {
    requestId,
    system: (headers["content-type"] ?? "").startsWith("application/grpc") ? "grpc" : "connectrpc",
    header(name) {
      const value = headers[name];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

function arrivalOf(context: HandlerContext): Arrival {
  const arrival = context.values.get(arrivalKey);
  if (arrival === undefined) throw new Error("the call did not come through the door");
  return arrival;
}

function toContext(context: HandlerContext, clock: Clock): RpcContext {
  const arrival = arrivalOf(context);
  const { caller, timeout, response, session } = arrival;
  return {
    ...caller,
    peer: () =>
      "stream" in response ? peerOfSession((response.stream as ServerHttp2Stream).session) : peerOf(response.socket),
    timeoutMs: parseTimeout(timeout),
    onGone(listener) {
      const gone = (): void => listener(departureFrom(session));
      if (context.signal.aborted) gone();
      else context.signal.addEventListener("abort", gone, { once: true });
    },
    continueAs(requestId) {
      arrival.caller = { ...caller, requestId };
      response.setHeader(REQUEST_ID_HEADER, requestId);
    },
    interrupt() {
      clock.schedule(INTERRUPT_GRACE_MS, () => {
        if (!response.writableEnded && response.writableLength > 0) cutOff(response);
      });
    },
  };
}

/** Ends an answer so that its reader cannot take it for a whole one. */
function cutOff(response: http.ServerResponse): void {
  // Of a stream of HTTP/2, `destroy` makes one that was reset without an error.
  if ("stream" in response) (response.stream as ServerHttp2Stream).close(constants.NGHTTP2_CANCEL);
  else response.destroy();
}

function toConnectError(thrown: unknown, requestId: string): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = nameRequest(thrown, requestId);
  const details = toDetails(error).map(({ schema, message }) => ({ desc: schema, value: message }));
  const code: Code = error.row.code;
  return new ConnectError(error.message, code, undefined, details as ConstructorParameters<typeof ConnectError>[3]);
}

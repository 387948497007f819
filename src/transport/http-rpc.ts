import type * as http from "node:http";
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
import type { BoundService, RpcContext } from "../service/context.ts";
import { toDetails } from "./error-details.ts";
import { mintRequestId, nameRequest, REQUEST_ID_HEADER } from "./request-id.ts";
import { type RequestForm, strictBody } from "./strict-body.ts";
import { parseTimeout, type SentTimeout, takeTimeout } from "./timeout.ts";

export interface RpcHandlerOptions {
  readonly services: readonly BoundService[];
  readonly maxMessageBytes: number;
  readonly clock: Clock;
}

/** A reader that takes nothing is cut off this long after its call is over. */
const INTERRUPT_GRACE_MS = 200;

/** What the door knows of a call before connect-node does. */
interface Arrival {
  readonly requestId: string;
  readonly response: http.ServerResponse;
  readonly timeout: SentTimeout | undefined;
}

const arrivalKey: ContextKey<Arrival | undefined> = createContextKey(undefined);

/** Answers a call of the method at this path; false where there is none. */
export type RpcHandler = (path: string, request: http.IncomingMessage, response: http.ServerResponse) => boolean;

/** The methods of these services over Connect and gRPC-Web, on connect-node. */
export function createRpcHandler({ services, maxMessageBytes, clock }: RpcHandlerOptions): RpcHandler {
  const router = createConnectRouter({
    grpc: false,
    acceptCompression: [compressionGzip, compressionBrotli],
    readMaxBytes: maxMessageBytes,
    // A field that is spelt wrong is an error, not something to drop.
    jsonOptions: { ignoreUnknownFields: false },
  });
  for (const service of services) bindService(router, service, clock);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
  return (path, request, response) => {
    const handler = handlers.get(path);
    if (handler === undefined) return false;
    const requestId = mintRequestId();
    response.setHeader(REQUEST_ID_HEADER, requestId);
    const arrival: Arrival = { requestId, response, timeout: takeTimeout(request.headers) };
    const strict = (body: UniversalRequestBody): AsyncIterable<Uint8Array> =>
      strictly(body, requestId, {
        method: handler.method,
        contentType: request.headers["content-type"] ?? "",
        encoding: encodingOf(request.headers),
        maxMessageBytes,
      });
    const contextValues = createContextValues().set(arrivalKey, arrival);
    // A rejection means that the connection broke, and the handler was told so: only the socket is left to close.
    Promise.resolve()
      .then(() => {
        const universal = universalRequestFromNodeRequest(request, response, undefined, contextValues);
        return handler(isStreamOfMessages(handler.method) ? universal : { ...universal, body: strict(universal.body) });
      })
      .then((answer) => universalResponseToNodeResponse(answer, response))
      .catch(() => response.destroy());
    return true;
  };
}

type UniversalRequestBody = ReturnType<typeof universalRequestFromNodeRequest>["body"];

function isStreamOfMessages(method: DescMethod): boolean {
  return method.methodKind === "bidi_streaming" || method.methodKind === "client_streaming";
}

/** The compression of a request's messages: each of the protocols names it in a header of its own. */
function encodingOf(headers: http.IncomingHttpHeaders): string | undefined {
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/connect+")) return headers["connect-content-encoding"]?.toString();
  if (type.startsWith("application/grpc-web")) return headers["grpc-encoding"]?.toString();
  return headers["content-encoding"];
}

async function* strictly(body: UniversalRequestBody, requestId: string, form: RequestForm): AsyncGenerator<Uint8Array> {
  try {
    yield* strictBody(body as AsyncIterable<Uint8Array>, form);
  } catch (thrown) {
    throw toConnectError(thrown, requestId);
  }
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
              return await call(request, toContext(context, clock));
            } catch (thrown) {
              throw toConnectError(thrown, arrivalOf(context).requestId);
            }
          }
        : async function* (request: AnyMessage | AsyncIterable<AnyMessage>, context: HandlerContext) {
            try {
              yield* call(request, toContext(context, clock)) as AsyncIterable<AnyMessage>;
            } catch (thrown) {
              throw toConnectError(thrown, arrivalOf(context).requestId);
            }
          };
  }
  router.service(descriptor, bound as Partial<ServiceImpl<DescService>>);
}

function arrivalOf(context: HandlerContext): Arrival {
  const arrival = context.values.get(arrivalKey);
  if (arrival === undefined) throw new Error("the call did not come through the door");
  return arrival;
}

function toContext(context: HandlerContext, clock: Clock): RpcContext {
  const { requestId, timeout, response } = arrivalOf(context);
  return {
    requestId,
    timeoutMs: parseTimeout(timeout),
    onGone(listener) {
      if (context.signal.aborted) listener();
      else context.signal.addEventListener("abort", () => listener(), { once: true });
    },
    interrupt() {
      clock.schedule(INTERRUPT_GRACE_MS, () => {
        if (!response.writableEnded) response.destroy();
      });
    },
  };
}

function toConnectError(thrown: unknown, requestId: string): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = nameRequest(thrown, requestId);
  const details = toDetails(error).map(({ schema, message }) => ({ desc: schema, value: message }));
  const code: Code = error.row.code;
  return new ConnectError(error.message, code, undefined, details as ConstructorParameters<typeof ConnectError>[3]);
}

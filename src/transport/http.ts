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
import { toGatewayError } from "../domain/error.ts";
import type { BoundService, RpcContext } from "../service/context.ts";
import { parseAddress, type TlsFiles } from "./address.ts";
import { applyCors } from "./cors.ts";
import type { Door } from "./door.ts";
import { toDetails } from "./error-details.ts";
import { openHttpServer } from "./http-server.ts";
import { type RequestForm, strictBody } from "./strict-body.ts";
import { parseTimeout, type SentTimeout, takeTimeout } from "./timeout.ts";

export interface HttpDoorOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly address: string;
  readonly services: readonly BoundService[];
  readonly tls: TlsFiles | undefined;
  readonly maxMessageBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
  /** Origins whose pages may call; `*` for all, empty for none. */
  readonly corsOrigins: readonly string[];
  /** Whether this instance wants calls. */
  readonly isReady: () => boolean;
  readonly clock: Clock;
}

/** A reader that takes nothing is cut off this long after its call is over. */
const INTERRUPT_GRACE_MS = 200;

/** Connect and gRPC-Web, on connect-node; and the pages for load balancers. */
export async function openHttpDoor(options: HttpDoorOptions): Promise<Door> {
  let draining = false;
  const serveRpc = createRpcHandler(options);
  const onRequest = (request: http.IncomingMessage, response: http.ServerResponse): void => {
    // HTTP/2 has GOAWAY for this, and no such header.
    if (draining && request.httpVersionMajor === 1) response.setHeader("connection", "close");
    if (!isValidHost(authorityOf(request))) {
      respond(response, 400, "The Host header is missing or malformed.\n");
      return;
    }
    const path = request.url?.split("?", 1)[0] ?? "";
    if (path === "/healthz") respond(response, 200, "ok\n");
    else if (path === "/readyz")
      respond(response, options.isReady() ? 200 : 503, options.isReady() ? "ready\n" : "stopping\n");
    else if (!applyCors(request, response, options.corsOrigins)) serveRpc(path, request, response);
  };
  const server = await openHttpServer({
    address: parseAddress(options.address),
    tls: options.tls,
    maxStreamsPerConnection: options.maxStreamsPerConnection,
    maxHeaderBytes: options.maxHeaderBytes,
    clock: options.clock,
    onRequest,
  });
  return {
    address: options.address.replace(/:\d+$/, `:${server.port}`),
    drain: () => {
      draining = true;
      return server.drain();
    },
    close: () => server.close(),
  };
}

function authorityOf(request: http.IncomingMessage): string | undefined {
  const authority = request.httpVersionMajor === 1 ? undefined : request.headers[":authority"];
  return typeof authority === "string" ? authority : request.headers.host;
}

/**
 * Whether a Host header names a host. connect-node (2.2) builds a URL of it outside of any promise: a malformed one
 * would end the process.
 */
function isValidHost(host: string | undefined): boolean {
  return host !== undefined && /^[\w.:[\]-]{1,255}$/.test(host) && URL.canParse(`http://${host}`);
}

function respond(response: http.ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8" });
  response.end(text);
}

/** What the door knows of a call before connect-node does. */
interface Arrival {
  readonly response: http.ServerResponse;
  readonly timeout: SentTimeout | undefined;
}

const arrivalKey: ContextKey<Arrival | undefined> = createContextKey(undefined);

type RpcHandler = (path: string, request: http.IncomingMessage, response: http.ServerResponse) => void;

function createRpcHandler({ services, maxMessageBytes, clock }: HttpDoorOptions): RpcHandler {
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
    if (handler === undefined) {
      respond(response, 404, "There is no such method here.\n");
      return;
    }
    const arrival: Arrival = { response, timeout: takeTimeout(request.headers) };
    const strict = (body: UniversalRequestBody): AsyncIterable<Uint8Array> =>
      strictly(body, {
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

async function* strictly(body: UniversalRequestBody, form: RequestForm): AsyncGenerator<Uint8Array> {
  try {
    yield* strictBody(body as AsyncIterable<Uint8Array>, form);
  } catch (thrown) {
    throw toConnectError(thrown);
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
              throw toConnectError(thrown);
            }
          }
        : async function* (request: AnyMessage | AsyncIterable<AnyMessage>, context: HandlerContext) {
            try {
              yield* call(request, toContext(context, clock)) as AsyncIterable<AnyMessage>;
            } catch (thrown) {
              throw toConnectError(thrown);
            }
          };
  }
  router.service(descriptor, bound as Partial<ServiceImpl<DescService>>);
}

function toContext(context: HandlerContext, clock: Clock): RpcContext {
  const arrival = context.values.get(arrivalKey);
  return {
    timeoutMs: parseTimeout(arrival?.timeout),
    onGone(listener) {
      if (context.signal.aborted) listener();
      else context.signal.addEventListener("abort", () => listener(), { once: true });
    },
    setHeader: (name, value) => context.responseHeader.set(name, value),
    interrupt() {
      clock.schedule(INTERRUPT_GRACE_MS, () => {
        if (arrival?.response.writableEnded === false) arrival.response.destroy();
      });
    },
  };
}

function toConnectError(thrown: unknown): ConnectError {
  if (thrown instanceof ConnectError) return thrown;
  const error = toGatewayError(thrown);
  const details = toDetails(error).map(({ schema, message }) => ({ desc: schema, value: message }));
  const code: Code = error.row.code;
  return new ConnectError(error.message, code, undefined, details as ConstructorParameters<typeof ConnectError>[3]);
}

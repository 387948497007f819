import type { Http2Session, ServerHttp2Stream } from "node:http2";
import type * as grpc from "@grpc/grpc-js";
import type { GrpcGate } from "./grpc-gate.ts";
import { mintRequestId } from "./request-id.ts";
import { type SentTimeout, takeTimeout } from "./timeout.ts";

/** What the door sees of a call before grpc-js does. */
export interface Arrival {
  readonly requestId: string;
  readonly timeout: SentTimeout | undefined;
  readonly stream: ServerHttp2Stream;
  /** The connection, which a stream forgets when it closes; undefined where it closed before. */
  readonly session: Http2Session | undefined;
}

/** The calls that have arrived and are not with their methods yet, because their request is still on its way. */
export interface Arrivals {
  /** The sessions that have had calls. */
  readonly sessions: ReadonlySet<Http2Session>;
  /** Finds a call by its metadata, once. Undefined where its stream has closed. */
  take(metadata: grpc.Metadata): Arrival | undefined;
}

/** Header that leads from a call of grpc-js to its arrival. What callers send under this name is overwritten. */
const ARRIVAL_HEADER = "sluice-internal-arrival";

/**
 * Sees every call before grpc-js. There is no public hook that early: grpc-js (1.14) starts its own timer while it
 * reads the headers. Checked here, so that an update that renames the method fails at the start, not at a deadline.
 */
export function hookArrivals(server: grpc.Server, gate: GrpcGate): Arrivals {
  const sessions = new Set<Http2Session>();
  const waiting = new Map<string, Arrival>();
  const handle: unknown = Reflect.get(server, "_streamHandler");
  if (typeof handle !== "function") throw new Error("grpc-js has changed: its stream handler is not where it was");
  Reflect.set(
    server,
    "_streamHandler",
    function (this: grpc.Server, ...args: [unknown, ServerHttp2Stream, Record<string, string>]): void {
      const [, stream, headers] = args;
      const { session } = stream;
      if (session !== undefined && !sessions.has(session)) {
        sessions.add(session);
        session.once("close", () => sessions.delete(session));
      }
      const requestId = mintRequestId();
      const timeout = takeTimeout(headers);
      waiting.set(requestId, { requestId, timeout, stream, session });
      headers[ARRIVAL_HEADER] = requestId;
      stream.once("close", () => waiting.delete(requestId));
      gate.pass(stream, headers, { requestId, timeout }, () => handle.apply(this, args));
    },
  );
  return {
    sessions,
    take(metadata) {
      const requestId = String(metadata.get(ARRIVAL_HEADER)[0]);
      const arrival = waiting.get(requestId);
      waiting.delete(requestId);
      return arrival;
    },
  };
}

/** grpc-js (1.14) has an option for streams, none for headers: its settings are completed where it keeps them. */
export function limitHeaders(server: grpc.Server, maxHeaderListSize: number): void {
  const options: unknown = Reflect.get(server, "commonServerOptions");
  const settings: unknown =
    typeof options === "object" && options !== null ? Reflect.get(options, "settings") : undefined;
  if (typeof settings !== "object" || settings === null) {
    throw new Error("grpc-js has changed: its HTTP/2 settings are not where they were");
  }
  Object.assign(settings, { maxHeaderListSize });
}

import type {
  DescMethod,
  DescMethodBiDiStreaming,
  DescMethodServerStreaming,
  DescMethodUnary,
  DescService,
  MessageShape,
} from "@bufbuild/protobuf";
import type { GatewayError } from "../domain/error.ts";

/**
 * How a caller went away. Cancelled: it said so, by resetting its stream of a connection that lives. Lost: the
 * connection is gone, or it spoke HTTP/1.1, which has no other way to leave.
 */
export type Departure = "cancelled" | "lost";

/** Who a call is made for, as far as that ends it. */
export interface CallOwner {
  readonly requestId: string;
  readonly timeoutMs: number | undefined;
  onGone(listener: () => void): void;
  interrupt(): void;
}

/** Who calls, as the connection shows it. */
export interface Peer {
  /** `host:port`; empty where the connection is gone. */
  readonly address: string;
  /** Subject of the client's certificate, such as `CN=ops,O=Example`; undefined where it showed none. */
  readonly subject: string | undefined;
}

/** What a door tells a method about its RPC. The same on both doors. */
export interface RpcContext extends CallOwner {
  /** Minted by the door, which sends it as a header of the answer and names it in every error. */
  readonly requestId: string;
  /** Which protocol family it speaks, in the conventions' words. */
  readonly system: "grpc" | "connectrpc";
  /** Whom the connection shows: the caller, or the last proxy before it. */
  peer(): Peer;
  /** A header of the request, with commas between where there are many; undefined where there is none. */
  header(name: string): string | undefined;
  /** Time that the caller gives the RPC, ms, counted from its arrival; undefined where it does not say. */
  readonly timeoutMs: number | undefined;
  /** Runs once if the caller goes away, or the door closes, before the RPC ended. */
  onGone(listener: (how: Departure) => void): void;
  /** The RPC goes on with another one's call: its answer has that one's request id. Before anything is answered. */
  continueAs(requestId: string): void;
  /**
   * The call is over though its answer is not: a door that waits for a slow reader must stop waiting, and take the
   * error that comes next.
   */
  interrupt(): void;
}

/** An implementation of a service, bound to both doors as it is. Failure is a thrown `GatewayError`. */
export type ServiceObject<S extends DescService> = {
  [K in keyof S["method"]]: S["method"][K] extends DescMethodUnary<infer I, infer O>
    ? (request: MessageShape<I>, context: RpcContext) => Promise<MessageShape<O>>
    : S["method"][K] extends DescMethodServerStreaming<infer I, infer O>
      ? (request: MessageShape<I>, context: RpcContext) => AsyncIterable<MessageShape<O>>
      : S["method"][K] extends DescMethodBiDiStreaming<infer I, infer O>
        ? (requests: AsyncIterable<MessageShape<I>>, context: RpcContext) => AsyncIterable<MessageShape<O>>
        : never;
};

/** What is known of an RPC whose request could not be read. */
export type Caller = Pick<RpcContext, "requestId" | "system" | "header">;

/** Hears of requests that a door could not read, so that no method was called. */
export type OnUnreadable = (method: DescMethod, caller: Caller, error: GatewayError) => void;

/** Why a call is not let in. Equal keys stand for equal errors. */
export interface Refusal {
  readonly key: string;
  toError(): GatewayError;
}

/** Knows which calls would be refused, before anything but their wishes was read. */
export interface Gatekeeper {
  /** Whether any would be, at the moment. */
  readonly strict: boolean;
  /** `priority` as the contract numbers it; `deadline` is an instant. */
  refusal(priority: number, deadline: number): Refusal | undefined;
  /** Hears of a call that was refused so. */
  turnedAway(method: DescMethod, latencyMs: number): void;
}

/** A service with its implementation, as the doors take it. */
export interface BoundService {
  readonly descriptor: DescService;
  readonly implementation: ServiceObject<DescService>;
  readonly onUnreadable: OnUnreadable | undefined;
  readonly gatekeeper: Gatekeeper | undefined;
}

export function bind<S extends DescService>(
  descriptor: S,
  implementation: ServiceObject<S>,
  onUnreadable?: OnUnreadable,
  gatekeeper?: Gatekeeper,
): BoundService {
  return { descriptor, implementation: implementation as ServiceObject<DescService>, onUnreadable, gatekeeper };
}

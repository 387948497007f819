import type {
  Attempt,
  Attribution,
  Cost,
  EmbeddingInput,
  ErrorReason,
  FinishReason,
  Prompt,
  RoutingDecision,
  Usage,
} from "./contract.ts";
import type { GatewayError } from "./error.ts";
import type { Batch, Delivery } from "./event.ts";

/** What RPCs do, in the OpenTelemetry GenAI conventions' words; for counting and listing, they have none. */
export type Operation = "chat" | "embeddings" | "count_tokens" | "list_models";

/** An RPC as its door sees it. */
export interface Arrival {
  readonly requestId: string;
  readonly system: "grpc" | "connectrpc";
  /** Fully qualified: `sluice.v1.GatewayService/Complete`. */
  readonly method: string;
  readonly delivery: Delivery;
  readonly operation: Operation;
  /** W3C trace context of the caller. */
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
}

/** What a good request asks for. */
export interface Admission {
  readonly attribution: Attribution;
  readonly prompt?: Prompt;
  readonly input?: EmbeddingInput;
}

/** Where an attempt goes. */
export interface AttemptTarget {
  /** Name of the provider, as configured. */
  readonly provider: string;
  /** The vendor's name in the OpenTelemetry GenAI conventions. */
  readonly vendor: string;
  readonly model: string;
  /** Empty where only a package knows it. */
  readonly host: string;
  readonly port: number;
}

/** How an attempt ended. */
export interface AttemptEnd {
  readonly attempt: Attempt;
  readonly error: GatewayError | undefined;
  /** As the upstream reported them; empty or undefined where it did not come so far. */
  readonly servedModel: string;
  readonly responseId: string;
  readonly finishReason: FinishReason | undefined;
}

/** Another attempt follows a failed one or, as a hedge, one that has nothing to show yet. */
export interface Reattempt {
  /** A restart or a continuation follows a failure after something of the answer was shown. */
  readonly kind: "retry" | "failover" | "hedge" | "restart" | "continue";
  /** `provider/model` that was asked before, and the one to be asked now. */
  readonly from: string;
  readonly to: string;
  /** Of the failure; unspecified for a hedge. */
  readonly reason: ErrorReason;
  readonly delayMs: number;
}

/** How an RPC ended. */
export interface CallEnd {
  readonly attribution: Attribution | undefined;
  /** As the caller asked for it. */
  readonly model: string;
  readonly outcome: "answered" | "failed" | "cancelled" | "rejected";
  /** Why it did not answer; unspecified where it did. */
  readonly reason: ErrorReason;
  /** For logs: may hold what callers must not see, but no secret. */
  readonly error: Error | undefined;
  /** Who answered, or was asked last. */
  readonly provider: string | undefined;
  readonly servedModel: string | undefined;
  readonly finishReason: FinishReason | undefined;
  readonly usage: Usage | undefined;
  /** Of all attempts; undefined where no price is known. */
  readonly cost: Cost | undefined;
  readonly attempts: readonly Attempt[];
  readonly latencyMs: number;
  /** From the RPC's arrival to the first event of its answer. */
  readonly timeToFirstEventMs: number | undefined;
  /** Wait for a place, where the process had as many calls as it can take. */
  readonly queueMs: number;
  /** What the gateway itself added: latency without the waits for a place, upstreams, retries and the reader. */
  readonly overheadMs: number;
}

/** Watches one attempt. */
export interface AttemptWatch {
  /** Headers for the upstream that continue the trace. */
  readonly headers: Readonly<Record<string, string>>;
  /** Events of the answer came; `afterMs` since the ones before, or since the attempt's start. */
  came(events: Batch, afterMs: number): void;
  ended(end: AttemptEnd): void;
}

/** Watches one RPC. None of its methods throws: watching never fails a call. */
export interface CallWatch {
  /** The request is good. */
  admitted(call: Admission): void;
  /** Where the call goes is decided; may be told again, once more is known. */
  routed(decision: RoutingDecision): void;
  attempt(target: AttemptTarget): AttemptWatch;
  reattempt(reattempt: Reattempt): void;
  /** Watches a copy of the call, which goes elsewhere and is nobody's. */
  shadow(): CallWatch;
  /** A copy was not made, because too many are running. */
  shadowDropped(target: AttemptTarget): void;
  ended(end: CallEnd): void;
}

/** What of an RPC is counted, whoever calls. */
export type RpcKind = Pick<Arrival, "system" | "method" | "operation" | "delivery">;

export interface CallWatcher {
  /**
   * An RPC was refused before it was read, because there are too many. It is counted, and nothing else: what a busy
   * process does for those that it turns away, the others wait for.
   */
  turnedAway(rpc: RpcKind, end: CallEnd): void;
  arrived(arrival: Arrival): CallWatch;
}

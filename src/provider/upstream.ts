import type { Call } from "../domain/call.ts";
import type { Usage } from "../domain/contract.ts";
import type { GatewayError } from "../domain/error.ts";
import type { Batch } from "../domain/event.ts";
import type { AttemptTarget, AttemptWatch } from "../domain/watch.ts";
import type { ConnectionCounts, WireHead } from "../wire/send.ts";

/** One request to an upstream, as a stream of events. */
export interface Upstream {
  /** What the answer has said so far of its tokens. */
  readonly usage: Usage | undefined;
  /** Tokens that the provider bills, where it says them apart from those that were used. */
  readonly billed: Usage | undefined;
  /** The model said that it is done. */
  readonly finishing: boolean;
  /** Time in which the gateway waited for the upstream, ms. */
  readonly waitedMs: number;
  /** Status and headers of the answer; undefined before there is one. */
  readonly head: WireHead | undefined;
  /** Ends the request now; who waits for events gets this error. */
  abort(error: GatewayError): void;
  /**
   * The answer's events that came since, up to its end; the first call sends the request. Undefined once there are no
   * more. Throws a `GatewayError` for anything that is no whole answer. One call at a time.
   */
  next(): Promise<Batch | undefined>;
  /** Nothing more is wanted: what is left of the request ends now. */
  close(): void;
}

/** A configured place to send calls to, whatever speaks its wire. Must be closed. */
export interface UpstreamProvider<Encoded = unknown> {
  /** As callers and logs name it. */
  readonly name: string;
  /** Who sets its prices, in the price catalogue's words; undefined where nobody known does. */
  readonly catalogueProvider: string | undefined;
  /** What telemetry says of an attempt at this model. */
  describe(model: string): AttemptTarget;
  /** Connections now: with a request, without one; and requests that wait for one. */
  connections(): ConnectionCounts;
  /** Encodes the call's prompt. Throws `FEATURE_UNSUPPORTED` or `INVALID_REQUEST` before a byte leaves. */
  encode(call: Call, model: string): Encoded;
  /** A request that is ready to be sent; with the trace's headers, where the provider is to hear of it. */
  prepare(
    call: Call,
    model: string,
    encoded: Encoded,
    watch: Pick<AttemptWatch, "headers">,
    onHead: () => void,
  ): Upstream;
  close(): Promise<void>;
}

/** Where a call can go: a provider and a model of it. */
export interface Target {
  readonly provider: UpstreamProvider;
  readonly model: string;
}

/** As callers write it: `provider/model`. */
export function targetName({ provider, model }: Target): string {
  return `${provider.name}/${model}`;
}

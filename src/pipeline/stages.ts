import type { Call } from "../domain/call.ts";
import type { RoutingDecision } from "../domain/contract.ts";
import type { Target } from "../provider/upstream.ts";
import type { Strategy } from "../routing/balance.ts";

// In running order: what a stage needs of a call is in its type, so that a wrong order does not compile.

/** How the targets of a call are put into order. */
export interface Ordering {
  readonly strategy: Strategy;
  /** By `provider/model`; undefined where all are alike. */
  readonly weights: ReadonlyMap<string, number> | undefined;
  /** Calls with the same key go to the same target; undefined where each is drawn anew. */
  readonly stickyKey: string | undefined;
}

/** Where copies of calls go, and how many. */
export interface Shadowing {
  readonly target: Target;
  /** Of the calls, 0 to 100. */
  readonly percentage: number;
  /** Longest time for a copy, ms. */
  readonly timeoutMs: number;
  /** Most copies to this target that run at once; what would be more is not made. */
  readonly maxConcurrent: number;
}

/** A call of which is known where it may go. */
export interface ResolvedCall extends Call {
  /** At least one, as configured. */
  readonly candidates: readonly Target[];
  /** It asked for a name of the configuration: there was something to decide. */
  readonly isAlias: boolean;
  readonly ordering: Ordering;
  readonly shadow: Shadowing | undefined;
  /** Written bit by bit, as more is decided. */
  readonly decision: RoutingDecision;
}

/** A call whose targets are chosen: in order of preference, at least one. */
export interface RoutedCall extends Call {
  readonly targets: readonly Target[];
}

/** A call whose targets are in order, and of which a copy may be made. */
export interface OrderedCall extends RoutedCall {
  readonly shadow: Shadowing | undefined;
}

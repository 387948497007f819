import type { Delivery } from "../domain/call.ts";
import type { Attempt, Attribution, ErrorReason, FinishReason, Usage } from "../domain/contract.ts";

/** How a call ended, for those who watch. */
export interface CallRecord {
  readonly requestId: string;
  readonly attribution: Attribution;
  /** As the caller asked for it. */
  readonly model: string;
  readonly delivery: Delivery;
  readonly outcome: "answered" | "failed" | "cancelled";
  /** Why it did not answer; unspecified where it did. */
  readonly reason: ErrorReason;
  /** For logs: may hold what callers must not see, but no secret. */
  readonly error: Error | undefined;
  /** Who answered. */
  readonly provider: string | undefined;
  readonly servedModel: string | undefined;
  readonly finishReason: FinishReason | undefined;
  readonly usage: Usage | undefined;
  readonly attempts: readonly Attempt[];
  readonly latencyMs: number;
  /** From the call's start to the first event of its answer. */
  readonly timeToFirstEventMs: number | undefined;
}

/** Watches calls. Cannot fail them: what it throws is dropped. */
export interface CallObserver {
  callEnded(record: CallRecord): void;
}

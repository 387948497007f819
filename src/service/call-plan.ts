import type { Call, CountCall, EmbedCall, Handler } from "../domain/call.ts";
import type { CountTokensResponse, EmbedResponse } from "../domain/contract.ts";

/** How calls are treated; who uses one says when, so that it is not taken away meanwhile. */
export interface CallPlan {
  readonly handle: Handler<Call>;
  readonly embed: Handler<EmbedCall, EmbedResponse>;
  readonly count: Handler<CountCall, CountTokensResponse>;
  /** Deadline of calls that bring none, ms from their arrival. */
  readonly defaultDeadlineMs: number;
  enter(): void;
  leave(): void;
}

import { ErrorReason } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Priority } from "../routing/priority.ts";
import type { QueueRefusal } from "../routing/queue.ts";

/** Why a call was not let in: as the queue says, or for the pressure that the process is under. */
export type RefusedFor = QueueRefusal["because"] | "pressure";

/** Steps in which waits are told, ms: so that the same refusal can be told many. */
const RETRY_STEP_MS = 50;

/** Why a call is not let in. Only whoever tells of it needs an error, which costs more than all that led to it. */
export class CallRefusal {
  readonly #priority: Priority;
  readonly #because: RefusedFor;
  readonly #why: string;
  readonly #retryAfterMs: number;

  constructor(priority: Priority, because: RefusedFor, why: string, retryAfterMs: number) {
    this.#priority = priority;
    this.#because = because;
    this.#why = why;
    this.#retryAfterMs = Math.ceil(retryAfterMs / RETRY_STEP_MS) * RETRY_STEP_MS;
  }

  /** Equal ones have the same error. */
  get key(): string {
    return `${this.#priority} ${this.#because} ${this.#why} ${this.#retryAfterMs}`;
  }

  toError(): GatewayError {
    return new GatewayError(
      ErrorReason.OVERLOADED,
      `This instance has too much to do: ${this.#why}. Wait as RetryInfo says; another instance may answer at once.`,
      { metadata: { priority: this.#priority, because: this.#because }, retryAfterMs: this.#retryAfterMs },
    );
  }
}

/** For people. */
export function reasonFor(because: QueueRefusal["because"]): string {
  return REASONS[because];
}

const REASONS: Readonly<Record<QueueRefusal["because"], string>> = {
  full: "as many calls wait as may",
  "too-late": "the call's turn would come after its deadline",
  overloaded: "calls have been waiting for too long",
  shed: "calls of a higher priority came",
};

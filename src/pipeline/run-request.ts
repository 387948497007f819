import type { CallBase } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { type Attempt, AttemptOutcome, ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { WholeAnswer } from "../provider/dialect.ts";
import type { SendWhole, Target } from "../provider/upstream.ts";
import type { Account, Billing } from "./account.ts";
import { tellFailure, tellHead } from "./attempt-health.ts";
import { writeAttempt } from "./attempt-record.ts";
import { describeFailure } from "./failure.ts";
import type { Leave } from "./leaves.ts";
import { applyHandling, type Timeouts, timeoutsOf } from "./timeouts.ts";

/** A request whose answer is read whole, and what it comes to. */
export interface WholeRequest<R> {
  readonly send: SendWhole;
  /** Throws a `GatewayError` where the answer is none. */
  readonly decode: (answer: WholeAnswer) => R;
  /** As the upstream reported them; empty where it did not, or there is no answer. */
  identify(result: R | undefined): { readonly servedModel: string; readonly responseId: string };
  settle(result: R | undefined, ending: Pick<Billing, "outcome" | "reason" | "status">): Account;
}

/** What requests need besides their call. */
export interface RequestParts {
  readonly clock: Clock;
  readonly timeouts: Timeouts;
}

/** What a request brought, and its record. */
interface Answered<R> {
  readonly result: R;
  readonly attempt: Attempt;
}

/**
 * One request to one target, for what is no conversation. Records itself in `call.attempts` exactly once, however it
 * ends, and tells the target's health. The call's end, or that of `attempt_timeout`, closes the upstream's socket at once.
 * Throws what the call is told.
 */
export async function runRequest<R>(
  call: CallBase,
  leave: Leave<WholeRequest<R>>,
  { clock, timeouts }: RequestParts,
): Promise<Answered<R>> {
  const { target, request, pass } = leave;
  const { provider, model } = target;
  const startedAt = clock.now();
  const watch = call.watch.attempt(provider.describe(model));
  const upstream = request.send(watch);
  const usual = timeoutsOf(timeouts, target);
  const { attemptMs } = applyHandling(usual, call.handling);
  let impatient = false;
  const timer = clock.schedule(attemptMs, () => {
    impatient = attemptMs < usual.attemptMs;
    upstream.abort(silent(target, attemptMs));
  });
  const onAbort = (): void => upstream.abort(toGatewayError(call.signal.reason));
  call.signal.addEventListener("abort", onAbort, { once: true });

  const end = (outcome: AttemptOutcome, result: R | undefined, error: GatewayError | undefined): Attempt => {
    const reason = error?.reason ?? ErrorReason.UNSPECIFIED;
    const account = request.settle(result, { outcome, reason, status: upstream.head?.status ?? 0 });
    const { servedModel, responseId } = request.identify(result);
    const endedAt = clock.now();
    return writeAttempt(call, {
      ...{ target, upstream, watch, outcome, reason, error, account },
      ...{ startedAt, endedAt, servedModel, responseId },
    });
  };

  let result: R;
  try {
    // An abort of before is not heard of any more.
    if (call.signal.aborted) throw toGatewayError(call.signal.reason);
    result = await upstream.answer(request.decode);
    // What came before the abort may still be read: a call that is over shows nothing of it.
    if (call.signal.aborted) throw toGatewayError(call.signal.reason);
  } catch (thrown) {
    const error = toGatewayError(thrown);
    end(call.signal.aborted ? AttemptOutcome.CANCELLED : AttemptOutcome.FAILED, undefined, error);
    tellFailure(leave, error, upstream.head, clock, impatient);
    throw describeFailure(error, call, target);
  } finally {
    timer.cancel();
    call.signal.removeEventListener("abort", onAbort);
  }
  tellHead(leave, upstream.head, clock);
  pass.ended(ErrorReason.UNSPECIFIED);
  return { result, attempt: end(AttemptOutcome.SUCCEEDED, result, undefined) };
}

function silent({ provider }: Target, attemptMs: number): GatewayError {
  return new GatewayError(
    ErrorReason.UPSTREAM_TIMEOUT,
    `${provider.name} did not answer in time (${Math.round(attemptMs)} ms).`,
  );
}

/** How calls ended, as plain values. */
import { Code, type ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type Attempt, AttemptOutcome, CallFailureSchema, ErrorReason } from "../../src/domain/contract.ts";
import { toMs } from "../../src/domain/duration.ts";

/** How a call ended, as its caller sees it. */
export interface Outcome {
  /** `OK`, or the name of the gRPC code. */
  readonly code: string;
  readonly reason?: string;
  /** From `RetryInfo`. */
  readonly retryAfterMs?: number | undefined;
  /** From `CallFailure`. */
  readonly partial?: boolean;
  readonly text: string;
  /** One line for each attempt: target, outcome, reason, status. */
  readonly attempts: readonly string[];
}

/** What a failed call's status says. */
export function describeError(error: ConnectError): Omit<Outcome, "text"> {
  const failure = error.findDetails(CallFailureSchema)[0];
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  const retryAfterMs = toMs(error.findDetails(RetryInfoSchema)[0]?.retryDelay);
  return {
    code: Code[error.code],
    ...(reason === undefined ? {} : { reason }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(failure === undefined ? {} : { partial: failure.partial }),
    attempts: (failure?.attempts ?? []).map(describeAttempt),
  };
}

/** One line: target, outcome, reason, status. */
export function describeAttempt({ provider, model, outcome, errorReason, upstreamStatus }: Attempt): string {
  const name = (values: Readonly<Record<string, number>>) => (value: number) =>
    Object.keys(values).find((key) => values[key] === value) ?? "?";
  const words = [`${provider}/${model}`, name(AttemptOutcome)(outcome), name(ErrorReason)(errorReason), upstreamStatus];
  return words.filter((word) => word !== "UNSPECIFIED").join(" ");
}

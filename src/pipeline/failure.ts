import type { CallBase } from "../domain/call.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";
import type { Target } from "../provider/upstream.ts";

/** A failure as the call is told of it: a call that is over fails for that, any other for what its target did. */
export function describeFailure(
  thrown: unknown,
  { signal }: Pick<CallBase, "signal">,
  { provider, model }: Target,
): GatewayError {
  if (signal.aborted) return toGatewayError(signal.reason);
  return toGatewayError(thrown).with({ provider: provider.name, model });
}

/** Everybody who could answer for a model wants to be left alone. */
export function allDeferred(model: string, retryAfterMs: number): GatewayError {
  const wait = `for another ${Math.ceil(retryAfterMs)} ms`;
  return new GatewayError(
    ErrorReason.UPSTREAM_RATE_LIMITED,
    `Whoever could answer for ${JSON.stringify(model)} asked to be left alone ${wait}. Wait that long.`,
    { retryAfterMs },
  );
}

export function noTargets(): GatewayError {
  return new GatewayError(ErrorReason.INTERNAL, "The model has no targets.");
}

import type { CallBase } from "../domain/call.ts";
import type { Clock } from "../domain/clock.ts";
import { ErrorReason } from "../domain/contract.ts";
import { GatewayError, toGatewayError } from "../domain/error.ts";

/**
 * Makes the requests of one call, at most `atOnce` of them at the same time. `ask` gets the part of the call that it is to watch, and
 * gives undefined where the target has to be left. The first request that fails, or that leaves, ends the others at
 * once: then nothing runs any more, and its failure is thrown or undefined returned. Answers come in the order of requests.
 */
export async function askTogether<C extends CallBase, R, A>(
  call: C,
  requests: readonly R[],
  { clock, atOnce }: { readonly clock: Clock; readonly atOnce: number },
  ask: (request: R, part: C) => Promise<A | undefined>,
): Promise<A[] | undefined> {
  const [only, ...more] = requests;
  if (only !== undefined && more.length === 0) {
    const answer = await ask(only, call);
    return answer === undefined ? undefined : [answer];
  }
  const group = new AbortController();
  // Waits at the same time add up to more than the call's own, which is for all of them together.
  const waits = { upstreamMs: 0, retryMs: 0 };
  const part: C = { ...call, waits, signal: AbortSignal.any([call.signal, group.signal]) };
  const startedAt = clock.now();
  const answers = new Array<A>(requests.length);
  const queue = requests.entries();
  const failures: unknown[] = [];
  let left = false;
  const stop = (): void => {
    group.abort(new GatewayError(ErrorReason.CANCELLED, "Another request of the same call failed."));
  };
  const work = async (): Promise<void> => {
    for (const [at, request] of queue) {
      if (part.signal.aborted) return;
      try {
        const answer = await ask(request, part);
        if (answer === undefined) left ||= failures.length === 0;
        else answers[at] = answer;
      } catch (thrown) {
        failures.push(thrown);
      }
      if (left || failures.length > 0) stop();
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(atOnce, requests.length) }, work));
  } finally {
    call.waits.upstreamMs += clock.now() - startedAt;
  }
  if (call.signal.aborted) throw toGatewayError(call.signal.reason);
  if (left) return undefined;
  if (failures.length > 0) throw failures[0];
  return answers;
}

import type { Clock } from "../domain/clock.ts";
import { toGatewayError } from "../domain/error.ts";

/** Waits, but no longer than the call lives: throws its reason as soon as the signal aborts. */
export function sleep(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(toGatewayError(signal.reason));
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(toGatewayError(signal.reason));
    };
    const timer = clock.schedule(ms, () => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    });
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

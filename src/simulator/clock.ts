/** Time for the simulator; tests may pass their own to decide when a delay ends. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean something. */
  nowMs(): number;
  /** Milliseconds since 1970, for `created` and HTTP dates. */
  wallMs(): number;
  /** Resolves after `ms`. Rejects with the signal's reason, and drops its timer, as soon as the signal aborts. */
  delay(ms: number, signal: AbortSignal): Promise<void>;
}

/** The longest that setTimeout can wait; it takes more for 1 ms. */
const maxTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  delay(ms, signal) {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const leave = () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      };
      const timer = setTimeout(
        () => {
          signal.removeEventListener("abort", leave);
          resolve();
        },
        Math.min(ms, maxTimerMs),
      );
      signal.addEventListener("abort", leave, { once: true });
    });
  },
};

/** Waits until the signal aborts, then rejects with its reason: for an upstream that says nothing more. */
export function hold(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });
}

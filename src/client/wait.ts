/** Time and chance. */
export interface Pace {
  /** Monotonic time, ms. */
  now(): number;
  /** Resolves after this many ms, or sooner once the signal aborts. */
  wait(ms: number, signal: AbortSignal | undefined): Promise<void>;
  /** A number in [0, 1). */
  random(): number;
}

/** Those of the page or server that runs this. */
export const hostPace: Pace = {
  now: () => performance.now(),
  random: () => Math.random(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) return resolve();
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done);
    }),
};

/** Time as a parameter, so that tests own it. */
export interface Clock {
  /** Monotonic time, ms; only differences mean something. */
  now(): number;
  /** Wall-clock time, ms since 1970. For dates that others gave, never for deadlines. */
  wallNow(): number;
  /** Runs `task` once, after at least `ms`. Does not keep the process alive. */
  schedule(ms: number, task: () => void): Timer;
}

export interface Timer {
  cancel(): void;
}

/** Longest delay that Node's timers take; anything longer fires after 1 ms instead. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  wallNow: () => Date.now(),
  schedule(ms, task) {
    const timer = setTimeout(task, Math.min(Math.max(ms, 0), MAX_TIMER_MS));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A number in [0, 1), as `Math.random`. */
export type Random = () => number;

import type { Clock } from "../../src/domain/clock.ts";

export interface ManualClock extends Clock {
  /** Lets time pass; runs what falls due, in order. */
  advance(ms: number): void;
  /** Timers that have neither run nor been cancelled. */
  readonly timers: number;
  /** Timers set so far. */
  readonly scheduled: number;
}

interface Entry {
  readonly at: number;
  readonly task: () => void;
}

/** A clock that stands still until told otherwise. */
export function createManualClock(wallStart = 1_700_000_000_000): ManualClock {
  let now = 0;
  let scheduled = 0;
  const entries = new Set<Entry>();

  function due(by: number): Entry | undefined {
    return [...entries].filter(({ at }) => at <= by).sort((a, b) => a.at - b.at)[0];
  }

  return {
    now: () => now,
    wallNow: () => wallStart + now,
    schedule(ms, task) {
      const entry = { at: now + Math.max(ms, 0), task };
      entries.add(entry);
      scheduled++;
      return { cancel: () => entries.delete(entry) };
    },
    advance(ms) {
      const end = now + ms;
      for (let entry = due(end); entry !== undefined; entry = due(end)) {
        entries.delete(entry);
        now = Math.max(now, entry.at);
        entry.task();
      }
      now = end;
    },
    get timers() {
      return entries.size;
    },
    get scheduled() {
      return scheduled;
    },
  };
}

import { writeSync } from "node:fs";
import { systemClock } from "../domain/clock.ts";

/** Lines of the same moment are written together: at most this much later, ms. */
const WRITE_DELAY_MS = 10;

/** Above this many characters nothing waits any longer. */
const WRITE_ABOVE_CHARS = 64 * 1024;

export interface StandardOutput {
  write(line: string): void;
  /** Writes now what waits. */
  flush(): void;
}

/**
 * Standard output with few writes: one for all lines of a moment, and what is left when the process ends. A reader
 * that closed its end costs the lines, not the process; one that is full is tried again a moment later, and beyond
 * 1 MiB the oldest lines are dropped.
 */
export function openStandardOutput(): StandardOutput {
  let waiting = "";
  let scheduled = false;
  let closed = false;

  function flush(): void {
    scheduled = false;
    if (waiting === "" || closed) return;
    const bytes = Buffer.from(waiting);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(1, bytes, written);
      waiting = "";
    } catch (error) {
      if (error instanceof Error && Reflect.get(error, "code") === "EAGAIN") {
        waiting = bytes
          .subarray(written)
          .toString("utf8")
          .slice(-1024 * 1024);
        schedule();
        return;
      }
      closed = true;
      waiting = "";
    }
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    systemClock.schedule(WRITE_DELAY_MS, flush);
  }

  process.on("exit", flush);
  return {
    flush,
    write(line) {
      if (closed) return;
      waiting += line;
      if (waiting.length > WRITE_ABOVE_CHARS) flush();
      else schedule();
    },
  };
}

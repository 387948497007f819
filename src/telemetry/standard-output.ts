import { writeSync } from "node:fs";
import { systemClock } from "../domain/clock.ts";

/** Lines of the same moment are written together: at most this much later, ms. */
const WRITE_DELAY_MS = 25;

/** Above this many characters nothing waits any longer. */
const WRITE_ABOVE_CHARS = 64 * 1024;

/** Lines that may wait to be made. */
const MAX_LATER = 512;

/** Beyond this many characters that a full reader does not take, the oldest lines are dropped. */
const MAX_WAITING_CHARS = 1024 * 1024;

export interface StandardOutput {
  write(line: string): void;
  /** The line is asked for when it is written. */
  writeLater(toLine: () => string): void;
  /** Writes now what waits. */
  flush(): void;
}

/**
 * Standard output with few writes: one for all lines of a moment, and what is left when the process ends. A reader
 * that closed its end costs the lines, not the process; one that is full is tried again a moment later.
 */
export function openStandardOutput(): StandardOutput {
  /** Lines that are no bytes yet, and bytes that the reader has not taken yet; these go first. */
  let lines = "";
  /** Lines that are not made yet; they come after the others. */
  let later: (() => string)[] = [];
  let bytes: Buffer = NOTHING;
  let scheduled = false;
  let closed = false;

  function flush(): void {
    scheduled = false;
    if (closed) return;
    gather();
    try {
      while (bytes.length > 0 || lines !== "") {
        if (bytes.length === 0) {
          bytes = Buffer.from(lines);
          lines = "";
        }
        bytes = bytes.subarray(writeSync(1, bytes));
      }
    } catch (error) {
      if (error instanceof Error && Reflect.get(error, "code") === "EAGAIN") {
        if (lines.length > MAX_WAITING_CHARS)
          lines = lines.slice(lines.indexOf("\n", lines.length - MAX_WAITING_CHARS) + 1);
        schedule();
        return;
      }
      closed = true;
      bytes = NOTHING;
      lines = "";
    }
  }

  function gather(): void {
    if (later.length === 0) return;
    for (const toLine of later) {
      try {
        lines += toLine();
      } catch (error) {
        // A defect, which must cost no more than the line.
        lines += `${JSON.stringify({ level: "error", msg: "a line could not be made", error: String(error) })}\n`;
      }
    }
    later = [];
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    systemClock.schedule(WRITE_DELAY_MS, flush);
  }

  process.on("exit", flush);
  return {
    flush,
    writeLater(toLine) {
      if (closed) return;
      if (later.push(toLine) >= MAX_LATER) gather();
      schedule();
    },
    write(line) {
      if (closed) return;
      gather();
      lines += line;
      if (lines.length > WRITE_ABOVE_CHARS && bytes.length === 0) flush();
      else schedule();
    },
  };
}

const NOTHING = Buffer.alloc(0);

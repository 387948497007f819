/** What a case is, and what it leaves behind for the invariants. */
import type { Stage } from "./stage.ts";

export interface FaultCase {
  readonly name: string;
  /** What must be seen, word for word. */
  readonly expected: string;
  /** Why it is not run: the behaviour is not there yet. */
  readonly pending?: string;
  /** Plays it; resolves with what was seen, and rejects where nothing sensible was. */
  readonly play: (stage: Stage) => Promise<string>;
}

export interface Section {
  readonly name: string;
  /** One gateway process for the section's cases, which run one after another. */
  readonly open: (options: RunOptions) => Promise<OpenSection>;
}

export interface OpenSection {
  readonly stage: Stage;
  readonly cases: readonly FaultCase[];
  /** Said below the section's table. */
  readonly notes?: readonly string[];
  close(): Promise<void>;
}

export interface RunOptions {
  /** Long storms, every cut. */
  readonly full: boolean;
}

/** A server that the gateway may ask, and what it saw of it. */
export interface Watched {
  /** Requests so far; connections, where it never reads a request. */
  readonly arrivals: number;
  /** Requests that are open now. */
  readonly open: number;
}

import type { Http2Session } from "node:http2";
import type { Departure } from "../service/context.ts";

/** A reader that takes nothing is cut off this long after its call is over, ms; others get their status. */
export const INTERRUPT_GRACE_MS = 200;

/** A listening address with a protocol on it. */
export interface Door {
  /** `host:port`, with the port that was taken. */
  readonly address: string;
  /** Takes no new connections or calls; resolves once the running calls have ended. */
  drain(): Promise<void>;
  /** Ends everything that is still there. */
  close(): void;
}

/**
 * How a caller went away whose stream closed early, asked when it closes: one that resets its stream leaves a session
 * that lives. The reset's code says nothing: Node (24) closes the streams of a lost connection by the same one.
 */
export function departureFrom(session: Http2Session | undefined): Departure {
  return session === undefined || session.destroyed ? "lost" : "cancelled";
}

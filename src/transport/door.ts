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

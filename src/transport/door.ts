/** A listening address with a protocol on it. */
export interface Door {
  /** `host:port`, with the port that was taken. */
  readonly address: string;
  /** Takes no new connections or calls; resolves once the running calls have ended. */
  drain(): Promise<void>;
  /** Ends everything that is still there. */
  close(): void;
}

/** One message of an upstream's stream, whatever its framing. */
export interface Frame {
  /** The wire's own type of the message; undefined where it has none. */
  readonly event?: string | undefined;
  readonly data: string;
}

/** Cuts a stream's bytes into frames. Chunks may be split anywhere, inside a character too. */
export interface FrameParser {
  push(chunk: Uint8Array): readonly Frame[];
  /** The bytes ended: what a last line without its line feed held. */
  finish(): readonly Frame[];
}

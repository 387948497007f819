/** What the load generator asks of either protocol. Every call checks that its answer is whole. */
export interface Client {
  /** Resolves once the answer is there. */
  unary(model: string): Promise<void>;
  /** Resolves, at the end, with the time from the call to its first text, ms. `tokens`: how many must come. */
  stream(model: string, tokens: number): Promise<number>;
  /** Opens a stream that never ends. Resolves at its first text. */
  hold(model: string): Promise<Held>;
  close(): Promise<void>;
}

export interface Held {
  release(): void;
}

export function incomplete(got: number, wanted: number): Error {
  return new Error(`a stream brought ${got} pieces of text instead of ${wanted}`);
}

/**
 * What was asked for and must not be dropped: packages say of some settings that they leave them out, and of others
 * nothing. Each is a property that notes when it is read, so that one that nobody looks at is found before a byte leaves.
 */
export class Asked {
  readonly #unread = new Set<string>();
  #read = 0;

  /** Watches a property of an object. `field` is the contract's path of what it says. */
  watch(object: object, key: string, field: string): void {
    const value: unknown = Reflect.get(object, key);
    this.#unread.add(field);
    Object.defineProperty(object, key, {
      enumerable: true,
      configurable: true,
      get: () => {
        if (this.#unread.delete(field)) this.#read++;
        return value;
      },
    });
  }

  /** A package has begun to write its request: nobody looks at a prompt before. */
  get begun(): boolean {
    return this.#read > 0;
  }

  /** The first of what nobody has looked at. */
  get unread(): string | undefined {
    return this.#unread.values().next().value;
  }
}

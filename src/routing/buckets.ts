/**
 * Sums over a sliding window, in fixed memory: time is cut into buckets, and a bucket that leaves the window is
 * forgotten as a whole. Several sums share one clock.
 */
export class Buckets {
  readonly #bucketMs: number;
  readonly #count: number;
  readonly #sums: readonly Float64Array[];
  /** Number of the newest bucket, counted from the clock's zero. */
  #newest = Number.NEGATIVE_INFINITY;

  constructor(bucketMs: number, count: number, columns: number) {
    this.#bucketMs = bucketMs;
    this.#count = count;
    this.#sums = Array.from({ length: columns }, () => new Float64Array(count));
  }

  add(column: number, amount: number, now: number): void {
    const at = this.#advance(now);
    const sums = this.#sums[column];
    if (sums !== undefined) sums[at] = (sums[at] ?? 0) + amount;
  }

  /** Sum over the newest buckets, the current one included; over all that are kept where it is not said how many. */
  sum(column: number, now: number, newest = this.#count): number {
    const at = this.#advance(now);
    const sums = this.#sums[column] ?? [];
    let sum = 0;
    for (let back = 0; back < newest; back++) sum += sums[at >= back ? at - back : at - back + this.#count] ?? 0;
    return sum;
  }

  clear(): void {
    for (const sums of this.#sums) sums.fill(0);
  }

  /** Forgets what has left the window; says where the current bucket is. */
  #advance(now: number): number {
    const current = Math.max(this.#newest, Math.floor(now / this.#bucketMs));
    if (current !== this.#newest) {
      if (current - this.#newest >= this.#count) this.clear();
      else for (let next = this.#newest + 1; next <= current; next++) this.#forget(next);
      this.#newest = current;
    }
    return current % this.#count;
  }

  #forget(bucket: number): void {
    for (const sums of this.#sums) sums[bucket % this.#count] = 0;
  }
}

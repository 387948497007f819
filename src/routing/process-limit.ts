export interface ProcessLimitOptions {
  /** Where it starts; what the process can take is found from there. */
  readonly initial: number;
  readonly min: number;
  /** What memory allows. */
  readonly max: number;
  /** Event-loop delay from which a busy process has too much to do, ms. */
  readonly maxLoopDelayMs: number;
}

/** What the event loop was like since it was last looked at. */
export interface LoopLoad {
  /** Mean delay of what was due, ms. */
  readonly delayMs: number;
  /** Share of the time in which it had work. */
  readonly busy: number;
}

/** Delay alone may be somebody else's doing, who uses the same processors: only a loop that has work sheds some. */
export const BUSY = 0.9;
/** A limit of which less was used was not what bounded the load. */
const USED = 0.75;
/** Least share of the calls that is left after a look at a loop that was far too slow. */
const STEEPEST = 0.7;
/** Growth from one look to the next: where the loop has time, and where it is busy but keeps up. */
const GROWTH_IDLE = 1.25;
const GROWTH_BUSY = 1.02;

/**
 * Limit of the calls that run at once, held from their arrival to their very end: each has its memory, whoever answers
 * it, and its events cost the loop's time. How many the loop can take depends on what they are (a hundred that stream
 * fast, thousands that wait), so the limit follows the loop: it falls while things that are due come late, and grows
 * while it is used and they do not.
 */
export class ProcessLimit {
  readonly #options: ProcessLimitOptions;
  #limit: number;
  #inUse = 0;
  /** The last look found it too slow, too. */
  #wasSlow = false;
  /** Most in use since the last look. */
  #peak = 0;

  constructor(options: ProcessLimitOptions) {
    this.#options = options;
    this.#limit = Math.min(options.initial, options.max);
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  get inUse(): number {
    return this.#inUse;
  }

  /** Whether there was a place; `release` must be called for it, once. */
  tryAcquire(): boolean {
    if (this.#inUse >= this.limit) return false;
    this.#inUse++;
    if (this.#inUse > this.#peak) this.#peak = this.#inUse;
    return true;
  }

  release(): void {
    this.#inUse--;
  }

  /** To be told some times a second. */
  update({ delayMs, busy }: LoopLoad): void {
    const peak = this.#peak;
    this.#peak = this.#inUse;
    const { min, max, maxLoopDelayMs } = this.#options;
    const slow = busy >= BUSY && delayMs > maxLoopDelayMs;
    // One slow look may be a collection of garbage, or one large request.
    const lasts = slow && this.#wasSlow;
    this.#wasSlow = slow;
    if (lasts) {
      // Calls that run are not ended: until there are fewer, a lower limit changes nothing, and would fall too far.
      if (this.#inUse > this.#limit) return;
      this.#limit = Math.max(
        min,
        Math.min(this.#limit, peak) * Math.max(STEEPEST, Math.sqrt(maxLoopDelayMs / delayMs)),
      );
    } else if (!slow && peak >= this.#limit * USED) {
      this.#limit = Math.min(max, Math.ceil(this.#limit * (busy < BUSY ? GROWTH_IDLE : GROWTH_BUSY)));
    }
  }
}

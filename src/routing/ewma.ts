import type { Clock } from "../domain/clock.ts";

/** Time in which what was observed fades to 37 %, ms; finagle's and linkerd's. */
const DECAY_MS = 10_000;

/**
 * A peak-sensitive moving average, as finagle's: a value above it is believed at once, one below only bit by bit, and
 * without news it fades, so that who was slow once is tried again.
 */
export class PeakEwma {
  readonly #clock: Clock;
  readonly #decayMs: number;
  #value = 0;
  #at = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, decayMs: number = DECAY_MS) {
    this.#clock = clock;
    this.#decayMs = decayMs;
  }

  observe(value: number): void {
    const now = this.#clock.now();
    const kept = this.#kept(now);
    this.#value = value > this.#value * kept ? value : this.#value * kept + value * (1 - kept);
    this.#at = now;
  }

  /** Undefined before the first observation. */
  get value(): number | undefined {
    return this.#at === Number.NEGATIVE_INFINITY ? undefined : this.#value * this.#kept(this.#clock.now());
  }

  #kept(now: number): number {
    return Math.exp((this.#at - now) / this.#decayMs);
  }
}

/** Upper bounds of output tokens that make a class; the last class is above all. */
const CLASS_BOUNDS = [256, 2048];

/**
 * Class of a call by the output tokens that it asks for; the last one where it does not say. Whole answers come
 * the later the longer they are, and who asks for much often sends much.
 */
export function outputClass(maxOutputTokens: number | undefined): number {
  const at = CLASS_BOUNDS.findIndex((bound) => maxOutputTokens !== undefined && maxOutputTokens <= bound);
  return at === -1 ? CLASS_BOUNDS.length : at;
}

/** How fast one target is: time to the first token by class, and the calls that wait for theirs now. */
export class Latency {
  readonly #classes: readonly PeakEwma[];
  #waiting = 0;

  constructor(clock: Clock, decayMs: number = DECAY_MS) {
    this.#classes = Array.from({ length: CLASS_BOUNDS.length + 1 }, () => new PeakEwma(clock, decayMs));
  }

  /** An attempt begins; each one that does must be told to `finish`. */
  start(): void {
    this.#waiting++;
  }

  /**
   * The first token came after `ms`, or was waited for so long in vain: a target that is silent must not look
   * fast. Undefined where the attempt ended without telling anything, as when its caller left or it was refused.
   */
  finish(outputs: number, ms: number | undefined): void {
    this.#waiting--;
    if (ms !== undefined) this.#classes[outputs]?.observe(ms);
  }

  /**
   * What a call more is expected to wait, ms: the average times those that wait. Of a target about which
   * nothing is known, 0, so that it is tried, but Infinity while a first attempt is at it: one is enough to know.
   */
  score(outputs: number): number {
    const known = this.#classes[outputs]?.value;
    if (known === undefined) return this.#waiting === 0 ? 0 : Number.POSITIVE_INFINITY;
    return known * (this.#waiting + 1);
  }
}

import type { Clock } from "../domain/clock.ts";

export interface ConcurrencyOptions {
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  /** How far the mean time to first token may rise above the usual one before the limit falls, as a factor. */
  readonly tolerance: number;
  /** Shortest time of one measurement, ms, and the fewest first tokens of it. */
  readonly windowMs: number;
  readonly minSamples: number;
}

/**
 * As Gradient2 of Netflix's concurrency-limits, but for the bounds, which suit providers that take thousands, and the
 * tolerance (1.5 there): the time to first token also depends on how long prompts are. Its long-time mean is replaced by
 * a slow minimum here: under lasting load the mean takes queueing for usual, and the limit grows for ever.
 */
export const CONCURRENCY_DEFAULTS: ConcurrencyOptions = {
  initial: 20,
  min: 5,
  max: 1000,
  tolerance: 2,
  windowMs: 500,
  minSamples: 10,
};

const SMOOTHING = 0.2;
/**
 * How much of a measurement goes into the usual time. Lower ones fast. Higher ones slowly while the limit is used, for
 * then the target may only be slow because of us: it takes half an hour of load to pass for usual. Faster where we hold
 * back already, or ask for little: then it is not our doing.
 */
const FALL = 0.3;
const RISE_LOADED = 1 / 3600;
const RISE_IDLE = 1 / 20;
/** What a window in which the target refused for overload leaves of the limit. */
const BACKOFF = 0.9;
/** Until a whole answer is presumed to be under way, where no stream has shown how long that takes, ms. */
const PRESUMED_MS = 1000;

/**
 * How an attempt ended before its first token was seen: whole (an answer that does not stream), refused for overload
 * or silent, or in a way that says nothing of the target's load.
 */
type SlotEnd = "answered" | "overloaded" | "other";

/** A place at the target. `ended` must be called however the attempt ends; after the first call of any, none counts. */
export interface Slot {
  firstToken(): void;
  ended(how: SlotEnd): void;
}

interface Held {
  readonly startedAt: number;
  free: boolean;
}

/**
 * Adaptive limit of the attempts that wait for one target. A place is held until the first token, and only the time
 * until then is measured: it grows when the target queues what it is sent, while the time after it is as long as the
 * answer. So a hundred long answers under way take no place from a question, and what is bounded is the target's queue.
 *
 * Where an answer does not stream, its first token is not seen. Its place is free once it is presumed to be under way,
 * after the usual time to first token; it is never measured, but moves the limit as in TCP: up when it comes, down
 * when it is refused.
 */
export class ConcurrencyLimit {
  readonly #options: ConcurrencyOptions;
  readonly #clock: Clock;
  #limit: number;
  #inFlight = 0;
  /** Until the first sign of overload the limit doubles, as in TCP's slow start. */
  #starting = true;
  #usualMs = 0;
  #measurements = 0;
  #windowAt: number;
  #sumMs = 0;
  #samples = 0;
  #peak = 0;
  #backedOffAt = Number.NEGATIVE_INFINITY;
  /** Places of answers that do not stream, oldest first, from `#wholeFrom` on. */
  #whole: Held[] = [];
  #wholeFrom = 0;

  constructor(options: ConcurrencyOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#limit = options.initial;
    this.#windowAt = clock.now();
  }

  get limit(): number {
    return Math.floor(this.#limit);
  }

  get inFlight(): number {
    this.#freeWhole(this.#clock.now());
    return this.#inFlight;
  }

  /** Undefined where as many wait as may. */
  tryAcquire(delivery: "stream" | "unary"): Slot | undefined {
    const now = this.#clock.now();
    this.#freeWhole(now);
    if (this.#inFlight >= this.limit) return undefined;
    this.#inFlight++;
    if (this.#inFlight > this.#peak) this.#peak = this.#inFlight;
    const held: Held = { startedAt: now, free: false };
    if (delivery === "unary") this.#whole.push(held);
    let over = false;
    return {
      firstToken: () => {
        if (over) return;
        over = true;
        this.#free(held);
        if (delivery === "stream") this.#measure(this.#clock.now() - now);
      },
      ended: (how) => {
        if (over) return;
        over = true;
        this.#free(held);
        if (how === "overloaded") this.#backOff();
        else if (how === "answered" && this.#peak >= this.#limit / 2) this.#grow(this.#starting ? 1 : 1 / this.#limit);
      },
    };
  }

  #free(held: Held): void {
    if (held.free) return;
    held.free = true;
    this.#inFlight--;
  }

  #freeWhole(now: number): void {
    const before = now - (this.#measurements === 0 ? PRESUMED_MS : this.#usualMs);
    for (let first = this.#whole[this.#wholeFrom]; first !== undefined; first = this.#whole[this.#wholeFrom]) {
      if (!first.free && first.startedAt > before) break;
      this.#free(first);
      this.#wholeFrom++;
    }
    if (this.#wholeFrom > 64 && this.#wholeFrom * 2 > this.#whole.length) {
      this.#whole = this.#whole.slice(this.#wholeFrom);
      this.#wholeFrom = 0;
    }
  }

  #measure(ms: number): void {
    this.#sumMs += ms;
    this.#samples++;
    const { windowMs, minSamples } = this.#options;
    const now = this.#clock.now();
    if (this.#samples < minSamples || now - this.#windowAt < windowMs) return;
    this.#update(Math.max(this.#sumMs / this.#samples, 0.01), this.#peak);
    this.#windowAt = now;
    this.#sumMs = 0;
    this.#samples = 0;
    this.#peak = this.#inFlight;
  }

  #update(meanMs: number, peak: number): void {
    this.#measurements++;
    const { min } = this.#options;
    // Who does not use half of the limit learns nothing about it.
    const used = peak >= this.#limit / 2;
    const rise = used && this.#limit > min ? RISE_LOADED : RISE_IDLE;
    const share = this.#measurements === 1 ? 1 : meanMs < this.#usualMs ? FALL : rise;
    this.#usualMs += (meanMs - this.#usualMs) * share;
    if (!used) return;
    const gradient = Math.min(1, Math.max(0.5, (this.#options.tolerance * this.#usualMs) / meanMs));
    if (gradient < 1) this.#starting = false;
    const aim = this.#limit * gradient + Math.max(4, Math.sqrt(this.#limit));
    this.#grow(this.#starting ? this.#limit : (aim - this.#limit) * SMOOTHING);
  }

  /** Once in a window, as refusals come many at a time. */
  #backOff(): void {
    this.#starting = false;
    const now = this.#clock.now();
    if (now - this.#backedOffAt < this.#options.windowMs) return;
    this.#backedOffAt = now;
    this.#grow(this.#limit * (BACKOFF - 1));
  }

  #grow(by: number): void {
    const { min, max } = this.#options;
    this.#limit = Math.min(max, Math.max(min, this.#limit + by));
  }
}

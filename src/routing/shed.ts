import type { Clock } from "../domain/clock.ts";
import { PRIORITIES, type Priority } from "./priority.ts";

/** 0: all are let in; 1: batch is not; 2: nor is default; 3: nobody is. */
export type ShedLevel = 0 | 1 | 2 | 3;

type Thresholds = readonly [batch: number, default_: number, all: number];

export interface ShedOptions {
  /** Event-loop delay from which each level holds, ms. */
  readonly loopDelayMs: Thresholds;
  /** Used share of the heap's limit from which each level holds. */
  readonly heapUsed: Thresholds;
  /** Share of a threshold below which pressure has gone. */
  readonly calmBelow: number;
  /** How long it must be gone before the level falls by one, ms. */
  readonly calmMs: number;
}

/**
 * A busy loop delays everybody, health checks too, which should answer in 100 ms; and V8 collects garbage ever longer as
 * the heap fills. From nobody to all it takes three seconds of calm.
 */
export const SHED_DEFAULTS: ShedOptions = {
  loopDelayMs: [50, 100, 250],
  heapUsed: [0.8, 0.88, 0.94],
  calmBelow: 0.8,
  calmMs: 1000,
};

export interface Pressure {
  /** As of the last interval; a high percentile rather than the mean. */
  readonly loopDelayMs: number;
  /** Heap used, as a share of its limit. */
  readonly heapUsed: number;
}

/**
 * What the process sheds by the pressure it is under. Rises at once; falls a step at a time, and only once the
 * pressure is clearly below what the level holds from, as shedding itself makes it fall.
 */
export class Shedder {
  readonly #options: ShedOptions;
  readonly #clock: Clock;
  #level: ShedLevel = 0;
  #why = "";
  #calmSince: number | undefined;

  constructor(options: ShedOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  get level(): ShedLevel {
    return this.#level;
  }

  /** What made it rise last, such as `event loop delayed by 120 ms`; empty at level 0. */
  get why(): string {
    return this.#why;
  }

  /** To be told a few times a second. */
  update(pressure: Pressure): ShedLevel {
    const { calmBelow, calmMs, loopDelayMs, heapUsed } = this.#options;
    const byLoop = levelOf(pressure.loopDelayMs, loopDelayMs);
    const byHeap = levelOf(pressure.heapUsed, heapUsed);
    const level = byLoop > byHeap ? byLoop : byHeap;
    if (level > this.#level) {
      this.#level = level;
      this.#why =
        byLoop >= byHeap
          ? `event loop delayed by ${Math.round(pressure.loopDelayMs)} ms`
          : `${Math.round(pressure.heapUsed * 100)} % of the heap used`;
      this.#calmSince = undefined;
      return this.#level;
    }
    const calm =
      levelOf(pressure.loopDelayMs / calmBelow, loopDelayMs) < this.#level &&
      levelOf(pressure.heapUsed / calmBelow, heapUsed) < this.#level;
    const now = this.#clock.now();
    if (!calm) this.#calmSince = undefined;
    else if (this.#calmSince === undefined) this.#calmSince = now;
    else if (now - this.#calmSince >= calmMs) {
      this.#level = lower(this.#level);
      this.#calmSince = now;
      if (this.#level === 0) this.#why = "";
    }
    return this.#level;
  }

  admits(priority: Priority): boolean {
    return PRIORITIES.indexOf(priority) < PRIORITIES.length - this.#level;
  }
}

function levelOf(value: number, thresholds: Thresholds): ShedLevel {
  const [batch, usual, all] = thresholds;
  if (value >= all) return 3;
  if (value >= usual) return 2;
  return value >= batch ? 1 : 0;
}

const LOWER = [0, 0, 1, 2] as const;

function lower(level: ShedLevel): ShedLevel {
  return LOWER[level];
}

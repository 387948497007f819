import type { Clock, Random } from "../domain/clock.ts";
import { PRIORITIES, type Priority } from "./priority.ts";

export interface QueueOptions {
  /** Most that wait, of all priorities together. */
  readonly capacity: number;
  /** A queue that was not empty for so long is a standing one, ms. */
  readonly standingAfterMs: number;
  /** Longest wait in a standing queue, ms; ten times that for batch. */
  readonly targetMs: number;
}

/** 100 ms as in CoDel and Facebook's queues; their 5 ms would be less than a busy event loop's own delay. */
export const QUEUE_DEFAULTS: QueueOptions = { capacity: 1000, standingAfterMs: 100, targetMs: 15 };

/** `too-late`: the deadline would come first. `overloaded`: the wait would be, or was, too long. `shed`: for a better one. */
export interface QueueRefusal {
  readonly because: "full" | "too-late" | "overloaded" | "shed";
  /** When to try again, ms; spread, so that those who were refused together don't come together. */
  readonly retryAfterMs: number;
}

/** Exactly one of `turn` and `refused` is called, once, unless it leaves before. */
export interface Waiter {
  readonly priority: Priority;
  /** Instant of the clock. */
  readonly deadline: number;
  turn(): void;
  refused(refusal: QueueRefusal): void;
}

/** Of twenty turns, one is batch's first and three are default's; the others go by priority. So nobody starves. */
const ROUND = 20;
const DEFAULT_EVERY = 5;
/** Batch waits gladly, and its turns come seldom. */
const PATIENCE: Readonly<Record<Priority, number>> = { interactive: 1, default: 1, batch: 10 };
/** How long nobody must have been refused until a queue may be a burst again, ms. */
const CALM_MS = 1000;
const MIN_RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

/** A place in a ring of its priority, whose head is a place without waiter: leaving takes no search. */
class Place {
  readonly waiter: Waiter | undefined;
  readonly joinedAt: number;
  previous: Place = this;
  next: Place = this;

  constructor(waiter: Waiter | undefined, joinedAt: number) {
    this.waiter = waiter;
    this.joinedAt = joinedAt;
  }

  get waits(): boolean {
    return this.next !== this;
  }

  append(place: Place): void {
    place.previous = this.previous;
    place.next = this;
    this.previous.next = place;
    this.previous = place;
  }

  remove(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.next = this;
    this.previous = this;
  }
}

/**
 * Calls that wait for a place, bounded in number and time. A burst is smoothed; a queue that stands is no use to
 * anybody, so then the ones that would wait too long are refused as they come, and the ones that did as they are found.
 * Has no timer: whoever owns it calls `next` when a place is free, and `expire` from time to time while anybody waits.
 */
export class CallQueue {
  readonly #options: QueueOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #rings: Readonly<Record<Priority, Place>>;
  readonly #sizes: Record<Priority, number> = { interactive: 0, default: 0, batch: 0 };
  #turns = 0;
  #emptyAt: number;
  /** Usual time between free places while somebody wants one, ms. */
  #turnMs = 0;
  #intervals = 0;
  /** When somebody was last refused for a wait that was, or would have been, too long. */
  #overloadedAt = Number.NEGATIVE_INFINITY;
  /** Since when one is wanted and none came; undefined where nobody does. */
  #wantedSince: number | undefined;

  constructor(options: QueueOptions, clock: Clock, random: Random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    const ring = (): Place => new Place(undefined, 0);
    this.#rings = { interactive: ring(), default: ring(), batch: ring() };
    this.#emptyAt = clock.now();
  }

  get size(): number {
    const { interactive, default: usual, batch } = this.#sizes;
    return interactive + usual + batch;
  }

  /** Waits, or is refused at once. Gives what makes the waiter leave; without effect once it had its answer. */
  join(waiter: Waiter): () => void {
    this.expire();
    const now = this.#clock.now();
    const { priority } = waiter;
    this.#wantedSince ??= now;
    if (this.size === 0) this.#emptyAt = now;
    const refusal = this.assess(priority, waiter.deadline);
    if (refusal !== undefined) {
      waiter.refused(refusal);
      return () => {};
    }
    if (this.size >= this.#options.capacity) this.#shedFor(priority);
    const place = new Place(waiter, now);
    this.#rings[priority].append(place);
    this.#sizes[priority]++;
    return () => this.#take(place);
  }

  /** What one that joined now would be refused for. */
  assess(priority: Priority, deadline: number): QueueRefusal | undefined {
    const now = this.#clock.now();
    const waitMs = this.#expectedMs(priority);
    if (now + waitMs >= deadline) return this.#refusal("too-late");
    // One of each priority may wait however long it takes: else there is nobody when its own turn comes.
    const others = this.#sizes[priority] > 0 && this.#standing(now);
    if (others && waitMs > this.#patienceMs(priority)) return this.#refusal("overloaded");
    const full = this.size >= this.#options.capacity && this.#lastBelow(priority) === undefined;
    return full ? this.#refusal("full") : undefined;
  }

  /** How many of this priority wait. */
  sizeOf(priority: Priority): number {
    return this.#sizes[priority];
  }

  /** A place is free: whose turn it is gets it. Says whether anybody did. */
  next(): boolean {
    this.expire();
    const now = this.#clock.now();
    this.#measure(now);
    for (let place = this.#first(); place !== undefined; place = this.#first()) {
      const { waiter } = place;
      if (waiter === undefined || !this.#take(place)) break;
      if (waiter.deadline <= now) {
        waiter.refused(this.#refusal("too-late"));
        continue;
      }
      this.#turns++;
      if (this.size > 0) this.#wantedSince = now;
      waiter.turn();
      return true;
    }
    return false;
  }

  /** Refuses those that have waited for too long. */
  expire(): void {
    const now = this.#clock.now();
    if (!this.#standing(now)) return;
    for (const priority of PRIORITIES) {
      const ring = this.#rings[priority];
      const limitMs = this.#patienceMs(priority);
      for (let first = ring.next; first.waiter !== undefined; first = ring.next) {
        if (now - first.joinedAt <= limitMs) break;
        this.#take(first);
        first.waiter.refused(this.#refusal("overloaded"));
      }
    }
  }

  #measure(now: number): void {
    if (this.#wantedSince === undefined) return;
    this.#intervals++;
    this.#turnMs += (now - this.#wantedSince - this.#turnMs) * Math.max(0.1, 1 / this.#intervals);
    this.#wantedSince = undefined;
  }

  #first(): Place | undefined {
    const { interactive, default: usual, batch } = this.#rings;
    const at = this.#turns % ROUND;
    const favoured = at === 0 ? batch : at % DEFAULT_EVERY === 0 ? usual : interactive;
    if (favoured.waits) return favoured.next;
    return [interactive, usual, batch].find((ring) => ring.waits)?.next;
  }

  /** Makes room by refusing the one of a lesser priority that came last. */
  #shedFor(priority: Priority): void {
    const last = this.#lastBelow(priority);
    if (last?.waiter === undefined) return;
    this.#take(last);
    last.waiter.refused(this.#refusal("shed"));
  }

  #lastBelow(priority: Priority): Place | undefined {
    for (let at = PRIORITIES.length - 1; at > PRIORITIES.indexOf(priority); at--) {
      const lesser = PRIORITIES[at];
      if (lesser !== undefined && this.#sizes[lesser] > 0) return this.#rings[lesser].previous;
    }
    return undefined;
  }

  #standing(now: number): boolean {
    // Where turns are far apart, waiting for some of them makes no standing queue.
    if (this.size === 0) return false;
    // Refusing may empty it, which is no sign of calm: else each tenth of a second would be taken for a new burst.
    if (now - this.#overloadedAt < CALM_MS) return true;
    return now - this.#emptyAt > Math.max(this.#options.standingAfterMs, 4 * this.#turnMs);
  }

  #patienceMs(priority: Priority): number {
    return Math.max(this.#options.targetMs, 2 * this.#turnMs) * PATIENCE[priority];
  }

  /** Turns of all that are not of a lesser priority, and its own. */
  #expectedMs(priority: Priority): number {
    let ahead = 1;
    for (const each of PRIORITIES) {
      ahead += this.#sizes[each];
      if (each === priority) break;
    }
    return ahead * this.#turnMs;
  }

  #refusal(because: QueueRefusal["because"]): QueueRefusal {
    if (because === "overloaded") this.#overloadedAt = this.#clock.now();
    const drainedMs = Math.max(MIN_RETRY_MS, this.size * this.#turnMs);
    return { because, retryAfterMs: Math.min(MAX_RETRY_MS, Math.ceil(drainedMs * (1 + this.#random()))) };
  }

  #take(place: Place): boolean {
    if (place.waiter === undefined || !place.waits) return false;
    place.remove();
    this.#sizes[place.waiter.priority]--;
    if (this.size === 0) this.#emptyAt = this.#clock.now();
    return true;
  }
}

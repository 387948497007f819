import type { Clock, Random, Timer } from "../domain/clock.ts";
import type { Priority } from "../routing/priority.ts";
import { BUSY, ProcessLimit, type ProcessLimitOptions } from "../routing/process-limit.ts";
import { CallQueue, type QueueOptions } from "../routing/queue.ts";
import { Shedder, type ShedLevel, type ShedOptions } from "../routing/shed.ts";
import { CallRefusal, type RefusedFor, reasonFor } from "./call-refusal.ts";

export interface AdmissionOptions {
  readonly limit: ProcessLimitOptions;
  readonly queue: QueueOptions;
  readonly shed: ShedOptions;
}

/** What the process is like; how late its timers are is seen by the clock. */
export interface ProcessLoad {
  /** Share of the time since it was last asked in which the event loop had work. */
  loopBusy(): number;
  /** Used heap, as a share of its limit. */
  heapUsed(): number;
}

/** Between two looks at a clock that shows how late things are, ms; and how many of them make a measurement. */
const TICK_MS = 25;
const TICKS = 4;

/** Wait of those who are refused for pressure, ms: it takes a second of calm to fall. Spread up to twice that. */
const PRESSURE_RETRY_MS = 1000;

/**
 * Who may come in. A call that finds a place takes it; others wait for one, by priority and not for long, or are
 * refused at once, before anything was done for them. One for the process: a reload changes nothing about it.
 *
 * Looks at the event loop only while calls run, so that an idle process sleeps.
 */
export class Admission {
  readonly #limit: ProcessLimit;
  readonly #queue: CallQueue;
  readonly #shedder: Shedder;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #load: ProcessLoad;
  readonly #onRefused: (count: number) => void;
  #refusals = 0;
  #toldAt = 0;
  readonly #refused = new Map<Priority, Map<RefusedFor, number>>();
  #timer: Timer | undefined;
  #dueAt = 0;
  #ticks = 0;
  #sumDelayMs = 0;
  #worstDelayMs = 0;
  /** Worst of the measurement before. */
  #lastWorstMs = 0;

  /** `onRefused` hears once a second how many were refused meanwhile, if any were. */
  constructor(
    options: AdmissionOptions,
    clock: Clock,
    random: Random,
    load: ProcessLoad,
    onRefused: (count: number) => void,
  ) {
    this.#onRefused = onRefused;
    this.#limit = new ProcessLimit(options.limit);
    this.#queue = new CallQueue(options.queue, clock, random);
    this.#shedder = new Shedder(options.shed, clock);
    this.#clock = clock;
    this.#random = random;
    this.#load = load;
  }

  get limit(): number {
    return this.#limit.limit;
  }

  get inUse(): number {
    return this.#limit.inUse;
  }

  get shedLevel(): ShedLevel {
    return this.#shedder.level;
  }

  waiting(priority: Priority): number {
    return this.#queue.sizeOf(priority);
  }

  /** How many were refused so far. */
  *refused(): Iterable<readonly [priority: Priority, because: RefusedFor, count: number]> {
    for (const [priority, counts] of this.#refused) {
      for (const [because, count] of counts) yield [priority, because, count];
    }
  }

  /** Whether a call that comes now might not find a place at once. */
  get strict(): boolean {
    return !this.#hasPlace() || this.#shedder.level > 0;
  }

  /**
   * Why a call that comes now would not be let in; undefined where it may, or may wait. Changes nothing but the count:
   * for callers who want to know before they do any work for a call.
   */
  refusal(priority: Priority, deadline: number): CallRefusal | undefined {
    if (!this.#shedder.admits(priority)) return this.#refuse(priority, this.#pressure());
    if (this.#hasPlace()) return undefined;
    const refusal = this.#queue.assess(priority, deadline);
    return refusal && this.#refuse(priority, refusal);
  }

  /** Whether a call has got a place; `leave` must be called for it, once. */
  tryEnter(priority: Priority): boolean {
    if (!this.#shedder.admits(priority) || this.#queue.size > 0 || !this.#limit.tryAcquire()) return false;
    if (this.#timer === undefined) this.#watchLoop();
    return true;
  }

  /**
   * Waits for a place; `leave` must be called for it, once. Rejects, without a place, with `OVERLOADED` where there is
   * none in time, and with the signal's reason once it aborts.
   */
  async enter(priority: Priority, deadline: number, signal: AbortSignal): Promise<void> {
    if (!this.#shedder.admits(priority)) throw this.#refuse(priority, this.#pressure()).toError();
    if (signal.aborted) throw signal.reason;
    let onAbort: (() => void) | undefined;
    const waited = new Promise<void>((resolve, reject) => {
      const leaveQueue = this.#queue.join({
        priority,
        deadline,
        turn: resolve,
        refused: (refusal) => reject(this.#refuse(priority, refusal).toError()),
      });
      onAbort = () => {
        leaveQueue();
        reject(signal.reason);
      };
      signal.addEventListener("abort", onAbort, { once: true });
    });
    if (this.#timer === undefined) this.#watchLoop();
    try {
      await waited;
    } finally {
      if (onAbort !== undefined) signal.removeEventListener("abort", onAbort);
    }
  }

  /** A call is over: its place is the next one's. */
  leave(): void {
    this.#limit.release();
    if (this.#queue.size > 0) this.#letIn();
  }

  #hasPlace(): boolean {
    return this.#queue.size === 0 && this.#limit.inUse < this.#limit.limit;
  }

  #letIn(): void {
    while (this.#queue.size > 0 && this.#limit.tryAcquire()) {
      if (this.#queue.next()) continue;
      this.#limit.release();
      return;
    }
  }

  #watchLoop(): void {
    this.#load.loopBusy();
    this.#ticks = 0;
    this.#sumDelayMs = 0;
    this.#worstDelayMs = 0;
    this.#schedule();
  }

  #schedule(): void {
    this.#dueAt = this.#clock.now() + TICK_MS;
    this.#timer = this.#clock.schedule(TICK_MS, this.#tick);
  }

  readonly #tick = (): void => {
    const delayMs = Math.max(0, this.#clock.now() - this.#dueAt);
    this.#sumDelayMs += delayMs;
    this.#worstDelayMs = Math.max(this.#worstDelayMs, delayMs);
    if (++this.#ticks === TICKS) this.#measure();
    this.#queue.expire();
    this.#letIn();
    this.#tell();
    const idle = this.#limit.inUse === 0 && this.#queue.size === 0 && this.#shedder.level === 0 && this.#refusals === 0;
    if (idle) this.#timer = undefined;
    else this.#schedule();
  };

  #tell(): void {
    if (this.#refusals === 0 || this.#clock.now() - this.#toldAt < 1000) return;
    this.#onRefused(this.#refusals);
    this.#refusals = 0;
    this.#toldAt = this.#clock.now();
  }

  #measure(): void {
    // One late look may be a collection of garbage, or one large request: only what lasts is pressure.
    const lastingMs = Math.min(this.#worstDelayMs, this.#lastWorstMs);
    const busy = this.#load.loopBusy();
    // Nor is it where the loop has little to do: then others use the processors.
    this.#shedder.update({ loopDelayMs: busy < BUSY ? 0 : lastingMs, heapUsed: this.#load.heapUsed() });
    this.#limit.update({ delayMs: this.#sumDelayMs / TICKS, busy });
    this.#lastWorstMs = this.#worstDelayMs;
    this.#worstDelayMs = 0;
    this.#sumDelayMs = 0;
    this.#ticks = 0;
  }

  #pressure(): { readonly because: "pressure"; readonly retryAfterMs: number } {
    return { because: "pressure", retryAfterMs: Math.ceil(PRESSURE_RETRY_MS * (1 + this.#random())) };
  }

  #refuse(priority: Priority, { because, retryAfterMs }: { because: RefusedFor; retryAfterMs: number }): CallRefusal {
    const counts = this.#refused.get(priority) ?? new Map<RefusedFor, number>();
    this.#refused.set(priority, counts.set(because, (counts.get(because) ?? 0) + 1));
    this.#refusals++;
    const why = because === "pressure" ? `${this.#shedder.why}, so ${priority} calls are refused` : reasonFor(because);
    return new CallRefusal(priority, because, why, retryAfterMs);
  }
}

import { totalmem } from "node:os";
import { type EventLoopUtilization, performance } from "node:perf_hooks";
import { constrainedMemory } from "node:process";
import { getHeapStatistics } from "node:v8";
import type { OverloadSettings } from "./config/settings.ts";
import type { Clock, Random } from "./domain/clock.ts";
import { Admission, type AdmissionOptions, type ProcessLoad } from "./pipeline/admission.ts";
import { TargetSlots } from "./pipeline/target-slots.ts";
import { CONCURRENCY_DEFAULTS } from "./routing/concurrency.ts";
import { PRIORITIES } from "./routing/priority.ts";
import { QUEUE_DEFAULTS } from "./routing/queue.ts";
import { SHED_DEFAULTS } from "./routing/shed.ts";
import type { Log } from "./telemetry/log.ts";
import type { OverloadState } from "./telemetry/process-metrics.ts";

/** Where the limit starts: few calls of any kind keep the loop busy for long before the first look at it. */
const INITIAL_CALLS = 1000;

/** Fewest calls that are let in at once, however slow the loop is. They alone delay it by hardly more than they may. */
const FEWEST_CALLS = 64;

/**
 * Event-loop delay from which batch is refused, ms. Of the others, the limit lets in as many as the loop can take: they
 * are refused for pressure only where memory is short.
 */
const SHED_BATCH_MS = 50;

export function createAdmission(
  settings: OverloadSettings,
  clock: Clock,
  random: Random,
  log: Log,
  load: ProcessLoad = createProcessLoad(),
): Admission {
  const admission: Admission = new Admission(toOptions(settings), clock, random, load, (count) => {
    const { limit, inUse, shedLevel } = admission;
    log.warn({ count, limit, in_use: inUse, shed_level: shedLevel }, "calls refused: too many");
  });
  return admission;
}

/** Places at targets, where they are limited. */
export function createTargetSlots(
  { targets }: OverloadSettings,
  clock: Clock,
  random: Random,
): TargetSlots | undefined {
  return targets && new TargetSlots({ ...CONCURRENCY_DEFAULTS, ...targets }, clock, random);
}

function toOptions(settings: OverloadSettings): AdmissionOptions {
  const { maxWaiting, maxWaitMs, maxLoopDelayMs } = settings;
  const max = settings.maxCalls ?? callsThatFit();
  return {
    limit: { initial: INITIAL_CALLS, min: Math.min(FEWEST_CALLS, max), max, maxLoopDelayMs },
    queue: { ...QUEUE_DEFAULTS, capacity: maxWaiting, targetMs: maxWaitMs },
    shed: { ...SHED_DEFAULTS, loopDelayMs: [SHED_BATCH_MS, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] },
  };
}

/** As the metrics show it. */
export function overloadState(admission: Admission): OverloadState {
  return {
    get limit() {
      return admission.limit;
    },
    get shedLevel() {
      return admission.shedLevel;
    },
    waiting: () => PRIORITIES.map((priority) => [priority, admission.waiting(priority)] as const),
    refused: () => admission.refused(),
  };
}

/** Bytes that are kept free for a call: an open stream takes a quarter of it, prompts and answers the rest. */
const BYTES_PER_CALL = 256 * 1024;
const LEAST_CALLS = 1000;
const MOST_CALLS = 20_000;

/** Most calls at once, where the configuration does not say: as many as half of the process's memory is enough for. */
function callsThatFit(): number {
  // Without a limit of its own the process is told of one beyond anything that is there, or of none.
  const own = constrainedMemory() ?? 0;
  const machine = own > 0 ? Math.min(own, totalmem()) : totalmem();
  const bytes = Math.min(getHeapStatistics().heap_size_limit, machine) / 2;
  return Math.min(MOST_CALLS, Math.max(LEAST_CALLS, Math.floor(bytes / BYTES_PER_CALL)));
}

/** Of this process. */
function createProcessLoad(): ProcessLoad {
  let last: EventLoopUtilization | undefined;
  return {
    loopBusy() {
      const now = performance.eventLoopUtilization();
      const busy = last === undefined ? 0 : performance.eventLoopUtilization(now, last).utilization;
      last = now;
      return busy;
    },
    heapUsed() {
      const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
      return used / limit;
    },
  };
}

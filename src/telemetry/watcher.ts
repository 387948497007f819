import type { Tracer } from "@opentelemetry/api";
import type { Batch } from "../domain/event.ts";
import type {
  Admission,
  Arrival,
  AttemptEnd,
  AttemptTarget,
  AttemptWatch,
  CallEnd,
  CallWatch,
  CallWatcher,
  Reattempt,
} from "../domain/watch.ts";
import type { CallLog } from "./call-log.ts";
import type { AttemptSeries, CallMetrics } from "./metrics.ts";
import { type AttemptSpan, CallSpan, type ContentRecording } from "./spans.ts";

export interface WatcherOptions {
  readonly tracer: Tracer;
  /** Callers' traces are continued, and upstreams hear of them. */
  readonly propagates: boolean;
  readonly content: ContentRecording;
  readonly metrics: CallMetrics;
  readonly log: CallLog;
  /** Hears of what was thrown while watching: a defect, which the call does not notice. */
  readonly onFault: (error: unknown) => void;
}

/** Traces, measures and logs every RPC. */
export function createCallWatcher(options: WatcherOptions): CallWatcher {
  return { arrived: (arrival) => new Watch(options, arrival) };
}

class Watch implements CallWatch {
  readonly #options: WatcherOptions;
  readonly #arrival: Arrival;
  #span: CallSpan | undefined;
  #call: Admission | undefined;

  constructor(options: WatcherOptions, arrival: Arrival) {
    this.#options = options;
    this.#arrival = arrival;
    this.#guard(() => {
      const parent = options.propagates ? arrival : { ...arrival, traceparent: undefined };
      this.#span = new CallSpan(options.tracer, options.content, parent);
    });
  }

  admitted(call: Admission): void {
    this.#call = call;
    this.#guard(() => this.#span?.admitted(call));
  }

  attempt(target: AttemptTarget): AttemptWatch {
    const { metrics } = this.#options;
    const arrival = this.#arrival;
    let span: AttemptSpan | undefined;
    let series: AttemptSeries | undefined;
    let seen = false;
    const guard = this.#guard;
    const call = this.#call;
    guard(() => {
      if (call !== undefined) span = this.#span?.attempt(call, target);
      series = metrics.attempt(target);
    });
    const headers = (): Readonly<Record<string, string>> =>
      this.#options.propagates ? ((span ?? this.#span)?.headers ?? {}) : {};
    return {
      get headers() {
        let found: Readonly<Record<string, string>> = {};
        guard(() => {
          found = headers();
        });
        return found;
      },
      came(events: Batch, afterMs: number) {
        guard(() => {
          if (arrival.delivery === "stream") {
            if (seen) series?.timePerOutputChunk.record(afterMs / 1000);
            else span?.firstChunk(afterMs);
            seen = true;
          }
          span?.came(events);
        });
      },
      ended(end: AttemptEnd) {
        guard(() => {
          if (series !== undefined) metrics.attemptEnded(end, series);
        });
        guard(() => span?.ended(end));
      },
    };
  }

  reattempt(reattempt: Reattempt): void {
    this.#guard(() => this.#span?.reattempt(reattempt));
    this.#guard(() => this.#options.metrics.reattempt(reattempt));
  }

  ended(end: CallEnd): void {
    const { log, metrics } = this.#options;
    this.#guard(() => log.ended(this.#arrival, end, this.#span?.traceId, this.#span?.spanId));
    this.#guard(() => metrics.callEnded(this.#arrival, end));
    this.#guard(() => this.#span?.ended(end));
  }

  /** Watching never fails a call. */
  readonly #guard = (watch: () => void): void => {
    try {
      watch();
    } catch (error) {
      this.#options.onFault(error);
    }
  };
}

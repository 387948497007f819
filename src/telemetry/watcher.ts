import type { Tracer } from "@opentelemetry/api";
import type { RoutingDecision } from "../domain/contract.ts";
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
  return {
    arrived: (arrival) => new Watch(options, arrival),
    turnedAway: (arrival, end) => guard(options, () => options.metrics.callEnded(arrival, end)),
  };
}

class Watch implements CallWatch {
  readonly #options: WatcherOptions;
  readonly #arrival: Arrival;
  #span: CallSpan | undefined;
  #call: Admission | undefined;
  #routing: RoutingDecision | undefined;

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

  routed(decision: RoutingDecision): void {
    this.#routing = decision;
    this.#guard(() => this.#span?.routed(decision));
  }

  attempt(target: AttemptTarget): AttemptWatch {
    return new WatchedAttempt(this.#options, this.#arrival, this.#call, this.#span, target, true);
  }

  reattempt(reattempt: Reattempt): void {
    this.#guard(() => this.#span?.reattempt(reattempt));
    this.#guard(() => this.#options.metrics.reattempt(reattempt));
  }

  shadow(): CallWatch {
    return new ShadowWatch(this.#options, this.#arrival, this.#call, this.#span);
  }

  shadowDropped(target: AttemptTarget): void {
    this.#guard(() => this.#options.metrics.shadowDropped(target));
  }

  ended(end: CallEnd): void {
    const { log, metrics } = this.#options;
    const [span, routing] = [this.#span, this.#routing];
    this.#guard(() => {
      log.ended(this.#arrival, end, { traceId: span?.traceId, spanId: span?.spanId, routing, isShadow: false });
    });
    this.#guard(() => metrics.callEnded(this.#arrival, end));
    this.#guard(() => this.#span?.ended(end));
  }

  #guard(watch: () => void): void {
    guard(this.#options, watch);
  }
}

/** A copy of a call: it has a span, a line and metrics of its own, and is in nothing that tells of callers. */
class ShadowWatch implements CallWatch {
  readonly #options: WatcherOptions;
  readonly #arrival: Arrival;
  readonly #call: Admission | undefined;
  #span: CallSpan | undefined;

  constructor(options: WatcherOptions, arrival: Arrival, call: Admission | undefined, original: CallSpan | undefined) {
    this.#options = options;
    this.#arrival = arrival;
    this.#call = call;
    guard(options, () => {
      if (call !== undefined) this.#span = original?.shadow(call);
    });
  }

  admitted(): void {}

  routed(): void {}

  attempt(target: AttemptTarget): AttemptWatch {
    return new WatchedAttempt(this.#options, this.#arrival, this.#call, this.#span, target, false);
  }

  reattempt(): void {}

  shadow(): CallWatch {
    return this;
  }

  shadowDropped(): void {}

  ended(end: CallEnd): void {
    const { log, metrics } = this.#options;
    const span = this.#span;
    guard(this.#options, () => {
      const ids = { traceId: span?.traceId, spanId: span?.spanId };
      log.ended(this.#arrival, end, { ...ids, routing: undefined, isShadow: true });
    });
    guard(this.#options, () => metrics.shadowEnded(end));
    guard(this.#options, () => span?.ended(end));
  }
}

class WatchedAttempt implements AttemptWatch {
  readonly #options: WatcherOptions;
  readonly #streams: boolean;
  /** Of the call; what continues its trace where the attempt has no span. */
  readonly #parent: CallSpan | undefined;
  #span: AttemptSpan | undefined;
  #series: AttemptSeries | undefined;
  #seen = false;

  constructor(
    options: WatcherOptions,
    arrival: Arrival,
    call: Admission | undefined,
    parent: CallSpan | undefined,
    target: AttemptTarget,
    measures: boolean,
  ) {
    this.#options = options;
    this.#streams = arrival.delivery === "stream";
    this.#parent = parent;
    guard(options, () => {
      if (call !== undefined) this.#span = parent?.attempt(call, target);
      if (measures) this.#series = options.metrics.attempt(target, arrival.operation);
    });
  }

  get headers(): Readonly<Record<string, string>> {
    let headers = NO_HEADERS;
    if (!this.#options.propagates) return headers;
    guard(this.#options, () => {
      headers = (this.#span ?? this.#parent)?.headers ?? NO_HEADERS;
    });
    return headers;
  }

  came(events: Batch, afterMs: number): void {
    // As `guard`, without a function for each event of a stream.
    try {
      if (this.#streams) {
        if (this.#seen) this.#series?.timePerOutputChunk.record(afterMs / 1000);
        else this.#span?.firstChunk(afterMs);
        this.#seen = true;
      }
      this.#span?.came(events);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  ended(end: AttemptEnd): void {
    guard(this.#options, () => {
      if (this.#series !== undefined) this.#options.metrics.attemptEnded(end, this.#series);
    });
    guard(this.#options, () => this.#span?.ended(end));
  }
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

/** Watching never fails a call. */
function guard({ onFault }: WatcherOptions, watch: () => void): void {
  try {
    watch();
  } catch (error) {
    onFault(error);
  }
}

import { type Meter, SpanKind, SpanStatusCode, type Tracer } from "@opentelemetry/api";
import { own, ownMetric } from "./names.ts";

/** How an attempt to take a new configuration ended. */
export interface ReloadEnd {
  readonly outcome: "applied" | "refused";
  /** Instants of the wall clock, ms since 1970. */
  readonly startedAt: number;
  readonly endedAt: number;
}

/** Traces and counts reloads of the configuration. */
export function createReloadWatch(tracer: Tracer, meter: Meter): (end: ReloadEnd) => void {
  const reloads = meter.createCounter(ownMetric.configReloads, {
    unit: "{reload}",
    description: "Reloads of the configuration, by whether it could be used.",
  });
  return ({ outcome, startedAt, endedAt }) => {
    reloads.add(1, { [own.outcome]: outcome });
    const span = tracer.startSpan("config reload", {
      kind: SpanKind.INTERNAL,
      startTime: startedAt,
      root: true,
      attributes: { [own.outcome]: outcome },
    });
    if (outcome === "refused") span.setStatus({ code: SpanStatusCode.ERROR, message: "the configuration has errors" });
    span.end(endedAt);
  };
}

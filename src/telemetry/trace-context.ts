import {
  type Context,
  INVALID_SPANID,
  INVALID_TRACEID,
  ROOT_CONTEXT,
  type Span,
  type TextMapGetter,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { Arrival } from "../domain/watch.ts";

const propagator = new W3CTraceContextPropagator();

const getter: TextMapGetter<Arrival> = {
  get: (arrival, key) => (key === "traceparent" ? arrival.traceparent : arrival.tracestate),
  keys: () => ["traceparent", "tracestate"],
};

/** The caller's trace; a new one where there is none, or none that can be read. */
export function readTraceContext(arrival: Arrival): Context {
  return arrival.traceparent === undefined ? ROOT_CONTEXT : propagator.extract(ROOT_CONTEXT, arrival, getter);
}

/** Headers by which an upstream continues the span's trace, as W3C's Trace Context (version 00) has them. */
export function traceHeaders(span: Span): Record<string, string> {
  const { traceId, spanId, traceFlags, traceState } = span.spanContext();
  if (traceId === INVALID_TRACEID || spanId === INVALID_SPANID) return {};
  const traceparent = `00-${traceId}-${spanId}-${traceFlags < 16 ? "0" : ""}${traceFlags.toString(16)}`;
  const tracestate = traceState?.serialize() ?? "";
  return tracestate === "" ? { traceparent } : { traceparent, tracestate };
}

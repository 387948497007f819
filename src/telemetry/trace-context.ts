import {
  type Context,
  ROOT_CONTEXT,
  type Span,
  type TextMapGetter,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { Arrival } from "../domain/watch.ts";

const propagator = new W3CTraceContextPropagator();

const getter: TextMapGetter<Arrival> = {
  get: (arrival, key) => (key === "traceparent" ? arrival.traceparent : arrival.tracestate),
  keys: () => ["traceparent", "tracestate"],
};

const setter: TextMapSetter<Record<string, string>> = {
  set(headers, key, value) {
    headers[key] = value;
  },
};

/** The caller's trace; a new one where there is none, or none that can be read. */
export function readTraceContext(arrival: Arrival): Context {
  return arrival.traceparent === undefined ? ROOT_CONTEXT : propagator.extract(ROOT_CONTEXT, arrival, getter);
}

/** Headers by which an upstream continues the span's trace. */
export function traceHeaders(span: Span): Record<string, string> {
  const headers: Record<string, string> = {};
  propagator.inject(trace.setSpan(ROOT_CONTEXT, span), headers, setter);
  return headers;
}

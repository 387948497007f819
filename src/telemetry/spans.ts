import {
  type Attributes,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { AttemptOutcome, ErrorReason, type RoutingDecision } from "../domain/contract.ts";
import type { Batch } from "../domain/event.ts";
import { codeName, isServerFault, reasonName, reasonRow } from "../domain/reasons.ts";
import type { Admission, Arrival, AttemptEnd, AttemptTarget, CallEnd, Reattempt } from "../domain/watch.ts";
import { attributionAttributes, requestAttributes, responseAttributes } from "./attributes.ts";
import { AnswerContent, recordPrompt } from "./content.ts";
import { attribute, own } from "./names.ts";
import { readTraceContext, traceHeaders } from "./trace-context.ts";

/** Which calls' words are recorded, and how many of them. */
export interface ContentRecording {
  readonly features: ReadonlySet<string>;
  /** Of a prompt, and of an answer. */
  readonly maxChars: number;
}

/** The SERVER span of one RPC; or, below it, the span of a copy that was made of it. */
export class CallSpan {
  readonly #tracer: Tracer;
  readonly #content: ContentRecording;
  readonly #arrival: Arrival;
  readonly #isShadow: boolean;
  readonly #span: Span;
  #shared: Attributes = NO_ATTRIBUTES;

  /** `original`: the span of the call of which this is a copy. */
  constructor(tracer: Tracer, content: ContentRecording, arrival: Arrival, original?: CallSpan) {
    this.#tracer = tracer;
    this.#content = content;
    this.#arrival = arrival;
    this.#isShadow = original !== undefined;
    this.#span =
      original === undefined
        ? tracer.startSpan(
            arrival.method,
            {
              kind: SpanKind.SERVER,
              attributes: { [attribute.rpcSystemName]: arrival.system, [attribute.rpcMethod]: arrival.method },
            },
            readTraceContext(arrival),
          )
        : tracer.startSpan("shadow", { kind: SpanKind.INTERNAL }, trace.setSpan(ROOT_CONTEXT, original.#span));
  }

  get traceId(): string {
    return this.#span.spanContext().traceId;
  }

  get spanId(): string {
    return this.#span.spanContext().spanId;
  }

  get headers(): Readonly<Record<string, string>> {
    return traceHeaders(this.#span);
  }

  admitted(call: Admission): void {
    if (!this.#span.isRecording()) return;
    this.#shared = attributionAttributes(this.#arrival.requestId, call.attribution);
    if (this.#isShadow) this.#shared[own.shadow] = true;
    this.#span.setAttributes(this.#shared);
  }

  routed({ askedModel, overriddenModel, reason, targets, skipped }: RoutingDecision): void {
    const span = this.#span;
    if (!span.isRecording()) return;
    span.setAttributes({ [own.routingReason]: reason, [own.routingAskedModel]: askedModel });
    if (overriddenModel !== "") span.setAttribute(own.routingOverriddenModel, overriddenModel);
    if (targets.length > 0) span.setAttribute(own.routingTargets, [...targets]);
    if (skipped.length > 0) span.setAttribute(own.routingSkipped, [...skipped]);
  }

  /** The span of a copy. */
  shadow(call: Admission): CallSpan {
    const span = new CallSpan(this.#tracer, this.#content, this.#arrival, this);
    span.admitted(call);
    return span;
  }

  /** Undefined where this RPC's trace is not recorded. */
  attempt(call: Admission, target: AttemptTarget): AttemptSpan | undefined {
    if (!this.#span.isRecording()) return undefined;
    const span = this.#tracer.startSpan(
      `${this.#arrival.operation} ${target.model}`,
      { kind: SpanKind.CLIENT, attributes: { ...this.#shared, ...requestAttributes(this.#arrival, call, target) } },
      trace.setSpan(ROOT_CONTEXT, this.#span),
    );
    const { prompt } = call;
    if (prompt === undefined || !this.#content.features.has(call.attribution.feature)) {
      return new AttemptSpan(span, undefined);
    }
    const { maxChars } = this.#content;
    const { systemInstructions, inputMessages } = recordPrompt(prompt.messages, maxChars);
    if (inputMessages !== undefined) span.setAttribute(attribute.genAiInputMessages, inputMessages);
    if (systemInstructions !== undefined) span.setAttribute(attribute.genAiSystemInstructions, systemInstructions);
    return new AttemptSpan(span, new AnswerContent(maxChars));
  }

  reattempt({ kind, from, to, reason, delayMs }: Reattempt): void {
    this.#span.addEvent(kind, {
      [own.from]: from,
      [own.to]: to,
      [attribute.errorType]: reasonName(reason),
      [own.delayMs]: delayMs,
    });
  }

  ended(end: CallEnd): void {
    const span = this.#span;
    if (span.isRecording()) {
      if (this.#shared === NO_ATTRIBUTES) {
        span.setAttributes(attributionAttributes(this.#arrival.requestId, end.attribution));
      }
      span.setAttribute(own.outcome, end.outcome);
      span.setAttribute(own.attempts, end.attempts.length);
      if (end.queueMs > 0) span.setAttribute(own.queueMs, end.queueMs);
      const status = this.#isShadow ? undefined : statusOf(this.#arrival.system, end.reason);
      if (status !== undefined) span.setAttribute(attribute.rpcResponseStatusCode, status);
      if (end.reason !== ErrorReason.UNSPECIFIED) span.setAttribute(own.reason, reasonName(end.reason));
      if (isFault(end.reason)) {
        span.setAttribute(attribute.errorType, reasonName(end.reason));
        span.setStatus({ code: SpanStatusCode.ERROR, message: reasonName(end.reason) });
      }
    }
    span.end();
  }
}

const NO_ATTRIBUTES: Attributes = {};

/** Name of the status that a reason becomes, as its protocol writes it. Connect has none for success. */
export function statusOf(system: Arrival["system"], reason: ErrorReason): string | undefined {
  if (reason === ErrorReason.UNSPECIFIED) return system === "grpc" ? "OK" : undefined;
  const name = codeName(reasonRow(reason).code);
  return system === "grpc" ? name : connectName(name);
}

/** Connect spells one of the names its own way (https://connectrpc.com/docs/protocol/#error-codes). */
function connectName(name: string): string {
  return name === "CANCELLED" ? "canceled" : name.toLowerCase();
}

/** Whether the gateway or its upstreams are to blame, as the RPC conventions divide the codes. */
export function isFault(reason: ErrorReason): boolean {
  return reason !== ErrorReason.UNSPECIFIED && isServerFault(reasonRow(reason).code);
}

/** The CLIENT span of one attempt. */
export class AttemptSpan {
  readonly #span: Span;
  readonly #answer: AnswerContent | undefined;
  #seconds: number | undefined;

  constructor(span: Span, answer: AnswerContent | undefined) {
    this.#span = span;
    this.#answer = answer;
  }

  get headers(): Readonly<Record<string, string>> {
    return traceHeaders(this.#span);
  }

  firstChunk(afterMs: number): void {
    this.#seconds = afterMs / 1000;
    this.#span.addEvent("first_token");
  }

  came(events: Batch): void {
    this.#answer?.add(events);
  }

  ended(end: AttemptEnd): void {
    const span = this.#span;
    span.setAttributes(responseAttributes(end));
    if (this.#seconds !== undefined) span.setAttribute(attribute.genAiResponseTimeToFirstChunk, this.#seconds);
    const said = this.#answer?.toJson(end.finishReason);
    if (said !== undefined) span.setAttribute(attribute.genAiOutputMessages, said);
    const { outcome, errorReason } = end.attempt;
    // A caller that changes its mind is no error.
    if (errorReason === ErrorReason.CANCELLED) span.setAttribute(own.outcome, "cancelled");
    else if (outcome !== AttemptOutcome.SUCCEEDED) {
      span.setAttribute(attribute.errorType, reasonName(errorReason));
      span.setStatus({ code: SpanStatusCode.ERROR, message: reasonName(errorReason) });
    }
    span.end();
  }
}

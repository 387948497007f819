/** Spans as OTLP carries them, by protobuf or by JSON, made plain values. */

interface WireValue {
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values?: readonly WireValue[] };
}

interface WireAttribute {
  readonly key: string;
  readonly value?: WireValue;
}

/** Ids are bytes in protobuf, and hexadecimal in JSON. */
type WireId = Uint8Array | string | undefined;

interface WireSpan {
  readonly traceId: WireId;
  readonly spanId: WireId;
  readonly parentSpanId?: WireId;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes?: readonly WireAttribute[];
  readonly events?: readonly { readonly name: string; readonly attributes?: readonly WireAttribute[] }[];
  readonly status?: { readonly code?: number; readonly message?: string };
}

export interface WireTraces {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly WireAttribute[] };
    readonly scopeSpans?: readonly {
      readonly scope?: { readonly name: string; readonly version?: string };
      readonly spans?: readonly WireSpan[];
    }[];
  }[];
}

type AttributeValue = string | number | boolean | readonly AttributeValue[] | undefined;

type Attributes = Readonly<Record<string, AttributeValue>>;

export interface ReceivedSpan {
  readonly name: string;
  readonly kind: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty where there is none. */
  readonly parentSpanId: string;
  readonly traceState: string;
  readonly attributes: Attributes;
  readonly events: readonly { readonly name: string; readonly attributes: Attributes }[];
  readonly status: { readonly code: string; readonly message: string };
  readonly startMs: number;
  readonly durationMs: number;
  /** Of the process that sent it. */
  readonly resource: Attributes;
  readonly scope: string;
}

const KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];
const CODES = ["UNSET", "OK", "ERROR"];

export function* readSpans({ resourceSpans = [] }: WireTraces): Generator<ReceivedSpan> {
  for (const { resource, scopeSpans = [] } of resourceSpans) {
    for (const { scope, spans = [] } of scopeSpans) {
      for (const span of spans) {
        yield {
          name: span.name,
          kind: KINDS[span.kind] ?? "?",
          traceId: toHex(span.traceId),
          spanId: toHex(span.spanId),
          parentSpanId: toHex(span.parentSpanId),
          traceState: span.traceState ?? "",
          attributes: toAttributes(span.attributes),
          events: (span.events ?? []).map(({ name, attributes }) => ({ name, attributes: toAttributes(attributes) })),
          status: { code: CODES[span.status?.code ?? 0] ?? "?", message: span.status?.message ?? "" },
          startMs: Number(span.startTimeUnixNano) / 1e6,
          durationMs: Number(BigInt(span.endTimeUnixNano) - BigInt(span.startTimeUnixNano)) / 1e6,
          resource: toAttributes(resource?.attributes),
          scope: `${scope?.name ?? ""} ${scope?.version ?? ""}`,
        };
      }
    }
  }
}

function toHex(id: WireId): string {
  return typeof id === "string" ? id : Buffer.from(id ?? []).toString("hex");
}

function toAttributes(attributes: readonly WireAttribute[] = []): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, toValue(value)]));
}

function toValue(value: WireValue = {}): AttributeValue {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(toValue);
  if (value.intValue !== undefined) return Number(value.intValue);
  return value.stringValue ?? value.boolValue ?? value.doubleValue;
}

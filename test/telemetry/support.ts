/** Gateways that are traced, and spans told as plain values. */
import { onTestFinished } from "vitest";
import { startGateway, type TestGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { type OtlpReceiver, type OtlpReceiverOptions, openOtlpReceiver } from "../support/otlp/receiver.ts";
import type { ReceivedSpan } from "../support/otlp/span.ts";
import { type GatewayScript, toYaml } from "../upstream/support.ts";

/** A collector that closes with the test. */
export async function receive(options?: OtlpReceiverOptions): Promise<OtlpReceiver> {
  const receiver = await openOtlpReceiver(options);
  onTestFinished(() => receiver.close());
  return receiver;
}

export interface TracedScript extends GatewayScript {
  readonly telemetry?: Readonly<Record<string, unknown>>;
  readonly prices?: Readonly<Record<string, unknown>>;
}

/** A gateway that closes with the test. */
export async function serveTraced(
  { telemetry = {}, prices = {}, ...script }: TracedScript,
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const config = { ...(JSON.parse(toYaml(script)) as object), telemetry, prices };
  const gateway = await startGateway(JSON.stringify(config), options);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** What a span says, without what differs from run to run. */
export interface SpanStory {
  readonly name: string;
  readonly kind: string;
  /** Name of the parent, `remote` for one that is not among the spans, `none`. */
  readonly parent: string;
  readonly status: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly (readonly [name: string, attributes: Readonly<Record<string, unknown>>])[];
}

/** Tells spans as stories, a parent before its children, in the order in which they ended. */
export function tell(spans: readonly ReceivedSpan[]): readonly SpanStory[] {
  const names = new Map(spans.map(({ spanId, name }) => [spanId, name]));
  const stories = spans.map(({ name, kind, parentSpanId, status, attributes, events }): SpanStory => {
    const { "sluice.request_id": requestId, ...others } = attributes;
    if (typeof requestId !== "string" || requestId === "") throw new Error(`${name} has no request id`);
    return {
      name,
      kind,
      parent: parentSpanId === "" ? "none" : (names.get(parentSpanId) ?? "remote"),
      status: status.message === "" ? status.code : `${status.code} ${status.message}`,
      attributes: others,
      events: events.map((event) => [event.name, event.attributes]),
    };
  });
  return [...stories.filter(({ kind }) => kind === "SERVER"), ...stories.filter(({ kind }) => kind !== "SERVER")];
}

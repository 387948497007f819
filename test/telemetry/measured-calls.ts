/** Metrics without a gateway: calls are told to them, and the page is read. */
import { create } from "@bufbuild/protobuf";
import { onTestFinished } from "vitest";
import { AttemptSchema } from "../../gen/sluice/v1/attempt_pb.ts";
import { AttributionSchema } from "../../gen/sluice/v1/attribution_pb.ts";
import { emptyConfig } from "../../src/config/load.ts";
import { toTelemetrySettings } from "../../src/config/telemetry.ts";
import { type Attempt, AttemptOutcome, ErrorReason } from "../../src/domain/contract.ts";
import { toDuration } from "../../src/domain/duration.ts";
import type { Arrival, AttemptTarget, CallEnd } from "../../src/domain/watch.ts";
import { type LabelOptions, Labels } from "../../src/telemetry/labels.ts";
import { CallMetrics } from "../../src/telemetry/metrics.ts";
import { openTelemetry } from "../../src/telemetry/open-telemetry.ts";

export interface Measured {
  readonly metrics: CallMetrics;
  /** The page as Prometheus gets it. */
  readonly read: () => Promise<string>;
}

export async function measure(options: Partial<LabelOptions> = {}): Promise<Measured> {
  const { metrics, ...telemetry } = toTelemetrySettings(emptyConfig(), {}, []);
  const otel = await openTelemetry({ ...telemetry, version: "test", metrics: { ...metrics, prometheus: true } });
  onTestFinished(() => otel.close(0));
  const labels = new Labels({ maxFeatures: 100, maxOthers: 100, cohorts: [], models: [], ...options });
  return {
    metrics: new CallMetrics(otel.store, labels),
    read: async () => {
      if (otel.metricsPage === undefined) throw new Error("There is no page.");
      return otel.metricsPage.read();
    },
  };
}

/** A streamed call with a failed attempt, a retry that answers with 20 tokens in 2 s, and all that metrics hear of it. */
export interface Told {
  readonly feature?: string;
  readonly userId?: string;
  readonly sessionId?: string;
  readonly promptVersion?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Of the provider `house`. */
  readonly model?: string;
  readonly servedModel?: string;
  /** Why the first attempt failed. */
  readonly reason?: ErrorReason;
  readonly outcome?: CallEnd["outcome"];
}

const arrival: Arrival = {
  requestId: "r",
  system: "grpc",
  method: "sluice.v1.GatewayService/Stream",
  delivery: "stream",
  operation: "chat",
  traceparent: undefined,
  tracestate: undefined,
};

export function tellCall(metrics: CallMetrics, told: Told): void {
  const { model = "model", reason = ErrorReason.UPSTREAM_ERROR, outcome = "answered" } = told;
  const { feature = "feature", userId = "", sessionId = "", promptVersion = "", metadata = {} } = told;
  const target: AttemptTarget = { provider: "house", vendor: "house", model, host: "127.0.0.1", port: 80 };
  const base = { provider: "house", model, latency: toDuration(2000), timeToFirstToken: toDuration(100) };
  const failed = create(AttemptSchema, { ...base, outcome: AttemptOutcome.FAILED, errorReason: reason });
  const good = create(AttemptSchema, {
    ...base,
    outcome: AttemptOutcome.SUCCEEDED,
    usage: { inputTokens: 5, outputTokens: 20 },
    cost: { totalNanoUsd: 1_000_000_000n },
  });
  const attempts: Attempt[] = outcome === "rejected" ? [] : [failed, good];
  for (const attempt of attempts) {
    const series = metrics.attempt(target, "chat");
    if (attempt === good) {
      metrics.reattempt({ kind: "failover", from: `house/${model}`, to: `annex/${model}`, reason, delayMs: 0 });
      series.timePerOutputChunk.record(0.05);
    }
    const { servedModel = `${model}-2026` } = told;
    metrics.attemptEnded({ attempt, error: undefined, servedModel, responseId: "", finishReason: undefined }, series);
  }
  metrics.callEnded(arrival, {
    attribution: create(AttributionSchema, { feature, userId, sessionId, promptVersion, metadata: { ...metadata } }),
    model: `house/${model}`,
    outcome,
    reason: outcome === "answered" ? ErrorReason.UNSPECIFIED : reason,
    error: undefined,
    provider: attempts.at(-1)?.provider,
    servedModel: undefined,
    finishReason: undefined,
    usage: undefined,
    cost: undefined,
    attempts,
    latencyMs: 4100,
    timeToFirstEventMs: attempts.length === 0 ? undefined : 2200,
    queueMs: 0,
    overheadMs: 3,
  });
}

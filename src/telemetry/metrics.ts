import type { Attributes, Counter, Histogram, Meter } from "@opentelemetry/api";
import { AttemptOutcome } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import { reasonName } from "../domain/reasons.ts";
import type { Arrival, AttemptEnd, AttemptTarget, CallEnd, Reattempt } from "../domain/watch.ts";
import { OPERATION } from "./attributes.ts";
import { BoundedSeries, type Labels, OTHER, withoutModel } from "./labels.ts";
import { attribute, buckets, metric, own, ownMetric } from "./names.ts";
import { isFault, statusOf } from "./spans.ts";

/** Most sets of labels of a counter. With the one for all beyond it, just as many as the SDK keeps apart. */
export const COUNTER_SERIES = 1998;

/** Most sets of labels of a histogram, each of them about 17 lines of the metrics page. */
export const HISTOGRAM_SERIES = 500;

/** Metrics of calls and attempts. Every label has a bounded set of values; none is a user or a session. */
export class CallMetrics {
  readonly #labels: Labels;
  readonly #requestSeries = new BoundedSeries(COUNTER_SERIES);
  readonly #costSeries = new BoundedSeries(COUNTER_SERIES);
  readonly #reattemptSeries = new BoundedSeries(COUNTER_SERIES);
  readonly #callSeries = new BoundedSeries(HISTOGRAM_SERIES);
  readonly #attemptSeries = new BoundedSeries(HISTOGRAM_SERIES);
  readonly #failureSeries = new BoundedSeries(HISTOGRAM_SERIES);
  readonly #rpcDuration: Histogram;
  readonly #operationDuration: Histogram;
  readonly #tokenUsage: Histogram;
  readonly #timeToFirstChunk: Histogram;
  readonly #timePerOutputChunk: Histogram;
  readonly #requests: Counter;
  readonly #retries: Counter;
  readonly #failovers: Counter;
  readonly #cost: Counter;
  readonly #unpriced: Counter;
  readonly #callDuration: Histogram;
  readonly #timeToFirstToken: Histogram;
  readonly #overhead: Histogram;
  readonly #tokensPerSecond: Histogram;

  constructor(meter: Meter, labels: Labels) {
    this.#labels = labels;
    const histogram = (name: string, unit: string, description: string, boundaries: readonly number[]) =>
      meter.createHistogram(name, { unit, description, advice: { explicitBucketBoundaries: [...boundaries] } });
    const counter = (name: string, unit: string, description: string) =>
      meter.createCounter(name, { unit, description });
    const { genAiDuration, genAiTokens, rpcDuration } = buckets;
    this.#rpcDuration = histogram(metric.rpcServerCallDuration, "s", "Duration of RPCs.", rpcDuration);
    this.#operationDuration = histogram(
      metric.genAiClientOperationDuration,
      "s",
      "Duration of attempts, each one request to an upstream.",
      genAiDuration,
    );
    this.#tokenUsage = histogram(
      metric.genAiClientTokenUsage,
      "{token}",
      "Tokens of an attempt, by type.",
      genAiTokens,
    );
    this.#timeToFirstChunk = histogram(
      metric.genAiClientOperationTimeToFirstChunk,
      "s",
      "From an attempt's start to the first piece of its streamed answer.",
      genAiDuration,
    );
    this.#timePerOutputChunk = histogram(
      metric.genAiClientOperationTimePerOutputChunk,
      "s",
      "Between two pieces of a streamed answer.",
      genAiDuration,
    );
    this.#requests = counter(ownMetric.requests, "{request}", "Calls, by how they ended.");
    this.#retries = counter(ownMetric.retries, "{retry}", "Further attempts at the same target.");
    this.#failovers = counter(ownMetric.failovers, "{failover}", "Attempts at the next target.");
    this.#cost = counter(ownMetric.cost, "USD", "Cost of attempts, by known prices.");
    this.#unpriced = counter(ownMetric.unpriced, "{attempt}", "Attempts that used tokens of a model without a price.");
    this.#callDuration = histogram(ownMetric.callDuration, "s", "From a call's arrival to its end.", genAiDuration);
    this.#timeToFirstToken = histogram(
      ownMetric.timeToFirstToken,
      "s",
      "From a streamed call's arrival to the first event of its answer, failed attempts included.",
      genAiDuration,
    );
    this.#overhead = histogram(
      ownMetric.overhead,
      "s",
      "Time that the gateway added: without waits for upstreams, for retries and for the reader.",
      buckets.overhead,
    );
    this.#tokensPerSecond = histogram(
      ownMetric.tokensPerSecond,
      "{token}/s",
      "Tokens of whole streams, after the first one, by the time that they took.",
      buckets.tokensPerSecond,
    );
  }

  /** Time between two pieces of a stream. `labels` as `attemptLabels` gave them. */
  chunk(afterMs: number, labels: Attributes): void {
    this.#timePerOutputChunk.record(afterMs / 1000, labels);
  }

  attemptLabels(target: AttemptTarget): Attributes {
    const labels = (model: string): Attributes => ({
      [attribute.genAiOperationName]: OPERATION,
      [attribute.genAiProviderName]: target.vendor,
      [attribute.genAiRequestModel]: model,
      [attribute.serverAddress]: target.host,
      [attribute.serverPort]: target.port,
      [own.provider]: target.provider,
    });
    return this.#attemptSeries.of(labels(this.#labels.models.of(target.model)), () => labels(OTHER));
  }

  // The SDK keeps the objects that it is given: none is changed after it was recorded with.

  attemptEnded({ attempt, servedModel }: AttemptEnd, start: Attributes): void {
    const labels =
      servedModel === ""
        ? start
        : this.#attemptSeries.of(
            { ...start, [attribute.genAiResponseModel]: this.#labels.servedModels.of(servedModel) },
            () => start,
          );
    const { usage } = attempt;
    if (usage?.inputTokens !== undefined) {
      this.#tokenUsage.record(usage.inputTokens, { ...labels, [attribute.genAiTokenType]: "input" });
    }
    if (usage?.outputTokens !== undefined) {
      this.#tokenUsage.record(usage.outputTokens, { ...labels, [attribute.genAiTokenType]: "output" });
    }
    const totalMs = toMs(attempt.latency) ?? 0;
    const firstMs = toMs(attempt.timeToFirstToken);
    if (firstMs !== undefined) {
      this.#timeToFirstChunk.record(firstMs / 1000, labels);
      const tokens = attempt.outcome === AttemptOutcome.SUCCEEDED ? (usage?.outputTokens ?? 0) : 0;
      if (tokens > 1 && totalMs > firstMs) {
        this.#tokensPerSecond.record(((tokens - 1) * 1000) / (totalMs - firstMs), this.#targetLabels(attempt));
      }
    }
    this.#operationDuration.record(
      totalMs / 1000,
      attempt.outcome === AttemptOutcome.SUCCEEDED
        ? labels
        : this.#failureSeries.of({ ...labels, [attribute.errorType]: reasonName(attempt.errorReason) }, () => ({
            [own.provider]: attempt.provider,
            [attribute.errorType]: reasonName(attempt.errorReason),
          })),
    );
  }

  reattempt({ kind, from, to, reason }: Reattempt): void {
    const counter = kind === "retry" ? this.#retries : this.#failovers;
    const labels = (toName: (target: string) => string): Attributes => ({
      [own.from]: toName(from),
      [own.to]: toName(to),
      [own.reason]: reasonName(reason),
    });
    counter.add(
      1,
      this.#reattemptSeries.of(
        labels((target) => this.#labels.target(target)),
        () => labels(withoutModel),
      ),
    );
  }

  callEnded({ system, method, delivery }: Arrival, end: CallEnd): void {
    const error: Attributes = isFault(end.reason) ? { [attribute.errorType]: reasonName(end.reason) } : {};
    const status = statusOf(system, end.reason);
    this.#rpcDuration.record(end.latencyMs / 1000, {
      [attribute.rpcSystemName]: system,
      [attribute.rpcMethod]: method,
      ...(status === undefined ? {} : { [attribute.rpcResponseStatusCode]: status }),
      ...error,
    });
    const last = end.attempts.at(-1);
    const feature = this.#feature(end);
    const named: Attributes = { [own.feature]: feature, [own.outcome]: end.outcome };
    if (last !== undefined) named[own.provider] = last.provider;
    const labels = this.#callSeries.of(named, () => ({ ...named, [own.feature]: OTHER }));
    this.#callDuration.record(end.latencyMs / 1000, labels);
    if (delivery === "stream" && end.timeToFirstEventMs !== undefined) {
      this.#timeToFirstToken.record(end.timeToFirstEventMs / 1000, labels);
    }
    const all: Attributes = { ...named };
    if (last !== undefined) {
      all[own.model] = this.#labels.models.of(last.model);
      this.#overhead.record(end.overheadMs / 1000, { [own.delivery]: delivery });
    }
    if (end.outcome !== "answered") all[own.reason] = reasonName(end.reason);
    const cohorts = end.outcome === "rejected" ? {} : this.#labels.cohorts(end.attribution);
    this.#requests.add(
      1,
      this.#requestSeries.of({ ...all, ...cohorts }, () => ({ ...all, ...toOther(cohorts) })),
    );
    this.#addCosts(end, feature, cohorts);
  }

  #addCosts({ attempts, attribution }: CallEnd, feature: string, cohorts: Attributes): void {
    for (const attempt of attempts) {
      if (attempt.cost !== undefined) {
        const labels: Attributes = { ...this.#targetLabels(attempt), [own.feature]: feature };
        const details: Attributes = { ...cohorts };
        const version = attribution?.promptVersion ?? "";
        if (version !== "") details[own.promptVersion] = this.#labels.promptVersions.of(version);
        const series = this.#costSeries.of({ ...labels, ...details }, () => ({ ...labels, ...toOther(details) }));
        this.#cost.add(Number(attempt.cost.totalNanoUsd) / 1e9, series);
      } else if (attempt.usage !== undefined) this.#unpriced.add(1, this.#targetLabels(attempt));
    }
  }

  #targetLabels({ provider, model }: AttemptEnd["attempt"]): Attributes {
    return { [own.provider]: provider, [own.model]: this.#labels.models.of(model) };
  }

  /** A request that was refused may name any feature, or none that is valid: it makes no new label. */
  #feature({ outcome, attribution }: CallEnd): string {
    const { features } = this.#labels;
    const name = attribution?.feature ?? "";
    return outcome === "rejected" ? features.find(name) : features.of(name);
  }
}

function toOther(labels: Attributes): Attributes {
  return Object.fromEntries(Object.keys(labels).map((label) => [label, OTHER]));
}

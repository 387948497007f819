import type { Attributes } from "@opentelemetry/api";
import { AttemptOutcome } from "../domain/contract.ts";
import { toMs } from "../domain/duration.ts";
import { reasonName } from "../domain/reasons.ts";
import type { AttemptEnd, AttemptTarget, CallEnd, Operation, Reattempt, RpcKind } from "../domain/watch.ts";
import { createInstruments, type Instruments } from "./call-instruments.ts";
import { BoundedSeries, type Labels, OTHER, withoutModel } from "./labels.ts";
import type { MetricStore } from "./metric-store.ts";
import { attribute, own } from "./names.ts";
import { isFault, statusOf } from "./spans.ts";
import type { CounterSeries, HistogramSeries } from "./stored-instruments.ts";

/** Most sets of labels of a counter. */
export const COUNTER_SERIES = 1998;

/** Most sets of labels of a histogram, each of them about 17 lines of the metrics page. */
export const HISTOGRAM_SERIES = 500;

/** Most ways in which calls end whose series are kept at hand. */
const MAX_KEPT = 2000;

/** Keeps series at hand by what they depend on, so that the usual record needs no labels. */
class Kept<S> {
  readonly #series = new Map<string, S>();

  get(key: string, make: () => S): S {
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= MAX_KEPT) this.#series.clear();
    const series = make();
    this.#series.set(key, series);
    return series;
  }
}

/** Series of attempts at one target. */
export interface AttemptSeries {
  readonly operation: Operation;
  readonly labels: Attributes;
  readonly timePerOutputChunk: HistogramSeries;
}

interface AttemptEndSeries {
  readonly duration: HistogramSeries;
  readonly inputTokens: HistogramSeries;
  readonly outputTokens: HistogramSeries;
  readonly timeToFirstChunk: HistogramSeries;
  readonly tokensPerSecond: HistogramSeries;
}

interface CallEndSeries {
  readonly rpcDuration: HistogramSeries;
  readonly callDuration: HistogramSeries;
  readonly timeToFirstToken: HistogramSeries;
  readonly requests: CounterSeries;
  readonly overhead: HistogramSeries;
}

/** Metrics of calls and attempts. Every label has a bounded set of values; none is a user or a session. */
export class CallMetrics {
  readonly #labels: Labels;
  readonly #instruments: Instruments;
  readonly #requestSeries = new BoundedSeries(COUNTER_SERIES);
  readonly #costSeries = new BoundedSeries(COUNTER_SERIES);
  readonly #reattemptSeries = new BoundedSeries(COUNTER_SERIES);
  readonly #callSeries = new BoundedSeries(HISTOGRAM_SERIES);
  readonly #attemptSeries = new BoundedSeries(HISTOGRAM_SERIES);
  readonly #failureSeries = new BoundedSeries(HISTOGRAM_SERIES);
  readonly #attempts = new Kept<AttemptSeries>();
  readonly #attemptEnds = new Kept<AttemptEndSeries>();
  readonly #callEnds = new Kept<CallEndSeries>();
  readonly #costs = new Kept<CounterSeries>();

  constructor(store: MetricStore, labels: Labels) {
    this.#labels = labels;
    this.#instruments = createInstruments(store);
  }

  attempt(target: AttemptTarget, operation: Operation): AttemptSeries {
    return this.#attempts.get(`${operation} ${target.provider}/${target.model}`, () => {
      const labels = (model: string): Attributes => ({
        [attribute.genAiOperationName]: operation,
        [attribute.genAiProviderName]: target.vendor,
        [attribute.genAiRequestModel]: model,
        [attribute.serverAddress]: target.host,
        [attribute.serverPort]: target.port,
        [own.provider]: target.provider,
      });
      const bounded = this.#attemptSeries.of(labels(this.#labels.models.of(target.model)), () => labels(OTHER));
      return { operation, labels: bounded, timePerOutputChunk: this.#instruments.timePerOutputChunk.series(bounded) };
    });
  }

  attemptEnded(end: AttemptEnd, { operation, labels }: AttemptSeries): void {
    const { attempt, servedModel } = end;
    const target = `${attempt.provider}/${attempt.model}`;
    const key = `${operation} ${target} ${attempt.outcome} ${attempt.errorReason} ${servedModel}`;
    const series = this.#attemptEnds.get(key, () => this.#attemptEndSeries(end, labels));
    const { usage } = attempt;
    if (usage?.inputTokens !== undefined) series.inputTokens.record(usage.inputTokens);
    if (usage?.outputTokens !== undefined) series.outputTokens.record(usage.outputTokens);
    const totalMs = toMs(attempt.latency) ?? 0;
    const firstMs = toMs(attempt.timeToFirstToken);
    if (firstMs !== undefined) {
      series.timeToFirstChunk.record(firstMs / 1000);
      const tokens = attempt.outcome === AttemptOutcome.SUCCEEDED ? (usage?.outputTokens ?? 0) : 0;
      if (tokens > 1 && totalMs > firstMs) series.tokensPerSecond.record(((tokens - 1) * 1000) / (totalMs - firstMs));
    }
    series.duration.record(totalMs / 1000);
  }

  #attemptEndSeries({ attempt, servedModel }: AttemptEnd, start: Attributes): AttemptEndSeries {
    const { operationDuration, tokenUsage, timeToFirstChunk, tokensPerSecond } = this.#instruments;
    const labels =
      servedModel === ""
        ? start
        : this.#attemptSeries.of(
            { ...start, [attribute.genAiResponseModel]: this.#labels.servedModels.of(servedModel) },
            () => start,
          );
    const reason = reasonName(attempt.errorReason);
    const ended =
      attempt.outcome === AttemptOutcome.SUCCEEDED
        ? labels
        : this.#failureSeries.of({ ...labels, [attribute.errorType]: reason }, () => ({
            [own.provider]: attempt.provider,
            [attribute.errorType]: reason,
          }));
    return {
      duration: operationDuration.series(ended),
      inputTokens: tokenUsage.series({ ...labels, [attribute.genAiTokenType]: "input" }),
      outputTokens: tokenUsage.series({ ...labels, [attribute.genAiTokenType]: "output" }),
      timeToFirstChunk: timeToFirstChunk.series(labels),
      tokensPerSecond: tokensPerSecond.series(this.#targetLabels(attempt)),
    };
  }

  reattempt({ kind, from, to, reason }: Reattempt): void {
    const labels = (toName: (target: string) => string): Attributes => ({
      [own.from]: toName(from),
      [own.to]: toName(to),
      [own.reason]: reasonName(reason),
    });
    const bounded = this.#reattemptSeries.of(
      labels((target) => this.#labels.target(target)),
      () => labels(withoutModel),
    );
    this.#instruments.reattempts[kind].series(bounded).add(1);
  }

  /** A copy of a call ended: it counts in nothing that callers' calls count in. */
  shadowEnded({ attempts, outcome }: CallEnd): void {
    for (const attempt of attempts) {
      const labels = this.#targetLabels(attempt);
      this.#instruments.shadowRequests.series({ ...labels, [own.outcome]: outcome }).add(1);
      if (attempt.cost === undefined) continue;
      this.#instruments.shadowCost.series(labels).add(Number(attempt.cost.totalNanoUsd) / 1e9);
    }
  }

  shadowDropped(target: AttemptTarget): void {
    this.#instruments.shadowRequests.series({ ...this.#targetLabels(target), [own.outcome]: "dropped" }).add(1);
  }

  callEnded(arrival: RpcKind, end: CallEnd): void {
    const last = end.attempts.at(-1);
    const feature = this.#feature(end);
    const cohorts = end.outcome === "rejected" ? {} : this.#labels.cohorts(end.attribution);
    const asked = last === undefined ? "" : `${last.provider}/${last.model}`;
    const kept = `${arrival.system} ${arrival.operation} ${arrival.delivery} ${end.outcome} ${end.reason} ${feature} ${asked}`;
    const cohortKey = Object.values(cohorts).join("\u0000");
    const series = this.#callEnds.get(`${kept} ${cohortKey}`, () =>
      this.#callEndSeries(arrival, end, feature, cohorts),
    );
    series.rpcDuration.record(end.latencyMs / 1000);
    series.callDuration.record(end.latencyMs / 1000);
    if (arrival.delivery === "stream" && end.timeToFirstEventMs !== undefined) {
      series.timeToFirstToken.record(end.timeToFirstEventMs / 1000);
    }
    if (last !== undefined) series.overhead.record(end.overheadMs / 1000);
    if (end.queueMs > 0) this.#instruments.queueWait.series({ [own.outcome]: end.outcome }).record(end.queueMs / 1000);
    series.requests.add(1);
    this.#addCosts(end, feature, cohorts, cohortKey);
  }

  #callEndSeries({ system, method, operation, delivery }: RpcKind, end: CallEnd, feature: string, cohorts: Attributes) {
    const { rpcDuration, callDuration, timeToFirstToken, overhead, requests } = this.#instruments;
    const error: Attributes = isFault(end.reason) ? { [attribute.errorType]: reasonName(end.reason) } : {};
    const status = statusOf(system, end.reason);
    const last = end.attempts.at(-1);
    const named: Attributes = { [own.feature]: feature, [own.outcome]: end.outcome };
    if (operation !== "chat") named[own.operation] = operation;
    if (last !== undefined) named[own.provider] = last.provider;
    const labels = this.#callSeries.of(named, () => ({ ...named, [own.feature]: OTHER }));
    const all: Attributes = { ...named };
    if (last !== undefined) all[own.model] = this.#labels.models.of(last.model);
    if (end.outcome !== "answered") all[own.reason] = reasonName(end.reason);
    return {
      rpcDuration: rpcDuration.series({
        [attribute.rpcSystemName]: system,
        [attribute.rpcMethod]: method,
        ...(status === undefined ? {} : { [attribute.rpcResponseStatusCode]: status }),
        ...error,
      }),
      callDuration: callDuration.series(labels),
      timeToFirstToken: timeToFirstToken.series(labels),
      overhead: overhead.series({ [own.delivery]: delivery }),
      requests: requests.series(
        this.#requestSeries.of({ ...all, ...cohorts }, () => ({ ...all, ...toOther(cohorts) })),
      ),
    };
  }

  #addCosts({ attempts, attribution }: CallEnd, feature: string, cohorts: Attributes, cohortKey: string): void {
    const version = attribution?.promptVersion ?? "";
    for (const attempt of attempts) {
      if (attempt.cost !== undefined) {
        const key = `${attempt.provider}/${attempt.model} ${feature} ${version} ${cohortKey}`;
        const series = this.#costs.get(key, () => {
          const labels: Attributes = { ...this.#targetLabels(attempt), [own.feature]: feature };
          const details: Attributes = { ...cohorts };
          if (version !== "") details[own.promptVersion] = this.#labels.promptVersions.of(version);
          return this.#instruments.cost.series(
            this.#costSeries.of({ ...labels, ...details }, () => ({ ...labels, ...toOther(details) })),
          );
        });
        series.add(Number(attempt.cost.totalNanoUsd) / 1e9);
      } else if (attempt.usage !== undefined) {
        this.#instruments.unpriced.series(this.#targetLabels(attempt)).add(1);
      }
    }
  }

  #targetLabels({ provider, model }: Pick<AttemptTarget, "provider" | "model">): Attributes {
    return { [own.provider]: provider, [own.model]: this.#labels.models.of(model) };
  }

  /** A request that was refused may name any feature, or none that is valid: it makes no new label. Nor does none. */
  #feature({ outcome, attribution }: CallEnd): string {
    const { features } = this.#labels;
    const name = attribution?.feature ?? "";
    return outcome === "rejected" || name === "" ? features.find(name) : features.of(name);
  }
}

function toOther(labels: Attributes): Attributes {
  return Object.fromEntries(Object.keys(labels).map((label) => [label, OTHER]));
}

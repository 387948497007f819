import type { MetricStore } from "./metric-store.ts";
import { buckets, metric, ownMetric } from "./names.ts";

/** The instruments of calls and attempts: names, units and buckets of the conventions, and the gateway's own. */
export function createInstruments(store: MetricStore) {
  const histogram = (name: string, unit: string, description: string, boundaries: readonly number[]) =>
    store.histogram({ name, unit, description }, boundaries);
  const counter = (name: string, unit: string, description: string) => store.counter({ name, unit, description });
  const { genAiDuration, genAiTokens, rpcDuration } = buckets;
  return {
    rpcDuration: histogram(metric.rpcServerCallDuration, "s", "Duration of RPCs.", rpcDuration),
    operationDuration: histogram(
      metric.genAiClientOperationDuration,
      "s",
      "Duration of attempts, each one request to an upstream.",
      genAiDuration,
    ),
    tokenUsage: histogram(metric.genAiClientTokenUsage, "{token}", "Tokens of an attempt, by type.", genAiTokens),
    timeToFirstChunk: histogram(
      metric.genAiClientOperationTimeToFirstChunk,
      "s",
      "From an attempt's start to the first piece of its streamed answer.",
      genAiDuration,
    ),
    timePerOutputChunk: histogram(
      metric.genAiClientOperationTimePerOutputChunk,
      "s",
      "Between two pieces of a streamed answer.",
      genAiDuration,
    ),
    requests: counter(ownMetric.requests, "{request}", "Calls, by how they ended."),
    /** By their kind. */
    reattempts: {
      retry: counter(ownMetric.retries, "{retry}", "Further attempts at the same target."),
      failover: counter(ownMetric.failovers, "{failover}", "Attempts at the next target."),
      hedge: counter(ownMetric.hedges, "{hedge}", "Attempts at a second target, as the first had nothing to show yet."),
      restart: counter(ownMetric.restarts, "{restart}", "Streams that began anew after they had shown something."),
      continue: counter(
        ownMetric.continuations,
        "{continuation}",
        "Streams that went on with the rest of their text after they had shown some of it.",
      ),
    },
    cost: counter(ownMetric.cost, "USD", "Cost of attempts, by known prices."),
    unpriced: counter(ownMetric.unpriced, "{attempt}", "Attempts that used tokens of a model without a price."),
    shadowRequests: counter(
      ownMetric.shadowRequests,
      "{request}",
      "Copies of calls for shadows, by how they ended; dropped where too many ran.",
    ),
    shadowCost: counter(
      ownMetric.shadowCost,
      "USD",
      "Cost of copies for shadows, by known prices. Not in sluice.cost.",
    ),
    callDuration: histogram(ownMetric.callDuration, "s", "From a call's arrival to its end.", genAiDuration),
    timeToFirstToken: histogram(
      ownMetric.timeToFirstToken,
      "s",
      "From a streamed call's arrival to the first event of its answer, failed attempts included.",
      genAiDuration,
    ),
    overhead: histogram(
      ownMetric.overhead,
      "s",
      "Time that the gateway added: without waits for upstreams, for retries and for the reader.",
      buckets.overhead,
    ),
    queueWait: histogram(
      ownMetric.queueWait,
      "s",
      "Wait of calls for a place in the process, of those that had to.",
      buckets.overhead,
    ),
    tokensPerSecond: histogram(
      ownMetric.tokensPerSecond,
      "{token}/s",
      "Tokens of whole streams, after the first one, by the time that they took.",
      buckets.tokensPerSecond,
    ),
  };
}

export type Instruments = ReturnType<typeof createInstruments>;

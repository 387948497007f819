/**
 * Names of the OpenTelemetry semantic conventions 1.45 (RPC stable, GenAI in development) and the gateway's own. Copied
 * from `@opentelemetry/semantic-conventions`, as it asks of those who use unstable names; a test compares them.
 */
export const attribute = {
  rpcSystemName: "rpc.system.name",
  rpcMethod: "rpc.method",
  rpcResponseStatusCode: "rpc.response.status_code",
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port",
  userId: "user.id",
  sessionId: "session.id",
  genAiOperationName: "gen_ai.operation.name",
  genAiProviderName: "gen_ai.provider.name",
  genAiEmbeddingsDimensionCount: "gen_ai.embeddings.dimension.count",
  genAiOutputType: "gen_ai.output.type",
  genAiRequestModel: "gen_ai.request.model",
  genAiRequestStream: "gen_ai.request.stream",
  genAiRequestMaxTokens: "gen_ai.request.max_tokens",
  genAiRequestTemperature: "gen_ai.request.temperature",
  genAiRequestTopP: "gen_ai.request.top_p",
  genAiRequestTopK: "gen_ai.request.top_k",
  genAiRequestSeed: "gen_ai.request.seed",
  genAiRequestFrequencyPenalty: "gen_ai.request.frequency_penalty",
  genAiRequestPresencePenalty: "gen_ai.request.presence_penalty",
  genAiRequestStopSequences: "gen_ai.request.stop_sequences",
  genAiResponseId: "gen_ai.response.id",
  genAiResponseModel: "gen_ai.response.model",
  genAiResponseFinishReasons: "gen_ai.response.finish_reasons",
  genAiResponseTimeToFirstChunk: "gen_ai.response.time_to_first_chunk",
  genAiUsageInputTokens: "gen_ai.usage.input_tokens",
  genAiUsageOutputTokens: "gen_ai.usage.output_tokens",
  genAiUsageCacheReadInputTokens: "gen_ai.usage.cache_read.input_tokens",
  genAiUsageCacheCreationInputTokens: "gen_ai.usage.cache_creation.input_tokens",
  genAiUsageReasoningOutputTokens: "gen_ai.usage.reasoning.output_tokens",
  genAiTokenType: "gen_ai.token.type",
  genAiInputMessages: "gen_ai.input.messages",
  genAiOutputMessages: "gen_ai.output.messages",
  genAiSystemInstructions: "gen_ai.system_instructions",
} as const;

export const metric = {
  rpcServerCallDuration: "rpc.server.call.duration",
  genAiClientOperationDuration: "gen_ai.client.operation.duration",
  genAiClientTokenUsage: "gen_ai.client.token.usage",
  genAiClientOperationTimeToFirstChunk: "gen_ai.client.operation.time_to_first_chunk",
  genAiClientOperationTimePerOutputChunk: "gen_ai.client.operation.time_per_output_chunk",
  nodejsEventloopDelayMax: "nodejs.eventloop.delay.max",
  nodejsEventloopDelayMean: "nodejs.eventloop.delay.mean",
  nodejsEventloopDelayP50: "nodejs.eventloop.delay.p50",
  nodejsEventloopDelayP99: "nodejs.eventloop.delay.p99",
} as const;

/** What the conventions have no name for. */
export const own = {
  requestId: "sluice.request_id",
  feature: "sluice.feature",
  promptVersion: "sluice.prompt_version",
  provider: "sluice.provider",
  model: "sluice.model",
  outcome: "sluice.outcome",
  reason: "sluice.reason",
  delivery: "sluice.delivery",
  operation: "sluice.operation",
  from: "sluice.from",
  to: "sluice.to",
  delayMs: "sluice.delay_ms",
  attempts: "sluice.attempts",
  costNanoUsd: "sluice.cost_nano_usd",
  estimated: "sluice.estimated",
  connectionState: "sluice.connection.state",
  routingReason: "sluice.routing.reason",
  routingAskedModel: "sluice.routing.asked_model",
  routingOverriddenModel: "sluice.routing.overridden_model",
  routingTargets: "sluice.routing.targets",
  routingSkipped: "sluice.routing.skipped",
  shadow: "sluice.shadow",
  /** Followed by the key of the caller's metadata. */
  metadataPrefix: "sluice.metadata.",
  /** Followed by the name of the cohort, a key of the caller's metadata. */
  cohortPrefix: "sluice.cohort.",
} as const;

export const ownMetric = {
  requests: "sluice.requests",
  retries: "sluice.retries",
  failovers: "sluice.failovers",
  hedges: "sluice.hedges",
  restarts: "sluice.restarts",
  cost: "sluice.cost",
  shadowRequests: "sluice.shadow.requests",
  shadowCost: "sluice.shadow.cost",
  unpriced: "sluice.cost.unpriced",
  callDuration: "sluice.call.duration",
  timeToFirstToken: "sluice.time_to_first_token",
  overhead: "sluice.overhead",
  tokensPerSecond: "sluice.output_tokens_per_second",
  openCalls: "sluice.calls.open",
  upstreamConnections: "sluice.upstream.connections",
  pricesUpdated: "sluice.prices.updated",
  configReloads: "sluice.config.reloads",
} as const;

/** Bucket boundaries: the conventions', and for durations of our own the same. */
export const buckets = {
  rpcDuration: [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10],
  genAiDuration: [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
  genAiTokens: [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864],
  overhead: [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  tokensPerSecond: [1, 2.5, 5, 10, 20, 40, 60, 80, 100, 150, 200, 400, 800, 1600],
} as const;

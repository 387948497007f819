import type { Attributes } from "@opentelemetry/api";
import {
  type Attribution,
  type FinishReason,
  FinishReason as FinishReasons,
  type Prompt,
  type Usage,
} from "../domain/contract.ts";
import type { Admission, Arrival, AttemptEnd, AttemptTarget } from "../domain/watch.ts";
import { attribute, own } from "./names.ts";

/** Attributes that both kinds of spans have: whose call it is. */
export function attributionAttributes(requestId: string, attribution: Attribution | undefined): Attributes {
  const attributes: Attributes = { [own.requestId]: requestId };
  if (attribution === undefined) return attributes;
  const { feature, userId, sessionId, promptVersion, metadata } = attribution;
  attributes[own.feature] = feature;
  if (userId !== "") attributes[attribute.userId] = userId;
  if (sessionId !== "") attributes[attribute.sessionId] = sessionId;
  if (promptVersion !== "") attributes[own.promptVersion] = promptVersion;
  for (const [key, value] of Object.entries(metadata)) attributes[own.metadataPrefix + key] = value;
  return attributes;
}

/** What is known of an attempt before it begins, in the GenAI conventions' words. */
export function requestAttributes(
  { operation, delivery }: Pick<Arrival, "operation" | "delivery">,
  { prompt, input }: Admission,
  target: AttemptTarget,
): Attributes {
  const attributes: Attributes = {
    [attribute.genAiOperationName]: operation,
    [attribute.genAiProviderName]: target.vendor,
    [attribute.genAiRequestModel]: target.model,
    ...(target.host === "" ? {} : { [attribute.serverAddress]: target.host, [attribute.serverPort]: target.port }),
    [own.provider]: target.provider,
  };
  if (delivery === "stream") attributes[attribute.genAiRequestStream] = true;
  set(attributes, attribute.genAiEmbeddingsDimensionCount, input?.dimensions);
  if (prompt !== undefined) addPrompt(attributes, prompt);
  return attributes;
}

function addPrompt(attributes: Attributes, prompt: Prompt): void {
  set(attributes, attribute.genAiRequestMaxTokens, prompt.maxOutputTokens);
  set(attributes, attribute.genAiRequestTemperature, prompt.temperature);
  set(attributes, attribute.genAiRequestTopP, prompt.topP);
  set(attributes, attribute.genAiRequestTopK, prompt.topK);
  set(attributes, attribute.genAiRequestSeed, prompt.seed === undefined ? undefined : Number(prompt.seed));
  set(attributes, attribute.genAiRequestFrequencyPenalty, prompt.frequencyPenalty);
  set(attributes, attribute.genAiRequestPresencePenalty, prompt.presencePenalty);
  if (prompt.stopSequences.length > 0) attributes[attribute.genAiRequestStopSequences] = [...prompt.stopSequences];
  const format = prompt.responseFormat?.format.case;
  if (format !== undefined) attributes[attribute.genAiOutputType] = format === "text" ? "text" : "json";
}

/** What an attempt brought. Usage stands here and nowhere else, so that nothing is counted twice. */
export function responseAttributes(end: AttemptEnd): Attributes {
  const { attempt, servedModel, responseId, finishReason } = end;
  const attributes: Attributes = {};
  if (servedModel !== "") attributes[attribute.genAiResponseModel] = servedModel;
  if (responseId !== "") attributes[attribute.genAiResponseId] = responseId;
  if (finishReason !== undefined) attributes[attribute.genAiResponseFinishReasons] = [finishReasonName(finishReason)];
  addUsage(attributes, attempt.usage);
  if (attempt.cost !== undefined) attributes[own.costNanoUsd] = Number(attempt.cost.totalNanoUsd);
  if (attempt.usage?.estimated === true) attributes[own.estimated] = true;
  return attributes;
}

function addUsage(attributes: Attributes, usage: Usage | undefined): void {
  if (usage === undefined) return;
  set(attributes, attribute.genAiUsageInputTokens, usage.inputTokens);
  set(attributes, attribute.genAiUsageOutputTokens, usage.outputTokens);
  set(attributes, attribute.genAiUsageCacheReadInputTokens, usage.cacheReadTokens);
  set(attributes, attribute.genAiUsageCacheCreationInputTokens, usage.cacheWriteTokens);
  set(attributes, attribute.genAiUsageReasoningOutputTokens, usage.reasoningTokens);
}

function set(attributes: Attributes, name: string, value: number | undefined): void {
  if (value !== undefined) attributes[name] = value;
}

const finishReasonNames = new Map<number, string>(
  Object.entries(FinishReasons).map(([name, value]) => [value, name.toLowerCase()]),
);

export function finishReasonName(reason: FinishReason): string {
  return finishReasonNames.get(reason) ?? "unspecified";
}

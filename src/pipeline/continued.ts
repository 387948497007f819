import type { Answer } from "../domain/call.ts";
import { type Message, type Prompt, ReasoningEffort, Role, ToolChoiceMode } from "../domain/contract.ts";
import { estimateTokens } from "../pricing/estimate.ts";
import type { Target } from "../provider/upstream.ts";
import { Joint } from "./joint.ts";
import type { Unfinished } from "./shown.ts";
import type { RoutedCall } from "./stages.ts";

/** A call for the rest of an answer. */
export interface Continued {
  readonly call: RoutedCall;
  readonly unfinished: Unfinished;
  readonly joint: Joint;
}

/**
 * The call by which a target goes on with an answer: its prompt ends with the text so far, and its limit is what that
 * text leaves of the caller's, by the gateway's count, and at least 1. Undefined where the target has to begin anew: it
 * is not known to go on, or nobody knows how it would with this prompt.
 */
export function findContinued(call: RoutedCall, unfinished: Unfinished, target: Target): Continued | undefined {
  const { prompt } = call;
  const { provider, model } = target;
  const continuation = provider.continuation(model);
  if (continuation === undefined || !goesOnSafely(prompt) || prompt.providerOptions[provider.name] !== undefined) {
    return undefined;
  }
  const { text, reasoning } = unfinished;
  const joint = new Joint(text, continuation.echoes);
  const { maxOutputTokens } = prompt;
  const left = maxOutputTokens === undefined ? undefined : maxOutputTokens - estimateTokens(text + reasoning, model);
  const continued: Prompt = {
    ...prompt,
    messages: [...prompt.messages, toMessage(joint.beginning)],
    ...(left === undefined ? {} : { maxOutputTokens: Math.max(1, left) }),
  };
  return { call: { ...call, prompt: continued }, unfinished, joint };
}

/**
 * Servers hold an answer to a form, or to a tool, from its first token on: with the beginning given, they would ask for
 * all of it again. Models that are to think would have to do so before the beginning. And where the caller gave a
 * beginning, nobody knows whether the answer went on with it.
 */
function goesOnSafely({ messages, responseFormat, toolChoice, reasoning }: Prompt): boolean {
  const format = responseFormat?.format.case;
  const choice = toolChoice?.choice;
  const amount = reasoning?.amount;
  const forcesTool =
    choice?.case === "toolName" || (choice?.case === "mode" && choice.value === ToolChoiceMode.REQUIRED);
  const thinks =
    (amount?.case === "effort" && amount.value !== ReasoningEffort.NONE) ||
    (amount?.case === "budgetTokens" && amount.value > 0);
  const formed = format === "jsonObject" || format === "jsonSchema";
  return !formed && !forcesTool && !thinks && messages.at(-1)?.role !== Role.ASSISTANT;
}

function toMessage(text: string): Message {
  const part = { $typeName: "sluice.v1.Part" as const, content: { case: "text" as const, value: text }, citations: [] };
  return { $typeName: "sluice.v1.Message", role: Role.ASSISTANT, parts: [part] };
}

/**
 * Whether an answer goes on with the text that it was given. One that thinks first has begun anew; or it is the text,
 * which a server takes for thoughts since it saw no end of these.
 */
export function goesOn({ first }: Answer): boolean {
  const opening = first.find((event) => event.case === "blockStart");
  return opening?.value.block.case !== "reasoning";
}

import { type Prompt, ToolChoiceMode } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { Delivery } from "../../domain/event.ts";
import type { DialectTarget, EncodedRequest } from "../dialect.ts";
import { asRecord, type JsonRecord } from "../json.ts";
import { unsupported } from "../unsupported.ts";
import { encodeMessages } from "./encode-messages.ts";
import { answersByTool, encodeTools } from "./encode-tools.ts";
import { type Family, findFamily } from "./quirks.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** What `provider_options` may not set: the contract says it, or it would be another conversation. */
const RESERVED = new Set(["modelId", "messages", "system"]);

/** Writes a prompt as the body of Converse or ConverseStream. */
export function encode(prompt: Prompt, target: DialectTarget, delivery: Delivery): EncodedRequest {
  refuseMissing(prompt, target);
  const family = findFamily(target.model);
  const { system, messages } = encodeMessages(prompt.messages, target, family);
  const inferenceConfig = encodeInference(prompt);
  const additional = encodeAdditional(prompt, target, family);
  const written: WireRequestBody = {
    messages,
    ...(system.length === 0 ? {} : { system }),
    ...(Object.keys(inferenceConfig).length === 0 ? {} : { inferenceConfig }),
    ...encodeTools(prompt, messages, target, family),
    ...(Object.keys(additional).length === 0 ? {} : { additionalModelRequestFields: additional }),
  };
  const operation = delivery === "stream" ? "converse-stream" : "converse";
  return {
    // A model may be an ARN, with colons and slashes.
    path: `/model/${encodeURIComponent(target.model)}/${operation}`,
    headers: {
      "content-type": "application/json",
      accept: delivery === "stream" ? "application/vnd.amazon.eventstream" : "application/json",
    },
    body: JSON.stringify(addProviderOptions(written, prompt, target)),
  };
}

function refuseMissing(prompt: Prompt, target: DialectTarget): void {
  const missing: readonly (readonly [string, unknown])[] = [
    ["seed", prompt.seed],
    ["frequency_penalty", prompt.frequencyPenalty],
    ["presence_penalty", prompt.presencePenalty],
    ["logprobs", prompt.logprobs],
  ];
  for (const [field, value] of missing) if (value !== undefined) throw unsupported(`prompt.${field}`, target);
}

function encodeInference({ maxOutputTokens, temperature, topP, stopSequences }: Prompt): JsonRecord {
  return {
    ...(maxOutputTokens === undefined ? {} : { maxTokens: maxOutputTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(stopSequences.length === 0 ? {} : { stopSequences }),
  };
}

/** What goes to the model past Converse, in the model's own words. */
function encodeAdditional(prompt: Prompt, target: DialectTarget, family: Family): JsonRecord {
  const fields: Record<string, unknown> = { ...encodeReasoning(prompt, target, family) };
  if (prompt.topK !== undefined) {
    if (family.topK === undefined) throw unsupported("prompt.top_k", target);
    Object.assign(fields, family.topK(prompt.topK));
  }
  // Several at once is what all models may do anyway.
  if (prompt.parallelToolCalls === false && prompt.tools.length > 0) {
    const choice = prompt.toolChoice?.choice;
    const unforced = choice === undefined || choice.value === ToolChoiceMode.AUTO;
    const free = unforced && !answersByTool(prompt, family);
    if (family.oneCall === undefined || !free) throw unsupported("prompt.parallel_tool_calls", target);
    Object.assign(fields, family.oneCall);
  }
  return fields;
}

function encodeReasoning(prompt: Prompt, target: DialectTarget, family: Family): JsonRecord {
  const amount = prompt.reasoning?.amount;
  switch (amount?.case) {
    case "effort": {
      const fields = family.efforts[amount.value];
      if (fields !== undefined) return fields;
      throw unsupported("prompt.reasoning.effort", target, "choose another effort, a budget or another model");
    }
    case "budgetTokens": {
      const fields = family.budget(amount.value);
      if (fields !== undefined) return fields;
      throw unsupported("prompt.reasoning.budget_tokens", target, "give an effort instead or choose another model");
    }
    default:
      return {};
  }
}

function addProviderOptions(body: JsonRecord, prompt: Prompt, target: DialectTarget): JsonRecord {
  const options = prompt.providerOptions[target.provider];
  if (options === undefined) return body;
  const path = `prompt.provider_options[${JSON.stringify(target.provider)}]`;
  for (const name of Object.keys(options)) if (RESERVED.has(name)) throw taken(`${path}.${name}`);
  return merge(body, options as JsonRecord, path);
}

/**
 * Puts the caller's fields beside those that are written, at every depth: a model's own settings share an object with
 * those that Sluice writes. Tools are added to the list, so that those of the provider can join the caller's.
 */
function merge(written: JsonRecord, more: JsonRecord, path: string): JsonRecord {
  const merged = new Map(Object.entries(written));
  for (const [name, value] of Object.entries(more)) {
    const field = `${path}.${name}`;
    const own = Object.hasOwn(written, name) ? written[name] : undefined;
    const inner = asRecord(own);
    const added = asRecord(value);
    if (own === undefined) merged.set(name, value);
    else if (inner !== undefined && added !== undefined) merged.set(name, merge(inner, added, field));
    else if (name === "tools" && Array.isArray(own) && Array.isArray(value)) merged.set(name, [...own, ...value]);
    else throw taken(field);
  }
  return Object.fromEntries(merged);
}

function taken(field: string): Error {
  return invalidRequest([{ field, description: "is written by Sluice from the contract's own fields" }]);
}

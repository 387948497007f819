import type { Prompt } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { Delivery } from "../../domain/event.ts";
import type { DialectTarget, EncodedRequest } from "../dialect.ts";
import type { JsonRecord } from "../json.ts";
import { addOptions, optionField, optionsFor } from "../provider-options.ts";
import { unsupported } from "../unsupported.ts";
import { encodeMessages, shorten } from "./encode-messages.ts";
import { encodeReasoning } from "./encode-reasoning.ts";
import { encodeTools } from "./encode-tools.ts";
import { familyOf } from "./models.ts";
import type { Quirks } from "./quirks.ts";
import type { Scope } from "./scope.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** What `provider_options` may not set: the contract says it, or the answer could not be told in its terms. */
const RESERVED = new Set(["model", "messages", "system", "stream", "anthropic_version"]);

/** Names of beta features, as `provider_options` give them: a list. Goes to where the platform wants it. */
const BETAS = "anthropic_beta";

/** Writes a prompt as the body of a message request. */
export function encode(prompt: Prompt, target: DialectTarget, delivery: Delivery, quirks: Quirks): EncodedRequest {
  const family = familyOf(target.model);
  const maxTokens = prompt.maxOutputTokens ?? family.maxTokens;
  const scope: Scope = { prompt, target, family, quirks, betas: new Set(), maxTokens };
  checkFields(scope);
  const { thinking, effort, budgeted } = encodeReasoning(scope);
  checkSampling(scope, budgeted);
  const { system, messages } = encodeMessages(scope);
  const { tools, choice, format } = encodeTools(scope, budgeted);
  const body: WireRequestBody = {
    ...quirks.fields(target.model),
    max_tokens: maxTokens,
    ...(system.length === 0 ? {} : { system: shorten(system) }),
    messages: messages.map(({ role, content }) => ({ role, content: shorten(content) })),
    ...(delivery === "stream" ? { stream: true } : {}),
    ...(choice === undefined ? {} : { tool_choice: choice }),
  };
  if (prompt.temperature !== undefined) body.temperature = prompt.temperature;
  if (prompt.topP !== undefined) body.top_p = prompt.topP;
  if (prompt.topK !== undefined) body.top_k = prompt.topK;
  if (prompt.stopSequences.length > 0) body.stop_sequences = prompt.stopSequences;
  if (thinking !== undefined) body.thinking = thinking;
  if (effort !== undefined || format !== undefined) {
    body.output_config = { ...(effort === undefined ? {} : { effort }), ...(format === undefined ? {} : { format }) };
  }
  addOptions(body, optionsFor(prompt, target) ?? {}, RESERVED, target);
  addTools(body, tools, scope);
  return {
    path: quirks.path(target.model, delivery),
    headers: {
      "content-type": "application/json",
      accept: delivery === "stream" ? "text/event-stream" : "application/json",
      ...quirks.headers,
      ...takeBetas(body, scope),
    },
    body: JSON.stringify(body),
  };
}

/** What the wire has no field for. */
function checkFields({ prompt, target }: Scope): void {
  const lacking = {
    seed: prompt.seed,
    frequency_penalty: prompt.frequencyPenalty,
    presence_penalty: prompt.presencePenalty,
    logprobs: prompt.logprobs,
  };
  for (const [field, value] of Object.entries(lacking)) {
    if (value !== undefined) throw unsupported(`prompt.${field}`, target);
  }
}

/**
 * Sources: Claude API reference, "Create a message"; "Extended thinking" for what a budget bars; the migration guides of 4.1 (temperature
 * or top_p) and 4.7 (neither); read 2026-11.
 */
function checkSampling({ prompt, family, target }: Scope, budgeted: boolean): void {
  const { temperature, topP, topK } = prompt;
  const refuse = (field: string, advice?: string): never => {
    throw unsupported(`prompt.${field}`, target, advice);
  };
  if (!family.sampling) {
    if (temperature !== undefined) refuse("temperature");
    if (topP !== undefined) refuse("top_p");
    if (topK !== undefined) refuse("top_k");
  }
  if (temperature !== undefined && temperature > 1) refuse("temperature", "give at most 1 or choose another model");
  if (temperature !== undefined && topP !== undefined && !family.bothSamplings) {
    refuse("top_p", "leave it or prompt.temperature out, or choose another model");
  }
  if (!budgeted) return;
  const advice = "leave it or prompt.reasoning out";
  if (temperature !== undefined && temperature !== 1) refuse("temperature", advice);
  if (topP !== undefined && topP < 0.95) refuse("top_p", `${advice}, or give at least 0.95`);
  if (topK !== undefined) refuse("top_k", advice);
}

/** The caller's tools; those that run at the provider come through `provider_options` and stand behind them. */
function addTools(body: WireRequestBody, tools: readonly JsonRecord[], { target }: Scope): void {
  const hosted = body.tools ?? [];
  if (!Array.isArray(hosted))
    throw invalidRequest([{ field: optionField("tools", target), description: "is no list" }]);
  if (tools.length > 0) body.tools = [...tools, ...hosted];
}

/** Takes the names of beta features out of the body, and puts them and those of the request to where they belong. */
function takeBetas(body: WireRequestBody, { betas, quirks, target }: Scope): Readonly<Record<string, string>> {
  const asked = body[BETAS] ?? [];
  if (!Array.isArray(asked) || !asked.every((name) => typeof name === "string" && /^[\w.-]+$/.test(name))) {
    throw invalidRequest([{ field: optionField(BETAS, target), description: "is no list of names" }]);
  }
  const all = [...new Set([...betas, ...asked])];
  delete body[BETAS];
  if (all.length === 0) return {};
  if (quirks.betas === "header") return { "anthropic-beta": all.join(",") };
  body[BETAS] = all;
  return {};
}

import { type Prompt, ReasoningEffort, type Tool, ToolChoiceMode } from "../../domain/contract.ts";
import type { DialectTarget } from "../dialect.ts";
import { effortWords } from "../openai-efforts.ts";
import { optionField, optionsFor } from "../provider-options.ts";
import { parseSchema } from "../schema.ts";
import { encodeSeed } from "../seed.ts";
import { unsupported } from "../unsupported.ts";
import { Asked } from "./asked.ts";
import { encodeMessages } from "./encode-messages.ts";
import type { Scope } from "./scope.ts";
import { forms } from "./versions.ts";
import type { SdkCallOptions, SdkModel, SdkPart } from "./wire-types.ts";

/** A call as a package takes it, and what of it must not be dropped. */
export interface EncodedCall {
  readonly options: SdkCallOptions;
  readonly asked: Asked;
}

const OWN_OPTION = "give it in prompt.provider_options, as the package calls it";

/** Fields of a call by the contract's names of what they say. */
export const contractFields: Readonly<Record<string, string>> = {
  maxOutputTokens: "prompt.max_output_tokens",
  temperature: "prompt.temperature",
  topP: "prompt.top_p",
  topK: "prompt.top_k",
  stopSequences: "prompt.stop_sequences",
  seed: "prompt.seed",
  frequencyPenalty: "prompt.frequency_penalty",
  presencePenalty: "prompt.presence_penalty",
  responseFormat: "prompt.response_format",
  reasoning: "prompt.reasoning",
  tools: "prompt.tools",
  toolChoice: "prompt.tool_choice",
};

/** Writes a prompt as a call of an AI SDK model. */
export function encode(
  prompt: Prompt,
  target: DialectTarget,
  model: Pick<SdkModel, "version" | "provider">,
  optionsName: string,
): EncodedCall {
  const asked = new Asked();
  const owner = ownerOf(model);
  const scope: Scope = { prompt, target, form: forms[model.version], optionsName, owner, asked };
  if (prompt.logprobs !== undefined) throw unsupported("prompt.logprobs", target);
  if (prompt.parallelToolCalls !== undefined) throw unsupported("prompt.parallel_tool_calls", target, OWN_OPTION);
  const settings: Record<string, unknown> = {
    maxOutputTokens: prompt.maxOutputTokens,
    temperature: prompt.temperature,
    topP: prompt.topP,
    topK: prompt.topK,
    stopSequences: prompt.stopSequences.length === 0 ? undefined : prompt.stopSequences,
    seed: prompt.seed === undefined ? undefined : encodeSeed(prompt.seed),
    frequencyPenalty: prompt.frequencyPenalty,
    presencePenalty: prompt.presencePenalty,
    responseFormat: encodeFormat(scope),
    reasoning: encodeReasoning(scope),
    tools: prompt.tools.length === 0 ? undefined : prompt.tools.map((tool, at) => encodeTool(tool, at, scope)),
    toolChoice: encodeChoice(prompt),
  };
  const options: SdkCallOptions = { prompt: encodeMessages(scope), includeRawChunks: false };
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined) continue;
    options[name] = value;
    asked.watch(options, name, contractFields[name] ?? name);
  }
  const own = encodeOwnOptions(scope);
  if (own !== undefined) options.providerOptions = { [optionsName]: own };
  return { options, asked };
}

/** What a package calls itself, without the kind of its model. */
export function ownerOf({ provider }: Pick<SdkModel, "provider">): string {
  return provider.split(".", 1)[0] ?? provider;
}

/** Name under which a package reads options, where the configuration does not say it. Since version 4, in camel case. */
export function optionsNameOf(model: Pick<SdkModel, "version" | "provider">): string {
  const owner = ownerOf(model);
  return model.version === "v4" ? owner.replace(/[-_](.)/g, (_, letter: string) => letter.toUpperCase()) : owner;
}

/** Packages leave out options that they don't know without a word: each is watched. */
function encodeOwnOptions({ prompt, target, asked }: Scope): Record<string, unknown> | undefined {
  const given = optionsFor(prompt, target);
  if (given === undefined) return undefined;
  const options: Record<string, unknown> = { ...given };
  for (const name of Object.keys(options)) asked.watch(options, name, optionField(name, target));
  return options;
}

function encodeTool(tool: Tool, at: number, { form, target, asked }: Scope): SdkPart {
  const { name, description, strict, parametersJsonSchema: schema } = tool;
  const field = `prompt.tools[${at}]`;
  if (strict !== undefined && !form.strictTools) throw unsupported(`${field}.strict`, target);
  const encoded: SdkPart = {
    type: "function",
    name,
    ...(description === "" ? {} : { description }),
    inputSchema:
      schema === "" ? { type: "object", properties: {} } : parseSchema(schema, `${field}.parameters_json_schema`),
    ...(strict === undefined ? {} : { strict }),
  };
  if (description !== "") asked.watch(encoded, "description", `${field}.description`);
  if (strict !== undefined) asked.watch(encoded, "strict", `${field}.strict`);
  return encoded;
}

const modes: { readonly [mode: number]: string } = {
  [ToolChoiceMode.AUTO]: "auto",
  [ToolChoiceMode.NONE]: "none",
  [ToolChoiceMode.REQUIRED]: "required",
};

function encodeChoice({ toolChoice }: Prompt): SdkPart | undefined {
  const choice = toolChoice?.choice;
  if (choice?.case === "toolName") return { type: "tool", toolName: choice.value };
  return choice?.case === "mode" ? { type: modes[choice.value] ?? "auto" } : undefined;
}

function encodeFormat({ prompt, target }: Scope): SdkPart | undefined {
  const format = prompt.responseFormat?.format;
  switch (format?.case) {
    case "text":
      return { type: "text" };
    case "jsonObject":
      return { type: "json" };
    case "jsonSchema": {
      const { name, description, schemaJson, strict } = format.value;
      const field = "prompt.response_format.json_schema";
      if (strict !== undefined) throw unsupported(`${field}.strict`, target, OWN_OPTION);
      return {
        type: "json",
        schema: parseSchema(schemaJson, `${field}.schema_json`),
        name: name || "response",
        ...(description === "" ? {} : { description }),
      };
    }
    default:
      return undefined;
  }
}

const efforts = new Map(effortWords);

function encodeReasoning({ prompt, form, target }: Scope): string | undefined {
  const amount = prompt.reasoning?.amount;
  if (amount?.case === undefined) return undefined;
  const field = amount.case === "effort" ? "prompt.reasoning.effort" : "prompt.reasoning.budget_tokens";
  const effort =
    amount.case === "effort" ? amount.value : amount.value === 0 ? ReasoningEffort.NONE : ReasoningEffort.UNSPECIFIED;
  const word = efforts.get(effort);
  if (!form.reasoning || word === undefined) throw unsupported(field, target, OWN_OPTION);
  return word;
}

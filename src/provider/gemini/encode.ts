import { ImageDetail, type Message, type Prompt, type Tool, ToolChoiceMode } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { Delivery } from "../../domain/event.ts";
import type { DialectTarget, EncodedRequest } from "../dialect.ts";
import { asRecord, type JsonRecord, parseJson } from "../json.ts";
import { unsupported } from "../unsupported.ts";
import { encodeMessages } from "./encode-messages.ts";
import { addProviderOptions } from "./provider-options.ts";
import type { Flavour } from "./quirks.ts";
import { type Family, familyOf } from "./thinking.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** Writes a prompt as the body of a request for content. Caching needs no marks here. */
export function encode(prompt: Prompt, target: DialectTarget, delivery: Delivery, flavour: Flavour): EncodedRequest {
  const family = familyOf(target.model);
  const { generation3 } = family;
  const body: WireRequestBody = encodeMessages(prompt.messages, { target, flavour, generation3 });
  if (prompt.tools.length > 0) body.tools = [{ functionDeclarations: prompt.tools.map(encodeTool) }];
  const functionCallingConfig = encodeToolChoice(prompt);
  if (functionCallingConfig !== undefined) body.toolConfig = { functionCallingConfig };
  // Several at once is how its models call; there is no way to forbid it.
  if (prompt.parallelToolCalls === false) throw unsupported("prompt.parallel_tool_calls", target);
  const generationConfig = encodeConfig(prompt, target, family);
  if (Object.keys(generationConfig).length > 0) body.generationConfig = generationConfig;
  addProviderOptions(body, prompt, target);
  return {
    path:
      toPath(target.model, flavour) + (delivery === "stream" ? ":streamGenerateContent?alt=sse" : ":generateContent"),
    headers: {
      "content-type": "application/json",
      accept: delivery === "stream" ? "text/event-stream" : "application/json",
    },
    body: JSON.stringify(body),
  };
}

/** A name alone, or with the collection that it is in, such as `tunedModels/…`. */
export function toPath(model: string, flavour: Flavour): string {
  const collection = flavour.collections.find((name) => model.startsWith(`${name}/`));
  const name = collection === undefined ? model : model.slice(collection.length + 1);
  return `/${collection ?? flavour.models}/${encodeURIComponent(name)}`;
}

function encodeTool({ name, description, parametersJsonSchema: schema }: Tool, at: number): JsonRecord {
  const field = `prompt.tools[${at}].parameters_json_schema`;
  return {
    name,
    ...(description === "" ? {} : { description }),
    ...(schema === "" ? {} : { parametersJsonSchema: parseSchema(schema, field) }),
  };
}

function parseSchema(json: string, field: string): JsonRecord {
  const schema = asRecord(parseJson(json));
  if (schema === undefined) throw invalidRequest([{ field, description: "is no JSON object" }]);
  return schema;
}

/** A forced call follows its schema anyway; where none is forced, `VALIDATED` is what holds calls to theirs. */
function encodeToolChoice({ toolChoice, tools }: Prompt): JsonRecord | undefined {
  const choice = toolChoice?.choice;
  if (choice?.case === "toolName") return { mode: "ANY", allowedFunctionNames: [choice.value] };
  if (choice?.value === ToolChoiceMode.REQUIRED) return { mode: "ANY" };
  if (choice?.value === ToolChoiceMode.NONE) return { mode: "NONE" };
  if (tools.some(({ strict }) => strict === true)) return { mode: "VALIDATED" };
  return choice === undefined ? undefined : { mode: "AUTO" };
}

function encodeConfig(prompt: Prompt, target: DialectTarget, family: Family): JsonRecord {
  const { maxOutputTokens, temperature, topP, topK, stopSequences, seed, logprobs } = prompt;
  const { frequencyPenalty, presencePenalty } = prompt;
  const resolution = encodeDetail(prompt.messages, target);
  const thinkingConfig = encodeReasoning(prompt, target, family);
  return {
    ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { topP }),
    ...(topK === undefined ? {} : { topK }),
    ...(stopSequences.length === 0 ? {} : { stopSequences }),
    ...(seed === undefined ? {} : { seed: encodeSeed(seed, target) }),
    ...(frequencyPenalty === undefined ? {} : { frequencyPenalty }),
    ...(presencePenalty === undefined ? {} : { presencePenalty }),
    ...(logprobs === undefined
      ? {}
      : { responseLogprobs: true, ...(logprobs.top > 0 ? { logprobs: logprobs.top } : {}) }),
    ...encodeResponseFormat(prompt),
    ...(thinkingConfig === undefined ? {} : { thinkingConfig }),
    ...(resolution === undefined ? {} : { mediaResolution: resolution }),
  };
}

function encodeSeed(seed: bigint, target: DialectTarget): number {
  if (seed !== BigInt.asIntN(32, seed)) throw unsupported("prompt.seed", target, "give one of 32 bits");
  return Number(seed);
}

/** The answer always follows its schema, `strict` or not. The wire has no name for it, and no place for more words. */
function encodeResponseFormat({ responseFormat }: Prompt): JsonRecord {
  const format = responseFormat?.format;
  if (format?.case === "jsonObject") return { responseMimeType: "application/json" };
  if (format?.case !== "jsonSchema") return {};
  const { schemaJson, description } = format.value;
  const schema = parseSchema(schemaJson, "prompt.response_format.json_schema.schema_json");
  const words = [description, schema.description].filter((text) => typeof text === "string" && text !== "").join("\n");
  return {
    responseMimeType: "application/json",
    responseJsonSchema: words === "" ? schema : { ...schema, description: words },
  };
}

function encodeReasoning({ reasoning }: Prompt, target: DialectTarget, family: Family): JsonRecord | undefined {
  const amount = reasoning?.amount;
  switch (amount?.case) {
    case "effort": {
      const fields = family.efforts[amount.value];
      if (fields === undefined) throw unsupported("prompt.reasoning.effort", target, "choose another effort or model");
      return fields.thinkingBudget === 0 ? fields : { ...fields, includeThoughts: true };
    }
    case "budgetTokens": {
      const thinkingBudget = amount.value;
      if (!family.budget || (thinkingBudget === 0 && !family.canStop)) {
        throw unsupported("prompt.reasoning.budget_tokens", target, "choose another budget or model");
      }
      return thinkingBudget === 0 ? { thinkingBudget } : { thinkingBudget, includeThoughts: true };
    }
    default:
      return undefined;
  }
}

const resolutions: Readonly<Record<number, string>> = {
  [ImageDetail.LOW]: "MEDIA_RESOLUTION_LOW",
  [ImageDetail.HIGH]: "MEDIA_RESOLUTION_HIGH",
};

/** One resolution for all pictures of a request: `mediaResolution` of single parts is for some models only. */
function encodeDetail(messages: readonly Message[], target: DialectTarget): string | undefined {
  let found: string | undefined;
  for (const [at, message] of messages.entries()) {
    for (const [n, { content }] of message.parts.entries()) {
      const pieces = content.case === "toolResult" ? content.value.parts : [{ content }];
      for (const piece of pieces) {
        const wanted = piece.content.case === "image" ? resolutions[piece.content.value.detail] : undefined;
        if (found !== undefined && wanted !== undefined && wanted !== found) {
          throw unsupported(
            `prompt.messages[${at}].parts[${n}].image.detail`,
            target,
            "give all pictures the same detail",
          );
        }
        found ??= wanted;
      }
    }
  }
  return found;
}

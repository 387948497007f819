import { type Prompt, ToolChoiceMode } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { Delivery } from "../../domain/event.ts";
import type { DialectTarget, EncodedRequest } from "../dialect.ts";
import { asRecord, type JsonRecord } from "../json.ts";
import { addOptions, optionField, optionsFor } from "../provider-options.ts";
import { describeSchema, parseSchema } from "../schema.ts";
import { encodeSeed } from "../seed.ts";
import { unsupported } from "../unsupported.ts";
import { encodeMessages } from "./encode-messages.ts";
import { effortsOf } from "./quirks.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** What `provider_options` may not set. */
const RESERVED = new Set(["model", "messages", "stream"]);

/** Writes a prompt as the body of a chat request. Ollama passes over what it does not know: that is refused here. */
export function encode(prompt: Prompt, target: DialectTarget, delivery: Delivery): EncodedRequest {
  const body: WireRequestBody = {
    model: target.model,
    messages: encodeMessages(prompt.messages, target),
    stream: delivery === "stream",
  };
  if (prompt.tools.length > 0) body.tools = encodeTools(prompt, target);
  refuseToolChoice(prompt, target);
  const format = encodeFormat(prompt);
  if (format !== undefined) body.format = format;
  const think = encodeThink(prompt, target);
  if (think !== undefined) body.think = think;
  if (prompt.logprobs !== undefined) {
    body.logprobs = true;
    if (prompt.logprobs.top > 0) body.top_logprobs = prompt.logprobs.top;
  }
  // What a runner takes is one level below: callers add to it (such as `num_ctx`) one by one.
  const { options: runnerOptions, ...more } = optionsFor(prompt, target) ?? {};
  const options = encodeOptions(prompt);
  addRunnerOptions(options, runnerOptions, target);
  if (Object.keys(options).length > 0) body.options = options;
  addOptions(body, more, RESERVED, target);
  return {
    path: "/api/chat",
    headers: {
      "content-type": "application/json",
      accept: delivery === "stream" ? "application/x-ndjson" : "application/json",
    },
    body: JSON.stringify(body),
  };
}

function encodeTools(prompt: Prompt, target: DialectTarget): JsonRecord[] {
  return prompt.tools.map(({ name, description, parametersJsonSchema: schema, strict }, at) => {
    if (strict === true) throw unsupported(`prompt.tools[${at}].strict`, target);
    return {
      type: "function",
      function: {
        name,
        ...(description === "" ? {} : { description }),
        parameters:
          schema === ""
            ? { type: "object", properties: {} }
            : parseSchema(schema, `prompt.tools[${at}].parameters_json_schema`),
      },
    };
  });
}

/** The model always decides, and may ask for several tools at once. */
function refuseToolChoice({ toolChoice, parallelToolCalls }: Prompt, target: DialectTarget): void {
  const choice = toolChoice?.choice;
  if (choice?.case === "toolName") throw unsupported("prompt.tool_choice.tool_name", target);
  if (choice?.case === "mode" && choice.value !== ToolChoiceMode.AUTO)
    throw unsupported("prompt.tool_choice.mode", target);
  if (parallelToolCalls === false) throw unsupported("prompt.parallel_tool_calls", target);
}

/** The server holds the answer to every schema that it is given, strict or not. */
function encodeFormat(prompt: Prompt): "json" | JsonRecord | undefined {
  const format = prompt.responseFormat?.format;
  switch (format?.case) {
    case "jsonObject":
      return "json";
    case "jsonSchema":
      return describeSchema(format.value, "prompt.response_format.json_schema");
    default:
      return undefined;
  }
}

function encodeThink(prompt: Prompt, target: DialectTarget): boolean | string | undefined {
  const amount = prompt.reasoning?.amount;
  const efforts = effortsOf(target.model);
  switch (amount?.case) {
    case "effort": {
      const think = efforts[amount.value];
      if (think === undefined) throw unsupported("prompt.reasoning.effort", target, "choose another effort or model");
      return think;
    }
    case "budgetTokens":
      if (amount.value > 0 || !Object.values(efforts).includes(false)) {
        throw unsupported("prompt.reasoning.budget_tokens", target, "give an effort instead or choose another model");
      }
      return false;
    default:
      return undefined;
  }
}

function encodeOptions(prompt: Prompt): Record<string, unknown> {
  const options: Record<string, unknown> = {};
  if (prompt.maxOutputTokens !== undefined) options.num_predict = prompt.maxOutputTokens;
  if (prompt.temperature !== undefined) options.temperature = prompt.temperature;
  if (prompt.topP !== undefined) options.top_p = prompt.topP;
  if (prompt.topK !== undefined) options.top_k = prompt.topK;
  if (prompt.seed !== undefined) options.seed = encodeSeed(prompt.seed);
  if (prompt.stopSequences.length > 0) options.stop = prompt.stopSequences;
  if (prompt.frequencyPenalty !== undefined) options.frequency_penalty = prompt.frequencyPenalty;
  if (prompt.presencePenalty !== undefined) options.presence_penalty = prompt.presencePenalty;
  return options;
}

function addRunnerOptions(options: Record<string, unknown>, given: unknown, target: DialectTarget): void {
  if (given === undefined) return;
  const record = asRecord(given);
  if (record === undefined) {
    throw invalidRequest([{ field: optionField("options", target), description: "is no object" }]);
  }
  addOptions(options, record, new Set(), target, "options.");
}

import { type Prompt, type Tool, type ToolChoice, ToolChoiceMode } from "../../domain/contract.ts";
import type { Delivery } from "../../domain/event.ts";
import type { DialectTarget, EncodedRequest } from "../dialect.ts";
import type { JsonRecord } from "../json.ts";
import { addOptions, optionsFor } from "../provider-options.ts";
import { parseSchema } from "../schema.ts";
import { encodeSeed } from "../seed.ts";
import { unsupported } from "../unsupported.ts";
import type { ChatContinuation } from "./continuation.ts";
import { encodeMessages } from "./encode-messages.ts";
import type { Feature, Quirks } from "./quirks.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** What `provider_options` may not set: the contract says it, or the answer could not be told in its terms. */
const RESERVED = new Set(["model", "messages", "stream", "stream_options", "n", "functions", "function_call"]);

const HEADERS: Readonly<Record<Delivery, Readonly<Record<string, string>>>> = {
  stream: { "content-type": "application/json", accept: "text/event-stream" },
  unary: { "content-type": "application/json", accept: "application/json" },
};

/** Writes a prompt as the body of a chat completion; with `continuation`, one whose answer goes on with the last message. */
export function encode(
  prompt: Prompt,
  target: DialectTarget,
  delivery: Delivery,
  quirks: Quirks,
  continuation?: ChatContinuation,
): EncodedRequest {
  const has = (feature: Feature, field: string = feature): void => {
    if (quirks.unsupported.has(feature)) throw unsupported(`prompt.${field}`, target);
  };
  const body: WireRequestBody = {
    model: target.model,
    messages: encodeMessages(prompt.messages, target, quirks),
  };
  if (continuation !== undefined) {
    Object.assign(body, continuation.body);
    Object.assign(body.messages.at(-1) ?? {}, continuation.message);
  }
  if (delivery === "stream") {
    body.stream = true;
    if (quirks.askForUsage) body.stream_options = { include_usage: true };
  }
  if (prompt.tools.length > 0) {
    has("tools");
    body.tools = prompt.tools.map((tool, at) => {
      if (tool.strict === true) has("tools.strict", `tools[${at}].strict`);
      return encodeTool(tool, at);
    });
  }
  if (prompt.toolChoice !== undefined) body.tool_choice = encodeToolChoice(prompt.toolChoice, quirks, has);
  if (prompt.parallelToolCalls !== undefined) {
    has("parallel_tool_calls");
    body.parallel_tool_calls = prompt.parallelToolCalls;
  }
  if (prompt.maxOutputTokens !== undefined) body[quirks.maxTokensField] = prompt.maxOutputTokens;
  if (prompt.temperature !== undefined) body.temperature = prompt.temperature;
  if (prompt.topP !== undefined) body.top_p = prompt.topP;
  if (prompt.topK !== undefined) {
    has("top_k");
    body.top_k = prompt.topK;
  }
  if (prompt.stopSequences.length > 0) body.stop = prompt.stopSequences;
  if (prompt.seed !== undefined) {
    has("seed");
    body[quirks.seedField] = encodeSeed(prompt.seed);
  }
  if (prompt.frequencyPenalty !== undefined) {
    has("frequency_penalty");
    body.frequency_penalty = prompt.frequencyPenalty;
  }
  if (prompt.presencePenalty !== undefined) {
    has("presence_penalty");
    body.presence_penalty = prompt.presencePenalty;
  }
  if (prompt.logprobs !== undefined) {
    has("logprobs");
    body.logprobs = true;
    if (prompt.logprobs.top > 0) body.top_logprobs = prompt.logprobs.top;
  }
  const format = encodeResponseFormat(prompt, has);
  if (format !== undefined) body.response_format = format;
  Object.assign(body, encodeReasoning(prompt, target, quirks));
  const options = optionsFor(prompt, target);
  if (options !== undefined) addOptions(body, options, RESERVED, target);
  return {
    path: "/chat/completions",
    headers: HEADERS[delivery],
    body: JSON.stringify(body),
  };
}

type Has = (feature: Feature, field?: string) => void;

function encodeTool(tool: Tool, at: number): JsonRecord {
  const { name, description, strict } = tool;
  const schema = tool.parametersJsonSchema;
  return {
    type: "function",
    function: {
      name,
      ...(description === "" ? {} : { description }),
      ...(schema === "" ? {} : { parameters: parseSchema(schema, `prompt.tools[${at}].parameters_json_schema`) }),
      ...(strict === undefined ? {} : { strict }),
    },
  };
}

function encodeToolChoice(choice: ToolChoice, quirks: Quirks, has: Has): unknown {
  if (choice.choice.case === "toolName") {
    has("tool_choice.tool_name");
    return { type: "function", function: { name: choice.choice.value } };
  }
  switch (choice.choice.value) {
    case ToolChoiceMode.NONE:
      has("tool_choice.none", "tool_choice.mode");
      return "none";
    case ToolChoiceMode.REQUIRED:
      has("tool_choice.required", "tool_choice.mode");
      return quirks.requiredWord;
    default:
      return "auto";
  }
}

function encodeResponseFormat(prompt: Prompt, has: Has): JsonRecord | undefined {
  const format = prompt.responseFormat?.format;
  switch (format?.case) {
    case "jsonObject":
      has("response_format.json_object");
      return { type: "json_object" };
    case "jsonSchema": {
      has("response_format.json_schema");
      const { name, description, strict, schemaJson } = format.value;
      return {
        type: "json_schema",
        json_schema: {
          name: name || "response",
          ...(description === "" ? {} : { description }),
          schema: parseSchema(schemaJson, "prompt.response_format.json_schema.schema_json"),
          ...(strict === undefined ? {} : { strict }),
        },
      };
    }
    default:
      return undefined;
  }
}

function encodeReasoning(prompt: Prompt, target: DialectTarget, quirks: Quirks): JsonRecord {
  const amount = prompt.reasoning?.amount;
  switch (amount?.case) {
    case "effort": {
      const fields = quirks.efforts[amount.value];
      if (fields === undefined) throw unsupported("prompt.reasoning.effort", target, "choose another effort or model");
      return fields;
    }
    case "budgetTokens": {
      if (quirks.reasoningBudget === undefined) {
        throw unsupported("prompt.reasoning.budget_tokens", target, "give an effort instead or choose another model");
      }
      return quirks.reasoningBudget(amount.value);
    }
    default:
      return {};
  }
}

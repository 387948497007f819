import { type Prompt, ReasoningEffort, type ToolChoice, ToolChoiceMode } from "../../domain/contract.ts";
import type { Delivery } from "../../domain/event.ts";
import type { DialectTarget, EncodedRequest } from "../dialect.ts";
import type { JsonRecord } from "../json.ts";
import { addOptions, optionsFor } from "../provider-options.ts";
import { describeSchema, parseSchema } from "../schema.ts";
import { encodeSeed } from "../seed.ts";
import { unsupported } from "../unsupported.ts";
import { encodeMessages } from "./encode-messages.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** What `provider_options` may not set. */
const RESERVED = new Set(["model", "messages", "stream"]);

/** Writes a prompt as the body of a chat request. */
export function encode(prompt: Prompt, target: DialectTarget, delivery: Delivery): EncodedRequest {
  const { messages, documents } = encodeMessages(prompt.messages, target);
  const body: WireRequestBody = { model: target.model, messages, stream: delivery === "stream" };
  if (documents.length > 0) body.documents = documents;
  Object.assign(body, encodeTools(prompt, target));
  if (prompt.toolChoice !== undefined) Object.assign(body, encodeToolChoice(prompt.toolChoice, prompt, target));
  // Several calls at once are always allowed, and there is no way to forbid them.
  if (prompt.parallelToolCalls === false) throw unsupported("prompt.parallel_tool_calls", target);
  if (prompt.maxOutputTokens !== undefined) body.max_tokens = prompt.maxOutputTokens;
  if (prompt.temperature !== undefined) body.temperature = prompt.temperature;
  if (prompt.topP !== undefined) body.p = prompt.topP;
  if (prompt.topK !== undefined) body.k = prompt.topK;
  if (prompt.stopSequences.length > 0) body.stop_sequences = prompt.stopSequences;
  if (prompt.seed !== undefined) body.seed = encodeSeed(prompt.seed);
  if (prompt.frequencyPenalty !== undefined) body.frequency_penalty = prompt.frequencyPenalty;
  if (prompt.presencePenalty !== undefined) body.presence_penalty = prompt.presencePenalty;
  if (prompt.logprobs !== undefined) {
    if (prompt.logprobs.top > 0) throw unsupported("prompt.logprobs.top", target, "ask for 0 or choose another model");
    body.logprobs = true;
  }
  const format = encodeResponseFormat(prompt);
  if (format !== undefined) {
    // "not supported when used in combinations with the documents or tools parameters" (API reference, 2026-11).
    const beside = prompt.tools.length > 0 ? "tools" : documents.length > 0 ? "files" : undefined;
    if (beside !== undefined) {
      throw unsupported("prompt.response_format", target, `leave out the ${beside} or choose another model`);
    }
    body.response_format = format;
  }
  Object.assign(body, encodeReasoning(prompt, target));
  addOptions(body, optionsFor(prompt, target) ?? {}, RESERVED, target);
  return {
    path: "/v2/chat",
    headers: {
      "content-type": "application/json",
      accept: delivery === "stream" ? "text/event-stream" : "application/json",
    },
    body: JSON.stringify(body),
  };
}

/** Parameters are required, and strictness is the request's, not a tool's. */
function encodeTools(prompt: Prompt, target: DialectTarget): JsonRecord {
  if (prompt.tools.length === 0) return {};
  const tools = prompt.tools.map(({ name, description, parametersJsonSchema: schema }, at) => ({
    type: "function",
    function: {
      name,
      ...(description === "" ? {} : { description }),
      parameters:
        schema === ""
          ? { type: "object", properties: {} }
          : parseSchema(schema, `prompt.tools[${at}].parameters_json_schema`),
    },
  }));
  const asked = prompt.tools.findIndex(({ strict }) => strict !== undefined);
  const strict = prompt.tools[asked]?.strict;
  if (strict === undefined) return { tools };
  const other = prompt.tools.findIndex((tool) => tool.strict === !strict);
  if (other >= 0) throw unsupported(`prompt.tools[${other}].strict`, target, "set it alike for all tools");
  return { tools, strict_tools: strict };
}

/**
 * The wire can require some tool, but not name one. Requiring the only tool there is comes to the same; leaving out
 * the others would not, because the model would not know of them.
 */
function encodeToolChoice({ choice }: ToolChoice, { tools }: Prompt, target: DialectTarget): JsonRecord {
  if (choice.case === "toolName") {
    if (tools.length === 1 && tools[0]?.name === choice.value) return { tool_choice: "REQUIRED" };
    throw unsupported("prompt.tool_choice.tool_name", target, "send that tool alone, or require any tool");
  }
  switch (choice.value) {
    case ToolChoiceMode.NONE:
      return { tool_choice: "NONE" };
    case ToolChoiceMode.REQUIRED:
      return { tool_choice: "REQUIRED" };
    default:
      return {};
  }
}

/** Cohere holds the answer to every schema that it is given, strict or not. */
function encodeResponseFormat(prompt: Prompt): JsonRecord | undefined {
  const format = prompt.responseFormat?.format;
  switch (format?.case) {
    case "jsonObject":
      return { type: "json_object" };
    case "jsonSchema":
      return { type: "json_object", json_schema: describeSchema(format.value, "prompt.response_format.json_schema") };
    default:
      return undefined;
  }
}

/** Reasoning is on or off, or has a budget: the usual effort is on, others cannot be told apart. */
const efforts: { readonly [effort: number]: JsonRecord } = {
  [ReasoningEffort.NONE]: { thinking: { type: "disabled" } },
  [ReasoningEffort.MEDIUM]: { thinking: { type: "enabled" } },
};

function encodeReasoning(prompt: Prompt, target: DialectTarget): JsonRecord {
  const amount = prompt.reasoning?.amount;
  switch (amount?.case) {
    case "effort": {
      const fields = efforts[amount.value];
      if (fields === undefined) throw unsupported("prompt.reasoning.effort", target, "give a budget of tokens instead");
      return fields;
    }
    case "budgetTokens":
      return amount.value === 0
        ? { thinking: { type: "disabled" } }
        : { thinking: { type: "enabled", token_budget: amount.value } };
    default:
      return {};
  }
}

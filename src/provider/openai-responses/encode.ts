import { type Prompt, type Tool, type ToolChoice, ToolChoiceMode } from "../../domain/contract.ts";
import { type GatewayError, invalidRequest } from "../../domain/error.ts";
import type { Delivery } from "../../domain/event.ts";
import type { DialectTarget, EncodedRequest } from "../dialect.ts";
import { asRecord, type JsonRecord } from "../json.ts";
import { effortWords } from "../openai-efforts.ts";
import { addOptions, optionField, optionsFor } from "../provider-options.ts";
import { parseSchema } from "../schema.ts";
import { unsupported } from "../unsupported.ts";
import { encodeInput } from "./encode-messages.ts";
import type { Quirks } from "./quirks.ts";
import type { WireRequestBody } from "./wire-types.ts";

/** What `provider_options` may not set: the contract says it, or the answer could not be told in its terms. */
const RESERVED = new Set(["model", "input", "stream", "background"]);

/** Written below from the options themselves. */
const OWN_WAY = new Set(["store", "include", "text", "reasoning", "tools"]);

const NOTHING: ReadonlySet<string> = new Set();

const efforts = new Map<number, string>(effortWords);

/** Writes a prompt as the body of a request for a response. */
export function encode(prompt: Prompt, target: DialectTarget, delivery: Delivery, quirks: Quirks): EncodedRequest {
  refuseWhatIsNotThere(prompt, target);
  const options = optionsFor(prompt, target) ?? {};
  // Nothing is kept at the provider unless the caller wants it.
  const store = options.store ?? false;
  const body: WireRequestBody = {
    model: target.model,
    input: encodeInput(prompt.messages, { target, quirks, stored: store === true }),
    store,
  };
  if (delivery === "stream") body.stream = true;
  const include = encodeInclude(prompt, target, quirks, options);
  if (include.length > 0) body.include = include;
  const tools = [...prompt.tools.map(encodeTool), ...listOf(options, "tools", target)];
  if (tools.length > 0) body.tools = tools;
  if (prompt.toolChoice !== undefined) body.tool_choice = encodeToolChoice(prompt.toolChoice);
  if (prompt.parallelToolCalls !== undefined) body.parallel_tool_calls = prompt.parallelToolCalls;
  if (prompt.maxOutputTokens !== undefined) body.max_output_tokens = prompt.maxOutputTokens;
  if (prompt.temperature !== undefined) body.temperature = prompt.temperature;
  if (prompt.topP !== undefined) body.top_p = prompt.topP;
  if (prompt.logprobs !== undefined) {
    if ("fields" in quirks.logprobs) Object.assign(body, quirks.logprobs.fields);
    if (prompt.logprobs.top > 0) body.top_logprobs = prompt.logprobs.top;
  }
  const text = join(encodeFormat(prompt), options, "text", target);
  if (text !== undefined) body.text = text;
  const reasoning = join(encodeReasoning(prompt, target), options, "reasoning", target);
  if (reasoning !== undefined) body.reasoning = reasoning;
  const others = Object.entries(options).filter(([name]) => !OWN_WAY.has(name));
  addOptions(body, Object.fromEntries(others), RESERVED, target);
  return {
    path: "/responses",
    outsideDeployments: true,
    headers: {
      "content-type": "application/json",
      accept: delivery === "stream" ? "text/event-stream" : "application/json",
    },
    body: JSON.stringify(body),
  };
}

function refuseWhatIsNotThere(prompt: Prompt, target: DialectTarget): void {
  const asked: Readonly<Record<string, boolean>> = {
    top_k: prompt.topK !== undefined,
    stop_sequences: prompt.stopSequences.length > 0,
    seed: prompt.seed !== undefined,
    frequency_penalty: prompt.frequencyPenalty !== undefined,
    presence_penalty: prompt.presencePenalty !== undefined,
  };
  for (const [field, is] of Object.entries(asked)) if (is) throw unsupported(`prompt.${field}`, target);
}

/** Options replace what is asked for by default (an empty list asks for nothing more), but not what the prompt needs. */
function encodeInclude(prompt: Prompt, target: DialectTarget, quirks: Quirks, options: JsonRecord): unknown[] {
  const usual = quirks.encryptsReasoning(target.model) ? ["reasoning.encrypted_content"] : [];
  const wanted = options.include === undefined ? usual : listOf(options, "include", target);
  const needed = prompt.logprobs !== undefined && "include" in quirks.logprobs ? [quirks.logprobs.include] : [];
  return [...new Set([...wanted, ...needed])];
}

/** Where a tool says nothing of its arguments, it has none: the wire wants a schema, and by default a strict one. */
const NO_ARGUMENTS = { type: "object", properties: {}, required: [], additionalProperties: false };

function encodeTool(tool: Tool, at: number): JsonRecord {
  const { name, description, strict } = tool;
  const schema = tool.parametersJsonSchema;
  return {
    type: "function",
    name,
    ...(description === "" ? {} : { description }),
    parameters: schema === "" ? NO_ARGUMENTS : parseSchema(schema, `prompt.tools[${at}].parameters_json_schema`),
    ...(strict === undefined ? {} : { strict }),
  };
}

function encodeToolChoice({ choice }: ToolChoice): unknown {
  if (choice.case === "toolName") return { type: "function", name: choice.value };
  switch (choice.value) {
    case ToolChoiceMode.NONE:
      return "none";
    case ToolChoiceMode.REQUIRED:
      return "required";
    default:
      return "auto";
  }
}

function encodeFormat(prompt: Prompt): JsonRecord | undefined {
  const format = prompt.responseFormat?.format;
  switch (format?.case) {
    case "jsonObject":
      return { format: { type: "json_object" } };
    case "jsonSchema": {
      const { name, description, strict, schemaJson } = format.value;
      return {
        format: {
          type: "json_schema",
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

function encodeReasoning(prompt: Prompt, target: DialectTarget): JsonRecord | undefined {
  const amount = prompt.reasoning?.amount;
  switch (amount?.case) {
    case "effort": {
      const effort = efforts.get(amount.value);
      if (effort === undefined) throw unsupported("prompt.reasoning.effort", target, "choose another effort or model");
      return { effort };
    }
    case "budgetTokens":
      throw unsupported("prompt.reasoning.budget_tokens", target, "give an effort instead or choose another model");
    default:
      return undefined;
  }
}

/** A field that holds something of the prompt's and something of the options', such as `reasoning.summary`. */
function join(own: JsonRecord | undefined, options: JsonRecord, name: string, target: DialectTarget): unknown {
  const wanted = options[name];
  if (own === undefined || wanted === undefined) return own ?? wanted;
  const more = asRecord(wanted);
  if (more === undefined) throw wrong(name, "is no object", target);
  const joined = { ...own };
  addOptions(joined, more, NOTHING, target, `${name}.`);
  return joined;
}

function listOf(options: JsonRecord, name: string, target: DialectTarget): readonly unknown[] {
  const wanted = options[name] ?? [];
  if (!Array.isArray(wanted)) throw wrong(name, "is no list", target);
  return wanted;
}

function wrong(name: string, description: string, target: DialectTarget): GatewayError {
  return invalidRequest([{ field: optionField(name, target), description }]);
}

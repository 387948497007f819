import { type Prompt, ReasoningEffort, type Tool, ToolChoiceMode } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { DialectTarget } from "../dialect.ts";
import { asRecord, type JsonRecord, parseJson } from "../json.ts";
import { unsupported } from "../unsupported.ts";
import type { Family } from "./quirks.ts";
import { RESPONSE_TOOL, type WireMessage } from "./wire-types.ts";

/** The fields for tools and for the form of the answer: where a model knows no schemas, the one becomes the other. */
export function encodeTools(
  prompt: Prompt,
  messages: readonly WireMessage[],
  target: DialectTarget,
  family: Family,
): { readonly toolConfig?: JsonRecord; readonly outputConfig?: JsonRecord } {
  const format = prompt.responseFormat?.format;
  const schema = format?.case === "jsonSchema" ? format.value : undefined;
  const tools = prompt.tools.map(encodeTool);
  if (format?.case === "jsonObject") {
    // `outputConfig` wants all fields named: any object at all is for a tool.
    const field = "prompt.response_format.json_object";
    return { toolConfig: forceResponseTool(prompt, field, { inputSchema: ANY_OBJECT }, tools, target, family) };
  }
  if (schema === undefined || family.schemas) {
    const toolConfig = encodeToolConfig(prompt, tools, messages, target, family);
    const outputConfig = schema === undefined ? undefined : encodeOutputConfig(schema);
    return {
      ...(toolConfig === undefined ? {} : { toolConfig }),
      ...(outputConfig === undefined ? {} : { outputConfig }),
    };
  }
  const field = "prompt.response_format.json_schema";
  if (schema.strict === true) throw unsupported(`${field}.strict`, target);
  const { description } = schema;
  const inputSchema = parseSchema(schema.schemaJson, `${field}.schema_json`);
  return { toolConfig: forceResponseTool(prompt, field, { description, inputSchema }, tools, target, family) };
}

const ANY_OBJECT: JsonRecord = { type: "object" };

/** The answer's form is a tool that the model must call. */
export function answersByTool({ responseFormat }: Prompt, family: Family): boolean {
  const form = responseFormat?.format.case;
  return form === "jsonObject" || (form === "jsonSchema" && !family.schemas);
}

/** What an answer must be like. */
interface ResponseForm {
  readonly description?: string;
  readonly inputSchema: JsonRecord;
}

type JsonSchema = NonNullable<
  Extract<NonNullable<Prompt["responseFormat"]>["format"], { case: "jsonSchema" }>
>["value"];

function encodeTool(tool: Tool, at: number): JsonRecord {
  const { name, description, strict } = tool;
  if (name === RESPONSE_TOOL) {
    throw invalidRequest([
      { field: `prompt.tools[${at}].name`, description: "is a name that Sluice keeps for itself" },
    ]);
  }
  const schema = tool.parametersJsonSchema;
  const json =
    schema === ""
      ? { type: "object", properties: {} }
      : parseSchema(schema, `prompt.tools[${at}].parameters_json_schema`);
  return {
    toolSpec: {
      name,
      ...(description === "" ? {} : { description }),
      inputSchema: { json },
      ...(strict === undefined ? {} : { strict }),
    },
  };
}

function parseSchema(json: string, field: string): JsonRecord {
  const schema = asRecord(parseJson(json));
  if (schema === undefined) throw invalidRequest([{ field, description: "is no JSON object" }]);
  return schema;
}

function encodeToolConfig(
  prompt: Prompt,
  tools: readonly JsonRecord[],
  messages: readonly WireMessage[],
  target: DialectTarget,
  family: Family,
): JsonRecord | undefined {
  const choice = prompt.toolChoice?.choice;
  const forced = choice?.case === "toolName" || choice?.value === ToolChoiceMode.REQUIRED;
  if (forced) refuseForced(prompt, target, family);
  if (choice?.value === ToolChoiceMode.NONE) {
    // The wire has no word for it. Tools that are not there are not called, but a conversation with calls needs them.
    if (tools.length > 0 && messages.some(({ content }) => content.some(isOfTool))) {
      throw unsupported("prompt.tool_choice.mode", target, "leave it out, or the calls and results of tools");
    }
    return undefined;
  }
  if (tools.length === 0) {
    if (forced) throw invalidRequest([{ field: "prompt.tool_choice", description: "needs tools" }]);
    return undefined;
  }
  // The model's own field for one call at a time is a choice, too, and two of them are refused.
  const chosen =
    choice === undefined || (!forced && prompt.parallelToolCalls === false) ? undefined : encodeChoice(choice);
  return { tools, ...(chosen === undefined ? {} : { toolChoice: chosen }) };
}

function isOfTool(block: JsonRecord): boolean {
  return block.toolUse !== undefined || block.toolResult !== undefined;
}

type Choice = NonNullable<NonNullable<Prompt["toolChoice"]>["choice"]>;

function encodeChoice(choice: Choice): JsonRecord {
  if (choice.case === "toolName") return { tool: { name: choice.value } };
  return choice.value === ToolChoiceMode.REQUIRED ? { any: {} } : { auto: {} };
}

function refuseForced(prompt: Prompt, target: DialectTarget, family: Family): void {
  const named = prompt.toolChoice?.choice.case === "toolName";
  const field = `prompt.tool_choice.${named ? "tool_name" : "mode"}`;
  if (!family.forcesTools) throw unsupported(field, target);
  if (!family.reasonsFreely && asksForReasoning(prompt)) throw unsupported(field, target, NOT_BOTH);
}

/** Source: Bedrock user guide, "Extended thinking", read 2026-11. */
const NOT_BOTH = "it forces a tool, which excludes prompt.reasoning; leave one of them out or choose another model";

function asksForReasoning({ reasoning }: Prompt): boolean {
  const amount = reasoning?.amount;
  if (amount?.case === "budgetTokens") return amount.value > 0;
  return amount?.case === "effort" && amount.value !== ReasoningEffort.NONE;
}

/** The schema goes as it was written: its keys keep their order. */
function encodeOutputConfig({ name, description, schemaJson }: JsonSchema): JsonRecord {
  parseSchema(schemaJson, "prompt.response_format.json_schema.schema_json");
  const jsonSchema = {
    name: name || "response",
    ...(description === "" ? {} : { description }),
    schema: schemaJson,
  };
  return { textFormat: { type: "json_schema", structure: { jsonSchema } } };
}

/** The model must call a tool, and the answer is one of them. */
function forceResponseTool(
  prompt: Prompt,
  field: string,
  { description, inputSchema }: ResponseForm,
  tools: readonly JsonRecord[],
  target: DialectTarget,
  family: Family,
): JsonRecord {
  if (!family.forcesTools) throw unsupported(field, target);
  if (!family.reasonsFreely && asksForReasoning(prompt)) throw unsupported(field, target, NOT_BOTH);
  const choice = prompt.toolChoice?.choice;
  if (choice?.case === "toolName" || choice?.value === ToolChoiceMode.REQUIRED) {
    throw unsupported("prompt.tool_choice", target, "leave it or prompt.response_format out");
  }
  const response = {
    toolSpec: {
      name: RESPONSE_TOOL,
      description: description || "Gives the answer. Call it once, with the whole answer.",
      inputSchema: { json: inputSchema },
    },
  };
  const offered = choice?.value === ToolChoiceMode.NONE ? [] : tools;
  return { tools: [...offered, response], toolChoice: { any: {} } };
}

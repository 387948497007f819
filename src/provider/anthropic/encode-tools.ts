import { type JsonSchemaFormat, type Prompt, type Tool, ToolChoiceMode } from "../../domain/contract.ts";
import { invalidRequest } from "../../domain/error.ts";
import type { JsonRecord } from "../json.ts";
import { describeSchema, parseSchema } from "../schema.ts";
import { unsupported } from "../unsupported.ts";
import type { Scope } from "./scope.ts";
import { RESPONSE_TOOL } from "./wire-types.ts";

interface EncodedTools {
  readonly tools: readonly JsonRecord[];
  readonly choice: JsonRecord | undefined;
  /** For `output_config.format`. */
  readonly format: JsonRecord | undefined;
}

/** Tools, the choice among them and the answer's form: one of the forms is a tool, so that they go together. */
export function encodeTools(scope: Scope, thinks: boolean): EncodedTools {
  const { prompt } = scope;
  const tools = prompt.tools.map((tool, at) => encodeTool(tool, `prompt.tools[${at}]`, scope));
  const form = encodeForm(scope, thinks);
  if (form.tool !== undefined) tools.push(form.tool);
  const choice = form.tool === undefined ? encodeChoice(scope, thinks) : respondingChoice(prompt, scope);
  return { tools, choice, format: form.format };
}

function encodeTool(tool: Tool, field: string, scope: Scope): JsonRecord {
  const { name, description, strict, parametersJsonSchema: schema } = tool;
  if (name === RESPONSE_TOOL) {
    throw invalidRequest([{ field: `${field}.name`, description: "is the name of a tool of Sluice's own" }]);
  }
  if (strict === true && !scope.family.schemas) throw unsupported(`${field}.strict`, scope.target);
  return {
    name,
    ...(description === "" ? {} : { description }),
    input_schema:
      schema === "" ? { type: "object", properties: {} } : parseSchema(schema, `${field}.parameters_json_schema`),
    ...(strict === undefined ? {} : { strict }),
  };
}

function encodeChoice(scope: Scope, thinks: boolean): JsonRecord | undefined {
  const { toolChoice, parallelToolCalls: parallel } = scope.prompt;
  const choice = toolChoice?.choice;
  // A wish for no tools at all has no place for how many at once.
  if (choice?.case === "mode" && choice.value === ToolChoiceMode.NONE) return { type: "none" };
  const single = parallel === undefined ? {} : { disable_parallel_tool_use: !parallel };
  if (choice?.case === "toolName") {
    checkForced("prompt.tool_choice.tool_name", scope, thinks);
    return { type: "tool", name: choice.value, ...single };
  }
  if (choice?.case === "mode" && choice.value === ToolChoiceMode.REQUIRED) {
    checkForced("prompt.tool_choice.mode", scope, thinks);
    return { type: "any", ...single };
  }
  return choice === undefined && parallel === undefined ? undefined : { type: "auto", ...single };
}

/** Source: Claude API docs, "Extended thinking" and the migration guides of 5.1 and 5.5, read 2026-11. */
function checkForced(
  field: string,
  { family, target }: Scope,
  thinks: boolean,
  instead = "leave it to the model",
): void {
  if (!family.forcedTools) throw unsupported(field, target, `${instead} or choose another model`);
  if (thinks) throw unsupported(field, target, `${instead}, or leave out prompt.reasoning`);
}

interface Form {
  readonly format?: JsonRecord;
  readonly tool?: JsonRecord;
}

function encodeForm(scope: Scope, thinks: boolean): Form {
  const form = scope.prompt.responseFormat?.format;
  switch (form?.case) {
    case "jsonObject": {
      const field = "prompt.response_format.json_object";
      checkForced(field, scope, thinks, scope.family.schemas ? "give a json_schema" : "leave it out");
      return { tool: responseTool("Answer with a JSON object.", { type: "object" }) };
    }
    case "jsonSchema":
      return encodeSchema(form.value, "prompt.response_format.json_schema", scope, thinks);
    default:
      return {};
  }
}

/** By the API's own means where it has them: a schema that need not be held to may hold what those refuse. */
function encodeSchema(form: JsonSchemaFormat, field: string, scope: Scope, thinks: boolean): Form {
  const { family, target } = scope;
  if (form.strict === true && !family.schemas) throw unsupported(`${field}.strict`, target);
  const loose = form.strict === false && family.forcedTools && !thinks;
  if (family.schemas && !loose) return { format: { type: "json_schema", schema: describeSchema(form, field) } };
  checkForced(field, scope, thinks, "leave it out");
  const schema = parseSchema(form.schemaJson, `${field}.schema_json`);
  return { tool: responseTool(form.description || "Answer in this form.", schema) };
}

function responseTool(description: string, schema: JsonRecord): JsonRecord {
  return { name: RESPONSE_TOOL, description, input_schema: schema };
}

/** The answer is a tool call: forced, or one of several where the caller's own tools may be called instead. */
function respondingChoice(prompt: Prompt, { target }: Scope): JsonRecord {
  const choice = prompt.toolChoice?.choice;
  const none = choice?.case === "mode" && choice.value === ToolChoiceMode.NONE;
  const free = choice === undefined || (choice.case === "mode" && choice.value === ToolChoiceMode.AUTO);
  if (!none && !free) {
    throw unsupported("prompt.tool_choice", target, "leave it or prompt.response_format out, or choose another model");
  }
  const single = { disable_parallel_tool_use: prompt.parallelToolCalls !== true };
  if (none || prompt.tools.length === 0) return { type: "tool", name: RESPONSE_TOOL, disable_parallel_tool_use: true };
  return { type: "any", ...single };
}

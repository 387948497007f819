/** Recorded requests, told in the contract's terms and written again: the same bodies, but for what is listed here. */
import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import { available, readExchanges } from "./exchanges.ts";

type Item = { readonly [field: string]: JsonValue };

/** Requests that the contract cannot tell. */
const untold: Readonly<Record<string, string>> = {
  "openai/reasoning--o4-mini-2025-04-16--1d61879": "its prompt lies at the provider, and it has no input",
};

const recorded = readExchanges("openai.responses").flatMap(({ name, request, status, model }) =>
  request === null || status >= 400 || Object.hasOwn(untold, name) ? [] : [{ name, model, request: request as Item }],
);

const DIALECT = "openai-responses";

function state(id: JsonValue | undefined, data: Item): JsonObject {
  if (id === undefined && Object.keys(data).length === 0) return {};
  return { providerState: { dialect: DIALECT, id: id ?? "", data: JSON.stringify(data) } };
}

function word(value: JsonValue | undefined): string {
  return typeof value === "string" ? value : "";
}

function without(item: Item, ...names: string[]): Item {
  return Object.fromEntries(Object.entries(item).filter(([name]) => !names.includes(name)));
}

const roles: Readonly<Record<string, string>> = {
  user: "ROLE_USER",
  system: "ROLE_SYSTEM",
  developer: "ROLE_SYSTEM",
  assistant: "ROLE_ASSISTANT",
};

function toMedia(url: string): JsonObject {
  const [, mimeType, data] = /^data:([^;]+);base64,(.*)$/s.exec(url) ?? [];
  return mimeType === undefined || data === undefined ? { uri: url } : { mimeType, data };
}

function toPart(item: Item): JsonObject {
  const marks = item.prompt_cache_breakpoint === undefined ? {} : { cacheBreakpoint: {} };
  if (item.type !== "input_image") return { text: item.text ?? "", ...marks };
  const detail = { low: "IMAGE_DETAIL_LOW", high: "IMAGE_DETAIL_HIGH" }[word(item.detail)];
  return { image: { ...toMedia(word(item.image_url)), ...(detail === undefined ? {} : { detail }) }, ...marks };
}

function toMessage(item: Item): JsonObject {
  if (item.type === "function_call") {
    const kept = without(item, "type", "id", "call_id", "name", "arguments");
    const call = { callId: item.call_id ?? "", name: item.name ?? "", argumentsJson: item.arguments ?? "" };
    return { role: "ROLE_ASSISTANT", parts: [{ toolCall: call, ...state(item.id, kept) }] };
  }
  if (item.type === "function_call_output") {
    const toolResult = { callId: item.call_id ?? "", parts: [{ text: item.output ?? "" }] };
    return { role: "ROLE_TOOL", parts: [{ toolResult }] };
  }
  const role = roles[word(item.role)];
  if (role === undefined || item.type === "additional_tools") {
    return { role: "ROLE_ASSISTANT", parts: [{ reasoning: {}, ...state(item.id, item) }] };
  }
  const content = typeof item.content === "string" ? [{ type: "input_text", text: item.content }] : item.content;
  const parts = (content as Item[]).map((part) => ({
    ...toPart(part),
    ...(item.id === undefined
      ? {}
      : state(item.id, {
          item: without(item, "id", "type", "role", "content"),
          part: without(part, "text", "logprobs"),
        })),
  }));
  return { role, parts };
}

/** Hosted tools, and those with fields that the contract has not. */
function isPlain(tool: Item): boolean {
  return tool.type === "function" && tool.defer_loading === undefined;
}

function toTool({ name, description, parameters, strict }: Item): JsonObject {
  return {
    name: name ?? "",
    description: description ?? "",
    parametersJsonSchema: JSON.stringify(parameters),
    ...(typeof strict === "boolean" ? { strict } : {}),
  };
}

function toFormat({ type, schema, strict, name, description }: Item): JsonObject {
  if (type === "json_object") return { jsonObject: {} };
  const schemaJson = JSON.stringify(schema);
  return {
    jsonSchema: {
      name: name ?? "",
      description: description ?? "",
      schemaJson,
      ...(typeof strict === "boolean" ? { strict } : {}),
    },
  };
}

const efforts: Readonly<Record<string, string>> = {
  low: "REASONING_EFFORT_LOW",
  medium: "REASONING_EFFORT_MEDIUM",
  high: "REASONING_EFFORT_HIGH",
};

const modes: Readonly<Record<string, string>> = {
  auto: "TOOL_CHOICE_MODE_AUTO",
  required: "TOOL_CHOICE_MODE_REQUIRED",
};

const TOLD = ["model", "input", "instructions", "tools", "tool_choice", "text", "max_output_tokens", "temperature"];

function toPrompt(request: Item): JsonObject {
  const { instructions, input, tools = [], tool_choice, text, reasoning, max_output_tokens, temperature } = request;
  const items = typeof input === "string" ? [{ role: "user", content: input }] : (input as Item[]);
  const messages = items.map(toMessage);
  if (instructions !== undefined) messages.unshift({ role: "ROLE_SYSTEM", parts: [{ text: instructions }] });
  const effort = efforts[word((reasoning as Item | undefined)?.effort)];
  const options = without(request, ...TOLD, "stream", ...(effort === undefined ? [] : ["reasoning"]));
  const hosted = (tools as Item[]).filter((tool) => !isPlain(tool));
  return {
    model: "any",
    messages,
    tools: (tools as Item[]).filter(isPlain).map(toTool),
    ...(tool_choice === undefined ? {} : { toolChoice: { mode: modes[word(tool_choice)] ?? "" } }),
    ...(text === undefined ? {} : { responseFormat: toFormat((text as Item).format as Item) }),
    ...(effort === undefined ? {} : { reasoning: { effort } }),
    ...(max_output_tokens === undefined ? {} : { maxOutputTokens: max_output_tokens }),
    ...(temperature === undefined ? {} : { temperature }),
    providerOptions: { house: { include: [], ...options, ...(hosted.length > 0 ? { tools: hosted } : {}) } },
  };
}

/** How an item is written here; the differences, and why. */
function asWritten(item: Item): Item {
  switch (item.type) {
    case "function_call":
      // What has an id or more comes from an answer, where it was completed.
      return Object.keys(item).length > 4 ? { status: "completed", ...item } : item;
    case undefined:
    case "message": {
      const content = (typeof item.content === "string" ? [] : (item.content as Item[])).map((part) =>
        // vLLM wants the detail of a picture; log probabilities are not given back.
        part.type === "input_image" ? { detail: "auto", ...part } : without(part, "logprobs"),
      );
      if (item.id !== undefined) return { ...item, content };
      const [only] = content;
      const isText =
        content.length === 1 && word(only?.type).endsWith("_text") && only?.prompt_cache_breakpoint === undefined;
      // The short form says the same as the long one, and `system` the same as `developer`.
      return {
        role: item.role === "developer" ? "system" : (item.role ?? ""),
        content: isText ? (only?.text ?? "") : typeof item.content === "string" ? item.content : content,
      };
    }
    default:
      return item;
  }
}

function bodyAsWritten(request: Item): Item {
  const { input, instructions, tools, text, include, stream, ...rest } = request;
  const items = typeof input === "string" ? [{ role: "user", content: input }] : (input as Item[]);
  const written = items.map(asWritten);
  // Instructions are a message of the input.
  if (instructions !== undefined) written.unshift({ role: "system", content: instructions });
  const functions = (tools as Item[] | undefined)?.map((tool) =>
    Object.fromEntries(Object.entries(tool).filter(([, value]) => value !== null && value !== "")),
  );
  return {
    store: false,
    ...rest,
    input: written,
    ...(stream === true ? { stream } : {}),
    ...(include === undefined || (include as Item[]).length === 0 ? {} : { include }),
    // The contract's tools come before the provider's own.
    ...(functions === undefined || functions.length === 0
      ? {}
      : { tools: [...functions.filter(isPlain), ...functions.filter((tool) => !isPlain(tool))] }),
    ...(text === undefined ? {} : { text }),
  };
}

describe.skipIf(!available)("recorded openai.responses requests", () => {
  test("are nearly all told", () => {
    expect(recorded.length).toBe(77);
  });

  test.each(recorded)("$name is written as it was sent", ({ request, model }) => {
    const prompt = fromJson(PromptSchema, toPrompt(request));
    const delivery = request.stream === true ? "stream" : "unary";
    const { body } = openAiResponsesFor(undefined).encode(prompt, { provider: "house", model }, delivery);
    expect(JSON.parse(body)).toEqual(bodyAsWritten(request));
  });
});

import { describe, expect, test } from "vitest";
import { openAiChatFor } from "../../src/provider/openai-chat/index.ts";
import { available, readExchanges } from "../exchanges/exchanges.ts";
import { toPrompt } from "./openai-chat-requests.ts";
import { blocks, list, record, type Wire } from "./wire-json.ts";

const exchanges = readExchanges("openai.chat");

/** Requests that the contract cannot put, and why. */
const beyond: Readonly<Record<string, string>> = {
  "llamacpp/error-400--qwen3-vl-2b-instruct-q8-0--ab74d79": "its picture is no base64",
  "llamacpp/error-400--qwen3-vl-2b-instruct-q8-0--bba4760": "it shows a film",
  "openai/error-400--gpt-4o-mini--305e5f7": "its messages are in a message: the API refused it",
  "openai/tool-single--gpt-4--29c4c47": "it has functions, the old form of tools",
  "together/tool-single--meta-llama-3-1-70b-instruct-turbo--81aa9ca":
    "it has a choice of functions, the old form of tools",
  "llamacpp/n-choices--qwen3-1-7b-q4-k-m--a433238": "it asks for two answers",
  "mistral/n-choices--mistral-small-latest--821d1d9": "it asks for two answers",
  "mistral/n-choices--mistral-small-latest--b669067": "it asks for two answers",
  "openai/n-choices--gpt-3-5-turbo--555dd4e": "it asks for two answers",
  "openai/n-choices--gpt-3-5-turbo--71ca642": "it asks for two answers",
  "openai/n-choices--gpt-4o-mini--b0b3025": "it asks for two answers",
};

/** Presets of exchanges whose folder has another name; those of no preset are as the standard has it. */
const PRESETS: Readonly<Record<string, string>> = {
  "hf-nebius": "huggingface",
  "hf-together": "huggingface",
  anthropic: "none",
  gemini: "none",
};

/**
 * What may differ between a recorded body and ours, since servers take one for the other: a string for one text, empty
 * lists, nulls and defaults left out, `developer` for `system`, the old and the new name of the limit, reasoning told
 * under both of its names. Usage in streams is always asked for. Marks for the cache have no lifetime in the contract,
 * and stand on parts only.
 */
function normalized(body: Wire): unknown {
  const { model: _, stream, stream_options: __, messages, tools, tool_choice, n, stop, top_logprobs, ...fields } = body;
  const { max_completion_tokens, max_tokens = max_completion_tokens, response_format, thinking, ...rest } = fields;
  const isNamed = record(tool_choice).function !== undefined;
  return without({
    ...rest,
    max_tokens,
    // A function is named; an effort turns reasoning on.
    tool_choice: isNamed ? { type: "function", ...record(tool_choice) } : tool_choice,
    thinking: record(thinking).type === "enabled" ? null : thinking,
    response_format: normalizedFormat(response_format),
    stream: stream === true ? stream : undefined,
    n: n === 1 ? undefined : n,
    top_logprobs: top_logprobs === 0 ? undefined : top_logprobs,
    stop: typeof stop === "string" ? [stop] : stop,
    messages: list(messages).map(normalizedMessage),
    tools: list(tools).length === 0 ? undefined : ownFirst(list(tools)).map(normalizedTool),
  });
}

/** A schema without a name is called `response`. */
function normalizedFormat(format: unknown): unknown {
  const { type, json_schema } = record(format);
  return type === "json_schema" ? { type, json_schema: { name: "response", ...record(json_schema) } } : format;
}

/** Tools of the provider come after the caller's. */
function ownFirst(tools: readonly Wire[]): readonly Wire[] {
  return [...tools.filter(({ type }) => type === "function"), ...tools.filter(({ type }) => type !== "function")];
}

function normalizedTool({ cache_control: _mark, ...tool }: Wire): Wire {
  const { description, ...rest } = record(tool.function);
  return tool.function === undefined
    ? tool
    : { ...tool, function: without({ ...rest, description: description || null }) };
}

function normalizedMessage({ role, content, tool_calls, prefix, reasoning_content, ...message }: Wire): Wire {
  const parts = blocks(content).map(normalizedPart);
  return without({
    reasoning: reasoning_content,
    ...message,
    prefix: prefix === true ? prefix : null,
    role: role === "developer" ? "system" : role,
    content: parts.filter(({ type, text }) => type !== "text" || text !== ""),
    tool_calls: list(tool_calls).length === 0 ? null : list(tool_calls).map(({ index: _index, ...call }) => call),
  });
}

function normalizedPart({ cache_control, image_url, ...part }: Wire): Wire {
  const { url = image_url, detail } = record(image_url);
  const image = url === null || url === undefined ? null : without({ url, detail: detail === "auto" ? null : detail });
  return without({ ...part, image_url: image, cache_control: cache_control ? { type: "ephemeral" } : null });
}

/** Null says nothing. */
function without(fields: Wire): Wire {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null && value !== undefined));
}

/** Mistral takes ids of nine characters only, which those are no more that were taken out of the recordings. */
function withShortIds(request: Wire): Wire {
  return JSON.parse(JSON.stringify(request).replaceAll("call_REDACTED_", "REDACTED")) as Wire;
}

describe.skipIf(!available)("recorded openai.chat requests", () => {
  const asked = exchanges.flatMap(({ request, ...exchange }) => {
    return request === null ? [] : [{ ...exchange, request: withShortIds(request) }];
  });
  const recorded = asked.filter(({ name }) => beyond[name] === undefined);

  test("are all there", () => {
    expect([asked.length, recorded.length + Object.keys(beyond).length]).toEqual([244, 244]);
  });

  test.each(recorded)("$name is written as it was", ({ request, provider, model, stream }) => {
    const prompt = toPrompt(without(request), provider);
    const target = { provider, model };
    const dialect = openAiChatFor(PRESETS[provider] ?? provider);
    const { body } = dialect.encode(prompt, target, stream ? "stream" : "unary");
    expect(normalized(JSON.parse(body))).toEqual(normalized(request));
  });
});

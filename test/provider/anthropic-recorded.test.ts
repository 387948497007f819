import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { Role } from "../../src/domain/contract.ts";
import { anthropicFor } from "../../src/provider/anthropic/index.ts";
import { decode, fold, frames } from "../exchanges/decode.ts";
import { available, type Exchange, readExchanges } from "../exchanges/exchanges.ts";
import { toPrompt } from "./anthropic-requests.ts";
import { blocks, list, textOf, type Wire } from "./wire-json.ts";

const dialect = anthropicFor(undefined);
const exchanges = readExchanges("anthropic.messages");

/** Requests that the contract cannot put, and why. */
const beyond: Readonly<Record<string, string>> = {
  "anthropic/error-400--claude-3-opus-20240229--65d4ea8": "its message is no message: the API refused it",
};

/**
 * What may differ between a recorded body and ours, since the API takes one for the other: a string for one text, and
 * neighbours of one role apart, tools in another order. And what the contract has no place for: marks on tools, deferred loading of tools,
 * citations of documents, how thinking is shown. `output_format` is the old name of `output_config.format`.
 */
function normalized(body: Wire): unknown {
  const { system, messages, tools, thinking, output_format, output_config, stream: _, model: __, ...rest } = body;
  const { anthropic_version: ___, ...fields } = rest;
  const { display: ____, ...thought } = (thinking ?? {}) as Wire;
  const merged: { role: unknown; content: unknown[] }[] = [];
  for (const { role, content } of list(messages)) {
    const last = merged.at(-1);
    if (last?.role === role) last?.content.push(...blocks(content).map(normalizedBlock));
    else merged.push({ role, content: blocks(content).map(normalizedBlock) });
  }
  const config = { ...(output_format ? { format: output_format } : {}), ...((output_config ?? {}) as Wire) };
  return {
    ...fields,
    system: blocks(system).map(normalizedBlock),
    messages: merged,
    tools: ownFirst(list(tools)).map(({ cache_control: _mark, defer_loading: _deferred, description, ...tool }) => {
      return description ? { ...tool, description } : tool;
    }),
    thinking: thought,
    output_config: config,
  };
}

/** Tools of the provider come after the caller's. */
function ownFirst(tools: readonly Wire[]): readonly Wire[] {
  const isOwn = (tool: Wire): boolean => tool.input_schema !== undefined;
  return [...tools.filter(isOwn), ...tools.filter((tool) => !isOwn(tool))];
}

function normalizedBlock({ cache_control, citations, content, ...block }: Wire): Wire {
  return {
    ...block,
    ...(cache_control ? { cache_control: { type: "ephemeral" } } : {}),
    ...(block.type === "document" || citations === undefined ? {} : { citations }),
    ...(content === undefined ? {} : { content: block.type === "tool_result" ? blocks(content) : content }),
  };
}

describe.skipIf(!available)("recorded anthropic.messages requests", () => {
  const recorded = exchanges.filter(({ request, name }) => request !== null && beyond[name] === undefined);

  test("are all there", () => {
    const asked = exchanges.filter(({ request }) => request !== null);
    expect(asked.length).toBe(recorded.length + Object.keys(beyond).length);
  });

  test.each(recorded)("$name is written as it was", (exchange) => {
    const request = exchange.request ?? {};
    const prompt = toPrompt(request, "anthropic");
    const target = { provider: "anthropic", model: exchange.model };
    const { body } = dialect.encode(prompt, target, exchange.stream ? "stream" : "unary");
    expect(normalized(JSON.parse(body))).toEqual(normalized(request));
  });
});

/** The content of an answer as the API has it: of a stream, put together from its events. */
function contentOf({ body, body_format }: Exchange): Wire[] {
  if (body_format === "json") return list(JSON.parse(body.toString("utf8")).content);
  const content: Record<string, unknown>[] = [];
  const json = new Map<number, string>();
  for (const { data } of frames([body])) {
    if (data === "[DONE]") break;
    const event = JSON.parse(data);
    if (event.type === "content_block_start") content[event.index] = { ...event.content_block };
    if (event.type !== "content_block_delta") continue;
    const block = content[event.index] ?? {};
    const { type: _type, partial_json, citation, estimated_tokens: _estimated, ...fields } = event.delta as Wire;
    if (typeof partial_json === "string") json.set(event.index, (json.get(event.index) ?? "") + partial_json);
    if (citation !== undefined) block.citations = [...list(block.citations), citation];
    for (const [key, value] of Object.entries(fields)) block[key] = textOf(block[key]) + textOf(value);
  }
  for (const [index, text] of json) if (text !== "") (content[index] ?? {}).input = JSON.parse(text);
  return content;
}

/** Empty lists of citations, and that the model itself called a tool, go without saying; empty texts are not taken. */
function givenBack(content: readonly Wire[]): Wire[] {
  return content.flatMap(({ citations, caller, ...block }) => {
    if (block.type === "text" && block.text === "") return [];
    const called = block.type === "tool_use" && (caller as Wire | undefined)?.type === "direct" ? undefined : caller;
    return [
      {
        ...block,
        ...(list(citations).length > 0 ? { citations } : {}),
        ...(called === undefined ? {} : { caller: called }),
      },
    ];
  });
}

describe.skipIf(!available)("recorded anthropic.messages answers", () => {
  const answers = exchanges.filter(({ expect: said }) => said.error === null);

  test.each(answers)("$name goes back as it came", async (exchange) => {
    const { parts } = await fold(decode(dialect, exchange, [exchange.body]));
    const prompt = create(PromptSchema, {
      model: exchange.model,
      messages: [
        { role: Role.USER, parts: [{ content: { case: "text", value: "Hello" } }] },
        { role: Role.ASSISTANT, parts },
        { role: Role.USER, parts: [{ content: { case: "text", value: "Go on." } }] },
      ],
    });
    const target = { provider: "anthropic", model: exchange.model };
    const messages = list(JSON.parse(dialect.encode(prompt, target, "unary").body).messages);
    const content = messages.filter(({ role }) => role === "assistant").flatMap((message) => blocks(message.content));
    expect(content).toEqual(givenBack(contentOf(exchange)));
  });
});

/** What came out goes back in: recorded answers, given back as the next turn's history. */
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { MessageSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { type Part, Role } from "../../src/domain/contract.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import { decode, fold, frames } from "./decode.ts";
import { available, type Exchange, readExchanges } from "./exchanges.ts";

type Item = Readonly<Record<string, unknown>>;

const dialect = openAiResponsesFor(undefined);
const answers = readExchanges("openai.responses").filter(
  // The last has a text whose deltas differ from its end.
  ({ expect: wire, name }) => wire.error === null && !name.startsWith("openai/stream-text--gpt-5-2-2025-12-11"),
);

/** The items as the wire said them, in their order, which is not always that of their ends (OpenRouter). */
function itemsOf(exchange: Exchange): Item[] {
  if (exchange.body_format === "json") return JSON.parse(exchange.body.toString("utf8")).output;
  return frames([exchange.body])
    .filter(({ data }) => data !== "[DONE]")
    .map(({ data }) => JSON.parse(data))
    .filter(({ type }) => type === "response.output_item.done")
    .sort((a, b) => a.output_index - b.output_index)
    .map(({ item }) => item);
}

function without(record: Item, ...names: string[]): Item {
  return Object.fromEntries(Object.entries(record).filter(([name, value]) => !names.includes(name) && value !== null));
}

/**
 * An item as it is to go back. Hosted calls and reasoning: just as they are, but no reasoning that only its provider
 * could look up. Of messages and calls neither what is null, nor log probabilities, nor fields of events; of a call
 * without an id only what the contract says.
 */
function asInput(item: Item): Item[] {
  switch (item.type) {
    case "reasoning": {
      const open = Array.isArray(item.content) && item.content.length > 0;
      return item.encrypted_content || open ? [item] : [];
    }
    case "message":
      return (item.content as Item[]).length === 0
        ? []
        : [{ ...without(item), content: (item.content as Item[]).map((part) => without(part, "logprobs")) }];
    case "function_call":
      return [without(item, "item_id", "output_index", ...(item.id === undefined ? ["status"] : []))];
    default:
      return [item];
  }
}

function encodeAgain(parts: Part[], preset?: string): Item[] {
  const messages = [create(MessageSchema, { role: Role.ASSISTANT, parts })];
  const prompt = create(PromptSchema, { model: "any", messages });
  const { body } = openAiResponsesFor(preset).encode(prompt, { provider: "house", model: "m" }, "unary");
  return JSON.parse(body).input;
}

describe.skipIf(!available)("recorded openai.responses answers", () => {
  test.each(answers)("$name goes back as it came", async (exchange) => {
    const { parts } = await fold(decode(dialect, exchange, [exchange.body]));
    expect(encodeAgain(parts)).toEqual(itemsOf(exchange).flatMap(asInput));
  });

  test.each(answers)("$name leaves its state out for other vendors", async (exchange) => {
    const { parts } = await fold(decode(dialect, exchange, [exchange.body]));
    const items = encodeAgain(parts, "xai-responses");
    const texts = parts.filter(({ content }) => content.case === "text").length;
    const calls = parts.filter(({ content }) => content.case === "toolCall").length;
    expect({
      texts: items.filter(({ role, type }) => role === "assistant" && type === undefined).length,
      calls: items.filter(({ type, id }) => type === "function_call" && id === undefined).length,
      all: items.length,
    }).toEqual({ texts, calls, all: texts + calls });
  });

  test("encrypted reasoning is the same byte for byte", async () => {
    const encrypted = answers.filter(({ body }) => body.includes('"encrypted_content":"'));
    expect(encrypted.length).toBe(20);
    for (const exchange of encrypted) {
      const { parts } = await fold(decode(dialect, exchange, [exchange.body]));
      const wire = itemsOf(exchange).filter(({ type }) => type === "reasoning");
      const again = encodeAgain(parts).filter(({ type }) => type === "reasoning");
      const bytes = (items: Item[]) =>
        items.filter((item) => item.encrypted_content).map((item) => JSON.stringify(item));
      expect(bytes(again), exchange.name).toEqual(bytes(wire));
    }
  });
});

/** Conversations of several turns, on every dialect and from each to each: what came out goes back in. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MessageSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { collect } from "../../src/domain/collect.ts";
import { type Part, Role, type StreamResponse } from "../../src/domain/contract.ts";
import type { ChatEvent } from "../../src/domain/event.ts";
import { markOf, REPLY, type Turn, vendorAnswers, WORDS } from "../support/vendor-answers.ts";
import { openVendors, type Vendors } from "../support/vendors.ts";
import type { Delivery } from "./support.ts";

let vendors: Vendors;

beforeAll(async () => {
  vendors = await openVendors();
});

afterAll(() => vendors.close());

type Message = MessageInitShape<typeof MessageSchema>;

const tools = [
  { name: "weather", parametersJsonSchema: '{"type":"object","properties":{"city":{"type":"string"}}}' },
  { name: "clock", parametersJsonSchema: '{"type":"object","properties":{}}' },
];

function says(words: string): Message {
  return { role: Role.USER, parts: [{ content: { case: "text", value: words } }] };
}

function results(parts: readonly Part[]): Message {
  return {
    role: Role.TOOL,
    parts: parts.flatMap(({ content }) => {
      if (content.case !== "toolCall") return [];
      const { callId, name } = content.value;
      const value = { callId, name, parts: [{ content: { case: "text" as const, value: `${name} says so` } }] };
      return [{ content: { case: "toolResult" as const, value } }];
    }),
  };
}

async function collectStream(responses: AsyncIterable<StreamResponse>): Promise<Part[]> {
  const events: ChatEvent[] = [];
  for await (const { event } of responses) if (event.case !== undefined) events.push(event);
  return (await collect({ first: events, rest: undefined })).parts;
}

/** An answer's parts. */
async function ask(dialect: string, delivery: Delivery, messages: Message[], wanted: Turn): Promise<Part[]> {
  vendors.turn = wanted;
  const prompt = { model: `${dialect}/${vendorAnswers[dialect]?.model}`, messages, tools, maxOutputTokens: 500 };
  const request = { attribution: { feature: "test" }, prompt };
  return delivery === "unary"
    ? (await vendors.gateway.client.complete(request)).parts
    : await collectStream(vendors.gateway.client.stream(request));
}

function textOf(parts: readonly Part[]): string {
  return parts.map(({ content }) => (content.case === "text" ? content.value : "")).join("");
}

function callsOf(parts: readonly Part[]): string[] {
  return parts.flatMap(({ content }) =>
    content.case === "toolCall" ? [`${content.value.name} ${content.value.argumentsJson}`] : [],
  );
}

/** Whose state is in what a vendor was sent last. */
function statesSentTo(dialect: string): string[] {
  return Object.keys(vendorAnswers).filter((owner) => vendors.sent.get(dialect)?.includes(markOf(owner)));
}

/** The vendors whose wire has no place for what only they read. */
const PLAIN = ["cohere", "ollama"];

const dialects = Object.keys(vendorAnswers);
const pairs = dialects.flatMap((first) => dialects.map((second) => [first, second] as const));

describe.each(["stream", "unary"] as const)("%s", (delivery) => {
  test.each(pairs)("a conversation with %s goes on with %s, and back", async (first, second) => {
    const asked = says("What is the weather, and the time?");
    const called = await ask(first, delivery, [asked], "calls");
    expect(callsOf(called)).toEqual(['weather {"city":"Kraków"}', "clock {}"]);
    expect(textOf(called)).toBe(first === "cohere" ? "" : WORDS);

    const history = [asked, { role: Role.ASSISTANT, parts: called }, results(called)];
    const replied = await ask(second, delivery, history, "text");
    expect(textOf(replied)).toBe(REPLY);
    expect(statesSentTo(second)).toEqual(first === second && !PLAIN.includes(first) ? [first] : []);
    for (const said of ["weather says so", "clock says so"]) expect(vendors.sent.get(second)).toContain(said);

    const more = [...history, { role: Role.ASSISTANT, parts: replied }, says("And tomorrow?")];
    const again = await ask(first, delivery, more, "calls");
    expect(callsOf(again)).toHaveLength(2);
    expect(statesSentTo(first)).toEqual(PLAIN.includes(first) ? [] : [first]);
    expect(vendors.sent.get(first)).toContain(REPLY);
  });
});

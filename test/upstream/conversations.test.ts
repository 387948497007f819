/** Conversations of several turns, on every dialect and from each to each: what came out goes back in. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MessageSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { collect } from "../../src/domain/collect.ts";
import { type Part, Role, type StreamResponse } from "../../src/domain/contract.ts";
import type { ChatEvent } from "../../src/domain/event.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { markOf, REPLY, type Turn, type VendorAnswers, vendorAnswers, WORDS } from "../support/vendor-answers.ts";
import { type Delivery, toYaml } from "./support.ts";

/** What a vendor was sent last. */
const sent = new Map<string, string>();
let gateway: TestGateway;
let close: () => Promise<void>;

/** The turn that is asked for: what follows a tool's result or a later question is a text. */
let turn: Turn = "calls";

async function openVendor(dialect: string, answers: VendorAnswers) {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      sent.set(dialect, body);
      const streams = answers.streams(request.url ?? "", JSON.parse(body) as Record<string, unknown>);
      response.writeHead(200, { "content-type": streams ? answers.streamType : "application/json" });
      response.end(streams ? answers.stream(turn) : JSON.stringify(answers.whole(turn)));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const KEYS = { OPENROUTER_API_KEY: "k", OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "k", GEMINI_API_KEY: "k" };

beforeAll(async () => {
  const providers: Record<string, Readonly<Record<string, unknown>>> = {};
  const servers = await Promise.all(
    Object.entries(vendorAnswers).map(async ([dialect, answers]) => {
      const server = await openVendor(dialect, answers);
      const base_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      providers[dialect] = { dialect: undefined, ...answers.provider, base_url };
      return server;
    }),
  );
  const environment = { ...KEYS, AWS_BEARER_TOKEN_BEDROCK: "k", CO_API_KEY: "k" };
  gateway = await startGateway(toYaml({ providers, limits: {} }), { environment });
  close = async () => {
    await gateway.close();
    for (const server of servers) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
});

afterAll(() => close());

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
  turn = wanted;
  const prompt = { model: `${dialect}/${vendorAnswers[dialect]?.model}`, messages, tools, maxOutputTokens: 500 };
  const request = { attribution: { feature: "test" }, prompt };
  return delivery === "unary"
    ? (await gateway.client.complete(request)).parts
    : await collectStream(gateway.client.stream(request));
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
  return Object.keys(vendorAnswers).filter((owner) => sent.get(dialect)?.includes(markOf(owner)));
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
    for (const said of ["weather says so", "clock says so"]) expect(sent.get(second)).toContain(said);

    const more = [...history, { role: Role.ASSISTANT, parts: replied }, says("And tomorrow?")];
    const again = await ask(first, delivery, more, "calls");
    expect(callsOf(again)).toHaveLength(2);
    expect(statesSentTo(first)).toEqual(PLAIN.includes(first) ? [] : [first]);
    expect(sent.get(first)).toContain(REPLY);
  });
});

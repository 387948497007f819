/** Prompts of every feature, and what a dialect writes for them and for recorded answers that are given back. */
import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Message, MessageSchema } from "../../gen/sluice/v1/chat_pb.ts";
import { type CompleteResponse, Role } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import { decode, fold } from "../exchanges/decode.ts";
import { readExchanges } from "../exchanges/exchanges.ts";
import { bodyOf, followUp } from "../provider/encoding.ts";

const schema =
  '{"type":"object","properties":{"city":{"type":"string"}},"required":["city"],"additionalProperties":false}';
const weather = { name: "weather", description: "Tells the weather.", parametersJsonSchema: schema };
const clock = { name: "clock", parametersJsonSchema: '{"type":"object","properties":{}}' };
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const BYTES = Buffer.from("%PDF-1.4").toString("base64");

const user = (...parts: JsonObject[]): JsonObject => ({ role: "ROLE_USER", parts });
const system = (...texts: string[]): JsonObject => ({ role: "ROLE_SYSTEM", parts: texts.map((text) => ({ text })) });
const says = (...parts: JsonObject[]): JsonObject => ({ role: "ROLE_ASSISTANT", parts });
const called = (callId: string, name: string, args = ""): JsonObject => ({
  toolCall: { callId, name, argumentsJson: args },
});
const result = (callId: string, name: string, more: JsonObject = {}): JsonObject => ({
  toolResult: { callId, name, parts: [{ text: "12:30" }], ...more },
});
const told = (...parts: JsonObject[]): JsonObject => ({ role: "ROLE_TOOL", parts });
const hello = user({ text: "Hello" });
const calls = says({ text: "Let me see." }, called("c-1", "weather", '{"city":"Berlin"}'), called("c-2", "clock"));

const EFFORTS = ["NONE", "MINIMAL", "LOW", "MEDIUM", "HIGH", "XHIGH"];

/** By name, in the contract's JSON. */
const prompts: Readonly<Record<string, JsonObject>> = {
  "a text": {},
  "several texts": { messages: [user({ text: "One." }, { text: "Two." })] },
  instructions: { messages: [system("Be brief."), hello] },
  "instructions of two texts": { messages: [system("Be brief.", "Be kind."), hello] },
  "instructions in between": {
    messages: [system("Be brief."), hello, says({ text: "Hi." }), system("Be long."), hello],
  },
  "an earlier answer": { messages: [hello, says({ text: "Hi." }), user({ text: "Go on." })] },
  "an earlier answer of two texts": { messages: [hello, says({ text: "Hi." }, { text: "Yes?" }), hello] },
  "a limit": { maxOutputTokens: 100 },
  "a temperature": { temperature: 0.5 },
  top_p: { topP: 0.9 },
  top_k: { topK: 40 },
  stops: { stopSequences: ["END", "STOP"] },
  "a seed": { seed: "7" },
  "a large seed": { seed: "2147483647" },
  penalties: { frequencyPenalty: 0.5, presencePenalty: -0.5 },
  "log probabilities": { logprobs: {} },
  "likely tokens": { logprobs: { top: 5 } },
  tools: { tools: [weather, clock] },
  "a tool without arguments": { tools: [{ name: "ping" }] },
  "strict tools": { tools: [{ ...weather, strict: true }] },
  "lax tools": { tools: [{ ...weather, strict: false }] },
  "tools at will": { tools: [weather], toolChoice: { mode: "TOOL_CHOICE_MODE_AUTO" } },
  "no tool": { tools: [weather], toolChoice: { mode: "TOOL_CHOICE_MODE_NONE" } },
  "some tool": { tools: [weather, clock], toolChoice: { mode: "TOOL_CHOICE_MODE_REQUIRED" } },
  "this tool": { tools: [weather, clock], toolChoice: { toolName: "clock" } },
  "one tool at a time": { tools: [weather], parallelToolCalls: false },
  "many tools at a time": { tools: [weather], parallelToolCalls: true },
  "tool results": {
    tools: [weather, clock],
    messages: [hello, calls, told(result("c-1", "weather"), result("c-2", "clock"))],
  },
  "tool results apart": {
    tools: [weather, clock],
    messages: [hello, calls, told(result("c-1", "weather")), told(result("c-2", "clock")), user({ text: "Well?" })],
  },
  "a tool that failed": {
    tools: [weather, clock],
    messages: [hello, calls, told(result("c-1", "weather", { isError: true }), result("c-2", "clock"))],
  },
  "a tool that says nothing": {
    tools: [weather, clock],
    messages: [hello, calls, told(result("c-1", "weather", { parts: [] }), result("c-2", "clock"))],
  },
  "a tool that shows a picture": {
    tools: [weather, clock],
    messages: [
      hello,
      calls,
      told(
        result("c-1", "weather", { parts: [{ text: "See:" }, { image: { mimeType: "image/png", data: PIXEL } }] }),
        result("c-2", "clock"),
      ),
    ],
  },
  "a JSON object": { responseFormat: { jsonObject: {} } },
  "a schema": { responseFormat: { jsonSchema: { schemaJson: schema } } },
  "a strict schema": {
    responseFormat: { jsonSchema: { name: "place", description: "A place.", schemaJson: schema, strict: true } },
  },
  "a text, expressly": { responseFormat: { text: {} } },
  ...Object.fromEntries(
    EFFORTS.map((effort) => [`effort ${effort}`, { reasoning: { effort: `REASONING_EFFORT_${effort}` } }]),
  ),
  "a budget": { reasoning: { budgetTokens: 2048 }, maxOutputTokens: 8192 },
  "no budget": { reasoning: { budgetTokens: 0 } },
  "reasoning of another": {
    messages: [hello, says({ reasoning: { text: "Hm." } }, { text: "Hi." }), user({ text: "Go on." })],
  },
  "a picture": { messages: [user({ image: { mimeType: "image/png", data: PIXEL } }, { text: "What is it?" })] },
  "a picture by address": { messages: [user({ image: { uri: "https://example.com/a.png", mimeType: "image/png" } })] },
  "a picture in detail": {
    messages: [user({ image: { mimeType: "image/png", data: PIXEL, detail: "IMAGE_DETAIL_HIGH" } })],
  },
  sound: { messages: [user({ audio: { mimeType: "audio/wav", data: BYTES } }, { text: "What is said?" })] },
  "a document": {
    messages: [user({ file: { mimeType: "application/pdf", data: BYTES, filename: "a.pdf" } }, { text: "Sum it up." })],
  },
  "a plain document": { messages: [user({ file: { mimeType: "text/plain", data: BYTES } }, { text: "Sum it up." })] },
  "a document by address": {
    messages: [
      user({ file: { mimeType: "application/pdf", uri: "https://example.com/a.pdf" } }, { text: "Sum it up." }),
    ],
  },
  "a document by id": { messages: [user({ file: { providerFileId: "file-1", mimeType: "application/pdf" } })] },
  "a cached prefix": {
    messages: [system("Be brief."), user({ text: "Long.", cacheBreakpoint: {} }, { text: "Short." })],
  },
  "cached instructions": {
    messages: [{ role: "ROLE_SYSTEM", parts: [{ text: "Long.", cacheBreakpoint: {} }] }, hello],
  },
};

/** A body that a vendor is to accept, and where it is from. */
export interface Body {
  readonly name: string;
  readonly body: JsonObject;
}

export interface Written {
  readonly bodies: readonly Body[];
  /** Prompts that the dialect refuses. */
  readonly refused: readonly string[];
}

/** Whole and streamed in turn: what differs between the two is the same for every prompt. */
export function writePrompts(dialect: Dialect, model: string, more: JsonObject = {}): Written {
  const bodies: Body[] = [];
  const refused: string[] = [];
  for (const [at, [name, prompt]] of Object.entries(prompts).entries()) {
    try {
      bodies.push({ name, body: bodyOf(dialect, { ...more, ...prompt }, model, at % 2 === 0 ? "unary" : "stream") });
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      refused.push(name);
    }
  }
  return { bodies, refused };
}

/** Answers that vendors gave, given back with the results of the tools that they call. */
export async function writeAnswers(dialect: Dialect, api: string, providers: readonly string[]): Promise<Body[]> {
  const bodies: Body[] = [];
  for (const exchange of readExchanges(api)) {
    if (exchange.expect.error !== null || !providers.includes(exchange.provider)) continue;
    const answer = await fold(decode(dialect, exchange, [exchange.body]));
    if (answer.parts.length === 0) continue;
    const results = resultsOf(answer);
    const prompt = followUp(answer, [results ?? create(MessageSchema, userMessage)]);
    bodies.push({
      name: exchange.name,
      body: bodyOf(dialect, { ...prompt, maxOutputTokens: 100 }, exchange.model || "m"),
    });
  }
  return bodies;
}

const userMessage = { role: Role.USER, parts: [{ content: { case: "text" as const, value: "Go on." } }] };

function resultsOf({ parts }: CompleteResponse): Message | undefined {
  const results = parts.flatMap(({ content }) => {
    if (content.case !== "toolCall") return [];
    const { callId, name } = content.value;
    const value = { callId, name, parts: [{ content: { case: "text" as const, value: "Done." } }] };
    return [{ content: { case: "toolResult" as const, value } }];
  });
  return results.length === 0 ? undefined : create(MessageSchema, { role: Role.TOOL, parts: results });
}

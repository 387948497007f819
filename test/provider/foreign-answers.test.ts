/** Answers of other providers, given back to each dialect: what it would refuse of them does not reach it. */
import type { JsonObject } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { anthropicFor } from "../../src/provider/anthropic/index.ts";
import { bedrockConverse } from "../../src/provider/bedrock-converse/index.ts";
import { cohere } from "../../src/provider/cohere/index.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import { geminiFor } from "../../src/provider/gemini/index.ts";
import { ollama } from "../../src/provider/ollama/index.ts";
import { openAiChatFor } from "../../src/provider/openai-chat/index.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import { bodyOf } from "./encoding.ts";

/** What each takes for the id of a call; undefined where it takes anything, or has no ids. */
const dialects: readonly (readonly [name: string, dialect: Dialect, ids: RegExp | undefined])[] = [
  ["openai", openAiChatFor("openai"), /^.{1,40}$/],
  ["openrouter", openAiChatFor("openrouter"), /^.{1,40}$/],
  ["mistral", openAiChatFor("mistral"), /^[a-zA-Z0-9]{9}$/],
  ["vllm", openAiChatFor("vllm"), undefined],
  ["openai-responses", openAiResponsesFor("openai-responses"), /^.{1,64}$/],
  ["anthropic", anthropicFor(undefined), /^[a-zA-Z0-9_-]+$/],
  ["gemini", geminiFor(undefined), undefined],
  ["bedrock-converse", bedrockConverse, /^[a-zA-Z0-9_.:-]{1,64}$/],
  ["cohere", cohere, undefined],
  ["ollama", ollama, undefined],
];

const user = { role: "ROLE_USER", parts: [{ text: "Hello" }] };
const foreign = { dialect: "another", data: "sealed" };

/** Ids as Moonshot, Mistral and proxies make them, of which two differ late, or in what would be exchanged. */
const LONG = "x".repeat(90);
const IDS = [
  "functions.weather:0",
  "functions_weather_0",
  "call_A1b2C3d4E5f6G7h8I9j0K1l2",
  "3EpsLcLQ3",
  `${LONG}1`,
  `${LONG}2`,
];

function idsIn({ tools: _tools, ...conversation }: JsonObject): { calls: string[]; results: string[] } {
  const calls: string[] = [];
  const results: string[] = [];
  JSON.stringify(conversation, (key, value: unknown) => {
    const record = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
    if (key === "toolUse") calls.push(String(record.toolUseId));
    if (key === "toolResult") results.push(String(record.toolUseId));
    if (record.type === "function_call") calls.push(String(record.call_id));
    if (record.type === "function_call_output") results.push(String(record.call_id));
    if (record.type === "tool_use" || record.function !== undefined) calls.push(String(record.id));
    if (record.type === "tool_result") results.push(String(record.tool_use_id));
    if (record.role === "tool") results.push(String(record.tool_call_id));
    return value;
  });
  return { calls, results };
}

describe.each(dialects)("%s", (name, dialect, rule) => {
  test("is sent no answer of which nothing is left", () => {
    const answer = { role: "ROLE_ASSISTANT", parts: [{ reasoning: {}, providerState: foreign }] };
    const messages = [user, answer, user];
    const body = JSON.stringify(bodyOf(dialect, { messages }));
    // Ollama's server takes an empty answer for one.
    if (name !== "ollama") expect(body).not.toMatch(/"role":"(assistant|model)"/);
    expect(body).not.toContain("sealed");
  });

  test("is sent ids of calls that it takes, which still tell the calls apart and pair them", () => {
    const messages: JsonObject[] = [
      user,
      { role: "ROLE_ASSISTANT", parts: IDS.map((callId) => ({ toolCall: { callId, name: "weather" } })) },
      {
        role: "ROLE_TOOL",
        parts: IDS.map((callId) => ({ toolResult: { callId, name: "weather", parts: [{ text: "12" }] } })),
      },
    ];
    const { calls, results } = idsIn(bodyOf(dialect, { messages, tools: [{ name: "weather" }] }));
    expect(calls).toEqual(results);
    if (name === "gemini") return;
    const expected = IDS.map((id) => (rule === undefined || rule.test(id) ? id : expect.stringMatching(rule)));
    expect(calls).toEqual(expected);
    expect(new Set(calls).size).toBe(IDS.length);
  });
});

/** How providers are asked to count a prompt, and what they say. */
import type { JsonObject } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import type { PromptCounter } from "../../src/provider/dialect.ts";
import { findDialect } from "../../src/provider/registry.ts";
import { prompt } from "./encoding.ts";

function counterOf(preset: string): PromptCounter {
  const counter = findDialect(preset, undefined)?.counter;
  if (counter === undefined) throw new Error(`${preset} has no counter`);
  return counter;
}

function encoded(preset: string, model: string, json: JsonObject) {
  const request = counterOf(preset).encode(prompt(json), { provider: "house", model });
  return request === undefined ? undefined : { path: request.path, body: JSON.parse(request.body) as unknown };
}

/** More than is counted: how to sample, and how long the answer may be. */
const asked = {
  messages: [
    { role: "ROLE_SYSTEM", parts: [{ text: "Be brief." }] },
    { role: "ROLE_USER", parts: [{ text: "Hello" }] },
  ],
  tools: [
    { name: "look", parametersJsonSchema: '{"type":"object","properties":{"id":{"const":12345678901234567890}}}' },
  ],
  maxOutputTokens: 9,
  temperature: 1,
};

const schema = '{"type":"object","properties":{"id":{"const":12345678901234567890}}}';

test.each<[preset: string, model: string, path: string, body: unknown]>([
  [
    "anthropic",
    "claude-opus-4-8",
    "/v1/messages/count_tokens",
    {
      model: "claude-opus-4-8",
      system: "Be brief.",
      messages: [{ role: "user", content: "Hello" }],
      tools: [{ name: "look", input_schema: JSON.parse(schema) }],
    },
  ],
  [
    "vertex-anthropic",
    "claude-opus-4@20250514",
    "/publishers/anthropic/models/count-tokens:rawPredict",
    {
      model: "claude-opus-4@20250514",
      anthropic_version: "vertex-2023-10-16",
      system: "Be brief.",
      messages: [{ role: "user", content: "Hello" }],
      tools: [{ name: "look", input_schema: JSON.parse(schema) }],
    },
  ],
  [
    "vertex",
    "gemini-2.5-pro",
    "/publishers/google/models/gemini-2.5-pro:countTokens",
    {
      contents: [{ role: "user", parts: [{ text: "Hello" }] }],
      systemInstruction: { parts: [{ text: "Be brief." }] },
      tools: [{ functionDeclarations: [{ name: "look", parametersJsonSchema: JSON.parse(schema) }] }],
      generationConfig: { maxOutputTokens: 9, temperature: 1 },
    },
  ],
  [
    "gemini",
    "gemini-2.5-pro",
    "/models/gemini-2.5-pro:countTokens",
    {
      generateContentRequest: {
        model: "models/gemini-2.5-pro",
        contents: [{ role: "user", parts: [{ text: "Hello" }] }],
        systemInstruction: { parts: [{ text: "Be brief." }] },
        tools: [{ functionDeclarations: [{ name: "look", parametersJsonSchema: JSON.parse(schema) }] }],
        generationConfig: { maxOutputTokens: 9, temperature: 1 },
      },
    },
  ],
  [
    "bedrock",
    "us.anthropic.claude-sonnet-4-20250514-v1:0",
    "/model/anthropic.claude-sonnet-4-20250514-v1%3A0/count-tokens",
    {
      input: {
        converse: {
          system: [{ text: "Be brief." }],
          messages: [{ role: "user", content: [{ text: "Hello" }] }],
          toolConfig: { tools: [{ toolSpec: { name: "look", inputSchema: { json: JSON.parse(schema) } } }] },
        },
      },
    },
  ],
])("%s is asked to count what would be sent", (preset, model, path, body) => {
  // Anthropic's newest take no temperature.
  const { temperature: _, ...cool } = asked;
  expect(encoded(preset, model, preset === "anthropic" ? cool : asked)).toEqual({ path, body });
});

test("openai-responses is asked for what its counter takes", () => {
  const request = encoded("openai-responses", "gpt-4o", { ...asked, tools: [] });
  expect(request?.path).toBe("/responses/input_tokens");
  expect(Object.keys(request?.body ?? {}).sort()).toEqual(["input", "model"]);
});

test("digits beyond 2^53 are counted as they would be sent", () => {
  const toolCall = { callId: "c", name: "look", argumentsJson: '{"id":12345678901234567890}' };
  const messages = [
    { role: "ROLE_USER", parts: [{ text: "Hello" }] },
    { role: "ROLE_ASSISTANT", parts: [{ toolCall }] },
    { role: "ROLE_TOOL", parts: [{ toolResult: { callId: "c", parts: [{ text: "1" }] } }] },
  ];
  const request = counterOf("anthropic").encode(prompt({ messages }), { provider: "house", model: "claude" });
  expect(request?.body).toContain(":12345678901234567890}");
});

test.each([
  "amazon.nova-pro-v1:0",
  "anthropic.claude-3-haiku-20240307-v1:0",
  "arn:aws:bedrock:us-east-1:1:application-inference-profile/x",
])("bedrock is not asked about %s, which it cannot count for", (model) => {
  expect(encoded("bedrock", model, {})).toBeUndefined();
});

test.each(["openai", "azure-openai-responses", "xai-responses", "cohere", "ollama-native", "groq"])(
  "%s counts nothing",
  (preset) => {
    expect(findDialect(preset, undefined)?.counter).toBeUndefined();
  },
);

test("what a model cannot do is refused as in a call", () => {
  expect(() => encoded("anthropic", "claude", { seed: "1" })).toThrow(
    expect.objectContaining({ reason: ErrorReason.FEATURE_UNSUPPORTED }),
  );
  expect(() => encoded("bedrock", "amazon.nova-pro-v1:0", { seed: "1" })).toThrow(
    expect.objectContaining({ reason: ErrorReason.FEATURE_UNSUPPORTED }),
  );
});

const counts: [preset: string, field: string][] = [
  ["anthropic", "input_tokens"],
  ["vertex-anthropic", "input_tokens"],
  ["gemini", "totalTokens"],
  ["vertex", "totalTokens"],
  ["openai-responses", "input_tokens"],
  ["bedrock", "inputTokens"],
];

test.each(counts)("reads what %s counted", (preset, field) => {
  const decode = (body: string): number => counterOf(preset).decode({ headers: {}, body });
  expect(decode(JSON.stringify({ [field]: 14 }))).toBe(14);
  for (const body of ["", "null", "{}", `{"${field}":"14"}`, `{"${field}":-1}`]) {
    expect(() => decode(body)).toThrow(expect.objectContaining({ reason: ErrorReason.UPSTREAM_MALFORMED }));
  }
});

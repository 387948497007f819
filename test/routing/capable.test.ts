/** Which targets can do what a prompt asks for, by what is known of their models. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { PromptSchema } from "../../gen/sluice/v1/prompt_pb.ts";
import { type Prompt, ReasoningEffort, Role, ToolChoiceMode } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import { reasonName } from "../../src/domain/reasons.ts";
import { FEATURES, type Feature } from "../../src/models/capabilities.ts";
import { createCapabilityBook } from "../../src/models/capability-book.ts";
import { createModelCatalogue } from "../../src/models/catalogue.ts";
import type { Target, UpstreamProvider } from "../../src/provider/upstream.ts";
import { capableTargets } from "../../src/routing/capable.ts";

const book = createCapabilityBook({
  catalogue: createModelCatalogue({
    source: "test",
    date: "2026-01-01",
    providers: [
      {
        id: "openai",
        models: [
          ...FEATURES.map((feature) => ({ id: `no-${feature.replaceAll("_", "-")}`, cannot: feature })),
          { id: "all", window: 1_000_000, output: 100_000, can: FEATURES.join(" ") },
          { id: "small", window: 1000, output: 100 },
        ],
      },
    ],
  }),
  overrides: [],
  catalogueProviders: new Map([["openai", "openai"]]),
});

function target(model: string): Target {
  return { provider: { name: "openai" } as UpstreamProvider, model };
}

function promptOf(prompt: MessageInitShape<typeof PromptSchema>): Prompt {
  return create(PromptSchema, { messages: [{ role: Role.USER, parts: [text("Hello")] }], ...prompt });
}

function text(value: string) {
  return { content: { case: "text" as const, value } };
}

function media<K extends "image" | "audio" | "file">(kind: K, mimeType: string) {
  const source = { case: "data" as const, value: new Uint8Array(1) };
  return { content: { case: kind, value: { source, mimeType } } };
}

function ask(prompt: Prompt, ...models: readonly string[]) {
  try {
    return capableTargets(models.map(target), prompt, book).map(({ model }) => model);
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error;
    return [reasonName(error.reason), error.message];
  }
}

const asked: readonly {
  readonly feature: Feature;
  readonly field: string;
  readonly prompt: MessageInitShape<typeof PromptSchema>;
}[] = [
  {
    feature: "image",
    field: "prompt.messages[1].parts[1].image",
    prompt: {
      messages: [
        { role: Role.SYSTEM, parts: [text("Look.")] },
        { role: Role.USER, parts: [text("What is this?"), media("image", "image/png"), media("image", "image/png")] },
      ],
    },
  },
  {
    feature: "image",
    field: "prompt.messages[0].parts[0].tool_result.parts[1].image",
    prompt: {
      messages: [
        {
          role: Role.TOOL,
          parts: [
            {
              content: {
                case: "toolResult",
                value: { callId: "c", parts: [text("See:"), media("image", "image/png")] },
              },
            },
          ],
        },
      ],
    },
  },
  {
    feature: "audio",
    field: "prompt.messages[0].parts[0].audio",
    prompt: { messages: [{ role: Role.USER, parts: [media("audio", "audio/wav")] }] },
  },
  {
    feature: "pdf",
    field: "prompt.messages[0].parts[0].file",
    prompt: { messages: [{ role: Role.USER, parts: [media("file", "Application/PDF")] }] },
  },
  {
    feature: "tools",
    field: "prompt.tools",
    prompt: { tools: [{ name: "look" }], toolChoice: { choice: { case: "mode", value: ToolChoiceMode.AUTO } } },
  },
  {
    feature: "structured_output",
    field: "prompt.response_format",
    prompt: { responseFormat: { format: { case: "jsonSchema", value: { schemaJson: "{}" } } } },
  },
  {
    feature: "reasoning",
    field: "prompt.reasoning",
    prompt: { reasoning: { amount: { case: "effort", value: ReasoningEffort.LOW } } },
  },
  {
    feature: "reasoning",
    field: "prompt.reasoning",
    prompt: { reasoning: { amount: { case: "budgetTokens", value: 1 } } },
  },
  { feature: "sampling", field: "prompt.temperature", prompt: { temperature: 0 } },
  { feature: "sampling", field: "prompt.top_p", prompt: { temperature: 1, topP: 0.5 } },
  { feature: "sampling", field: "prompt.top_k", prompt: { topK: 1 } },
];

test.each(asked)("$field is refused where the model is known to lack $feature, and only there", (row) => {
  const lacking = `no-${row.feature.replaceAll("_", "-")}`;
  const prompt = promptOf(row.prompt);
  const [reason, message] = ask(prompt, lacking);
  expect(reason).toBe("FEATURE_UNSUPPORTED");
  expect(message).toMatch(
    new RegExp(`^${row.field.replace(/[[\].]/g, "\\$&")}: openai/${lacking} [^;]+; leave it out`),
  );
  const others = FEATURES.filter((feature) => feature !== row.feature).map((one) => `no-${one.replaceAll("_", "-")}`);
  expect(ask(prompt, ...others, "all", "nobody-knows")).toEqual([...others, "all", "nobody-knows"]);
});

test.each([
  ["a text file", { messages: [{ role: Role.USER, parts: [media("file", "text/plain")] }] }],
  ["no reasoning", { reasoning: { amount: { case: "effort" as const, value: ReasoningEffort.NONE } } }],
  ["a budget of nothing", { reasoning: { amount: { case: "budgetTokens" as const, value: 0 } } }],
  ["the usual sampling", { temperature: 1, topP: 1 }],
  ["some JSON", { responseFormat: { format: { case: "jsonObject" as const, value: {} } } }],
])("%s is for every model", (_, prompt) => {
  const all = FEATURES.map((feature) => `no-${feature.replaceAll("_", "-")}`);
  expect(ask(promptOf(prompt), ...all)).toEqual(all);
});

test("the given targets are handed back where all are capable, and the capable ones in their order", () => {
  const targets = [target("all"), target("small")];
  expect(capableTargets(targets, promptOf({}), book)).toBe(targets);
  const prompt = promptOf({ tools: [{ name: "look" }], maxOutputTokens: 100 });
  expect(ask(prompt, "no-tools", "small", "no-tools", "all")).toEqual(["small", "all"]);
});

test("the error tells what the first target lacks, and that the others do not help", () => {
  const prompt = promptOf({ tools: [{ name: "look" }], maxOutputTokens: 101 });
  expect(ask(prompt, "small", "no-tools")).toEqual([
    "FEATURE_UNSUPPORTED",
    "prompt.max_output_tokens: openai/small answers with at most 100 tokens; ask for no more, or choose another model." +
      " No other target of this model can do all that is asked either.",
  ]);
});

describe("a prompt that cannot fit", () => {
  const words = (count: number) => ({ messages: [{ role: Role.USER, parts: [text("word ".repeat(count))] }] });

  test("is refused, with a margin", () => {
    expect(ask(promptOf(words(1100)), "small")).toEqual(["small"]);
    expect(ask(promptOf(words(1101)), "small")).toEqual([
      "CONTEXT_LENGTH_EXCEEDED",
      "prompt.messages: openai/small takes prompts of at most 1000 tokens, and this one has at least 1101;" +
        " shorten it or choose another model.",
    ]);
    expect(ask(promptOf(words(1101)), "small", "all", "nobody-knows")).toEqual(["all", "nobody-knows"]);
  });

  test.each([
    ["spaces", " ".repeat(1_000_000), true],
    ["one long word", "a".repeat(64 * 1100), true],
    ["a longer word", "a".repeat(64 * 1100 + 1), false],
    ["Chinese", "水".repeat(4403), true],
    ["more Chinese", "水".repeat(4404), false],
  ])("is told by words, signs and wide letters: %s", (_, long, fits) => {
    const prompt = promptOf({ messages: [{ role: Role.USER, parts: [text(long)] }] });
    expect(ask(prompt, "small")[0]).toBe(fits ? "small" : "CONTEXT_LENGTH_EXCEEDED");
  });

  test("is counted over all that is said", () => {
    const call = {
      content: { case: "toolCall" as const, value: { callId: "c", name: "n", argumentsJson: "1 ".repeat(400) } },
    };
    const result = {
      content: { case: "toolResult" as const, value: { callId: "c", parts: [text("1 ".repeat(400))] } },
    };
    const messages = [
      { role: Role.USER, parts: [text("1 ".repeat(301))] },
      { role: Role.ASSISTANT, parts: [call] },
      { role: Role.TOOL, parts: [result] },
    ];
    expect(ask(promptOf({ messages }), "small")[0]).toBe("CONTEXT_LENGTH_EXCEEDED");
    expect(ask(promptOf({ messages: messages.slice(1) }), "small")).toEqual(["small"]);
  });
});

test("limits are left to the provider where the call has options of the provider's own", () => {
  const long = { messages: [{ role: Role.USER, parts: [text("word ".repeat(5000))] }], maxOutputTokens: 101 };
  expect(ask(promptOf({ ...long, providerOptions: { openai: {} } }), "small")).toEqual(["small"]);
  expect(ask(promptOf({ ...long, providerOptions: { other: {} } }), "small")[0]).toBe("FEATURE_UNSUPPORTED");
});

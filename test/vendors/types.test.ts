/** What is written for OpenAI, Anthropic and Ollama, judged by the types that they publish. */
import { expect, test } from "vitest";
import { anthropicFor } from "../../src/provider/anthropic/index.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import { ollama } from "../../src/provider/ollama/index.ts";
import { openAiChatFor } from "../../src/provider/openai-chat/index.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import { record } from "../provider/wire-json.ts";
import { compile } from "./compile.ts";
import { writeAnswers, writePrompts } from "./prompts.ts";

/** Folders of exchanges with the vendors themselves. */
const OWN = ["openai", "anthropic", "ollama"];

interface Vendor {
  readonly dialect: Dialect;
  readonly model: string;
  readonly api: string;
  readonly from: string;
  readonly type: string;
  /** Prompts that are refused. */
  readonly refused: readonly string[];
  /** Bodies that the types refuse, though the vendor takes them, and why. */
  readonly beyond: Readonly<Record<string, string>>;
  /** Fields by which the API is wider than its types: left out of, or added to, what is judged. */
  readonly adapt?: (key: string, value: unknown) => unknown;
}

/** `strict` may be left out, and is to be null in the types of responses alone; those of the same tools elsewhere know. */
function withStrict(_: string, value: unknown): unknown {
  const isTool = record(value).type === "function" && record(value).parameters !== undefined;
  return isTool ? { strict: null, ...record(value) } : value;
}

/** The server numbers calls and gives them ids, and takes any JSON Schema (its api/types.go, and recorded answers). */
const SERVER_ONLY = ["index", "id", "tool_call_id", "additionalProperties"];

function withoutServerOnly(key: string, value: unknown): unknown {
  return SERVER_ONLY.includes(key) ? undefined : value;
}

const NO_SAMPLING = "its types leave out what new models refuse; older models take it";

const vendors: Readonly<Record<string, Vendor>> = {
  "openai-chat": {
    dialect: openAiChatFor("openai"),
    model: "gpt-5.6",
    api: "openai.chat",
    from: "openai/resources/chat/completions",
    type: "ChatCompletionCreateParams",
    refused: ["top_k", "a tool that shows a picture", "a budget", "no budget", "a document by address"],
    beyond: {},
  },
  "openai-responses": {
    dialect: openAiResponsesFor("openai-responses"),
    model: "gpt-5.6",
    api: "openai.responses",
    from: "openai/resources/responses/responses",
    type: "ResponseCreateParams",
    refused: ["top_k", "stops", "a seed", "a large seed", "penalties", "a budget", "no budget", "sound"],
    beyond: {},
    adapt: withStrict,
  },
  anthropic: {
    dialect: anthropicFor(undefined),
    model: "claude-sonnet-4-5",
    api: "anthropic.messages",
    from: "@anthropic-ai/sdk/resources/messages",
    type: "MessageCreateParams",
    refused: [
      ...["instructions in between", "a seed", "a large seed", "penalties", "log probabilities", "likely tokens"],
      ...["a picture in detail", "sound"],
    ],
    beyond: {
      "a temperature": NO_SAMPLING,
      top_p: NO_SAMPLING,
      top_k: NO_SAMPLING,
      "anthropic/stream-text--claude-opus-4-6--f6f399f": "it compacts, which only the types of betas know",
      "anthropic/text--claude-sonnet-4-0--a325694": "its `abort_reason` is in no types yet",
    },
  },
  ollama: {
    dialect: ollama,
    model: "qwen3",
    api: "ollama.chat",
    from: "ollama",
    type: "ChatRequest",
    refused: [
      ...["strict tools", "no tool", "some tool", "this tool", "one tool at a time", "effort MINIMAL", "effort LOW"],
      ...["effort HIGH", "effort XHIGH", "a budget", "a picture by address", "a picture in detail", "sound"],
      ...["a document", "a plain document", "a document by address", "a document by id"],
    ],
    beyond: {},
    adapt: withoutServerOnly,
  },
};

function toImports({ type, from }: Vendor): string {
  return `import type { ${type} as Request } from "${from}";`;
}

test.each(Object.entries(vendors))(
  "%s is written as its vendor's types have it",
  { timeout: 120_000 },
  async (_, vendor) => {
    const { bodies, refused } = writePrompts(vendor.dialect, vendor.model);
    const answers = await writeAnswers(vendor.dialect, vendor.api, OWN);
    // What the vendor does not know must be found, or the judge is none.
    const wrong = [
      { name: "unknown field", body: { ...bodies[0]?.body, wish: 1 } },
      { name: "wrong type", body: { ...bodies[0]?.body, model: 1 } },
    ];
    const judged = [...bodies, ...answers, ...wrong].map(({ name, body }) => {
      return { name, value: JSON.parse(JSON.stringify(body, vendor.adapt)), type: "Request" };
    });
    const found = await compile(toImports(vendor), judged);
    expect(refused).toEqual(vendor.refused);
    const expected = [...Object.keys(vendor.beyond), "unknown field", "wrong type"];
    expect(Object.keys(found), JSON.stringify(found, null, 1)).toEqual(expected);
  },
);

/** Inputs that fuzzing found, in their smallest form: each once crashed, blocked, or could not be sent. */
import { Buffer } from "node:buffer";
import { describe, expect, test } from "vitest";
import type { Dialect } from "../../src/provider/dialect.ts";
import { geminiFor } from "../../src/provider/gemini/index.ts";
import { openAiResponsesFor } from "../../src/provider/openai-responses/index.ts";
import { frames } from "../exchanges/decode.ts";
import { dialects } from "./dialects.ts";
import { judge, MOST_MS } from "./judge.ts";

const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
const events = (...values: readonly unknown[]): string =>
  values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join("");
const HUGE = 0xffff_ffff;

const message = { id: "m", type: "message", role: "assistant", content: [{ type: "output_text", text: "Hi" }] };
const call = { id: "f", type: "function_call", call_id: "c", name: "look", arguments: "{}" };
const completed = { type: "response.completed", response: { status: "completed", output: [] } };

interface Found {
  readonly dialect: string;
  readonly name: string;
  readonly body: string;
  readonly whole?: boolean;
}

const found: readonly Found[] = [
  {
    dialect: "openai-responses",
    name: "a text goes on after its item's end",
    body: events(
      { type: "response.output_item.done", output_index: 0, item: message },
      { type: "response.output_text.delta", output_index: 0, content_index: 0, delta: "Hi" },
      completed,
    ),
  },
  {
    dialect: "openai-responses",
    name: "an item is nested too deep to be written again",
    body: `{"status":"completed","output":[{"type":"web_search_call","action":${nested(5000)}}]}`,
    whole: true,
  },
  {
    dialect: "openai-responses",
    name: "lines that are no events, and each of which takes time",
    body: "{\n".repeat(100_000),
  },
  {
    dialect: "ollama",
    name: "arguments are nested too deep to be written again",
    body: `{"message":{"tool_calls":[{"function":{"name":"f","arguments":${nested(5000)}}}]},"done":true}\n`,
  },
  {
    dialect: "ollama",
    name: "a duration is beyond all measure",
    body: '{"message":{"content":"Hi"},"done":true,"total_duration":1e999}\n',
  },
  {
    dialect: "gemini",
    name: "a part is nested too deep to be written again",
    body: `{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":${nested(5000)}}}]},"finishReason":"STOP"}]}`,
    whole: true,
  },
  {
    dialect: "bedrock-converse",
    name: "counts are more than their sum can be",
    body: JSON.stringify({
      output: { message: { content: [{ text: "Hi" }] } },
      stopReason: "end_turn",
      usage: { inputTokens: HUGE, outputTokens: 1, cacheWriteInputTokens: HUGE },
    }),
    whole: true,
  },
  {
    dialect: "anthropic",
    name: "counts are more than their sum can be",
    body: JSON.stringify({
      type: "message",
      content: [{ type: "text", text: "Hi" }],
      stop_reason: "end_turn",
      usage: { input_tokens: HUGE, output_tokens: 1, cache_read_input_tokens: HUGE },
    }),
    whole: true,
  },
];

describe.each(found)("$dialect: $name", ({ dialect, body, whole = false }) => {
  const fuzzed = dialects[dialect];
  if (fuzzed === undefined) throw new Error(`There is no dialect ${dialect}.`);

  test.each([1 << 20, 7])("in chunks of %i bytes", async (size) => {
    const bytes = Buffer.from(body);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    );
    const { wrong } = await judge(fuzzed.dialect, { chunks, whole, status: 200 }, true);
    expect(wrong).toBeUndefined();
  });
});

function contentOf(dialect: Dialect, text: string, whole: boolean) {
  const decoder = dialect.createDecoder({ model: "m", whole, mintCallId: () => "minted" });
  const pushed = (whole ? [{ data: text }] : frames([Buffer.from(text)])).flatMap((frame) => decoder.push(frame));
  return [...pushed, ...decoder.finish()];
}

test("a call that is added twice is one call", () => {
  const added = { type: "response.output_item.added", output_index: 0, item: call };
  const done = { type: "response.output_item.done", output_index: 0, item: call };
  const content = contentOf(openAiResponsesFor(undefined), events(added, added, done, added, completed), false);
  expect(content.map((event) => event.case)).toEqual(["start", "blockStart", "blockDelta", "blockEnd", "end"]);
});

test("what an answer says besides is told as deep as protobuf's readers read, and with its numbers", () => {
  const metadata = `{"searchEntryPoint":${nested(400)},"retrievalMetadata":{"score":1e999}}`;
  const candidate = `{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP","groundingMetadata":${metadata}}`;
  const end = contentOf(geminiFor(undefined), `{"candidates":[${candidate}]}`, true).at(-1);
  const told = JSON.stringify(end?.case === "end" ? end.value.providerMetadata : undefined);
  expect(told.match(/\{"a":/g)?.length).toBeLessThanOrEqual(24);
  expect(told).toContain('"score":"Infinity"');
});

test("what takes too long is found", async () => {
  const slow = { ...dialects.ollama?.dialect, createDecoder: () => ({ push: wait, finish: () => [], ended: false }) };
  const input = { chunks: [Buffer.from("{}\n")], whole: false, status: 200 };
  expect((await judge(slow as never, input, false)).wrong).toMatch(/^It takes \d+ ms\.$/);
});

function wait(): [] {
  const before = process.threadCpuUsage();
  while (process.threadCpuUsage(before).user < (MOST_MS + 10) * 1000);
  return [];
}

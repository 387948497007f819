/** Parts of answers as packages of each version of the specification give them, and the events that come of them. */
import { describe, expect, test } from "vitest";
import { collect } from "../../src/domain/collect.ts";
import { type CompleteResponse, ErrorReason, FinishReason } from "../../src/domain/contract.ts";
import { GatewayError } from "../../src/domain/error.ts";
import type { Batch } from "../../src/domain/event.ts";
import { AiSdkDecoder } from "../../src/provider/ai-sdk/decode.ts";
import type { Version } from "../../src/provider/ai-sdk/wire-types.ts";

function decoder(version: Version = "v4", whole = false): AiSdkDecoder {
  const mintCallId = (n: number): string => `call_${n}`;
  return new AiSdkDecoder({ provider: "house", model: "m", owner: "acme", version, whole, wallNow: 0, mintCallId });
}

function folded(read: (decoder: AiSdkDecoder) => Batch, made: AiSdkDecoder) {
  return collect({ first: read(made), rest: undefined });
}

const usage = { inputTokens: { total: 3 }, outputTokens: { total: 2 } };
const finish = { type: "finish", finishReason: { unified: "stop", raw: "end" }, usage };

/** A stream of these parts, which then ends well. */
function answered(
  parts: readonly unknown[],
  version: Version = "v4",
  last: unknown = finish,
): Promise<CompleteResponse> {
  return folded((one) => [...[...parts, last].flatMap((part) => one.push(part)), ...one.finish()], decoder(version));
}

function failure(parts: readonly unknown[], version: Version = "v4"): GatewayError {
  const one = decoder(version);
  try {
    for (const part of parts) one.push(part);
    one.finish();
  } catch (error) {
    if (error instanceof GatewayError) return error;
    throw error;
  }
  throw new Error("It did not fail.");
}

function plain({ parts }: CompleteResponse): unknown[] {
  return parts.map(({ content, providerState, citations }) => ({
    kind: content.case,
    ...(typeof content.value === "string" ? { text: content.value } : {}),
    ...(content.case === "reasoning" && content.value.text !== "" ? { text: content.value.text } : {}),
    ...(content.case === "toolCall" ? { id: content.value.callId, args: content.value.argumentsJson } : {}),
    ...(providerState === undefined ? {} : { state: JSON.parse(providerState.data) as unknown }),
    ...(citations.length === 0 ? {} : { cited: citations.map(({ uri, quote }) => `${uri} ${quote}`.trim()) }),
  }));
}

const text = (delta: string, id = "0"): unknown[] => [
  { type: "text-start", id },
  { type: "text-delta", id, delta },
  { type: "text-end", id },
];

describe("parts", () => {
  test("keep what the last of them says of their metadata", async () => {
    const parts = [
      { type: "reasoning-start", id: "r", providerMetadata: { acme: { item: 1 } } },
      { type: "reasoning-delta", id: "r", delta: "Hm" },
      { type: "reasoning-delta", id: "r", delta: "", providerMetadata: { acme: { signature: "s" } } },
      { type: "reasoning-end", id: "r" },
      { type: "text-start", id: "t" },
      { type: "text-delta", id: "t", delta: "Hi" },
      { type: "text-end", id: "t", providerMetadata: { acme: { phase: "p" } } },
    ];
    expect(plain(await answered(parts))).toEqual([
      { kind: "reasoning", text: "Hm", state: { owner: "acme", metadata: { acme: { signature: "s" } } } },
      { kind: "text", text: "Hi", state: { owner: "acme", metadata: { acme: { phase: "p" } } } },
    ]);
  });

  test("that say nothing are none", async () => {
    expect(plain(await answered([...text(""), { type: "ping" }, { type: "of-tomorrow" }]))).toEqual([]);
  });

  test("of tools come in pieces, whole, or interleaved", async () => {
    const call = (id: string, input: string) => ({ type: "tool-call", toolCallId: id, toolName: "f", input });
    const start = (id: string, more = {}) => ({ type: "tool-input-start", id, toolName: "f", ...more });
    const piece = (id: string, delta: string) => ({ type: "tool-input-delta", id, delta });
    const parts = [
      start("a"),
      piece("a", '{"x":'),
      start("b"),
      piece("b", "{}"),
      piece("a", "1}"),
      call("a", '{"x":1}'),
      call("b", "{}"),
      { ...call("c", '{"y":2}'), providerMetadata: { acme: { thought: "t" } } },
      start("d", { inputEncoding: "text" }),
      piece("d", "raw"),
      call("d", '"raw"'),
      call("", "{}"),
    ];
    const response = await answered(parts);
    expect(plain(response)).toEqual([
      { kind: "toolCall", id: "a", args: '{"x":1}' },
      { kind: "toolCall", id: "b", args: "{}" },
      { kind: "toolCall", id: "c", args: '{"y":2}', state: { owner: "acme", metadata: { acme: { thought: "t" } } } },
      { kind: "toolCall", id: "d", args: '"raw"' },
      { kind: "toolCall", id: "call_0", args: "{}" },
    ]);
    expect(response.finishReason).toBe(FinishReason.TOOL_CALLS);
  });

  test("that the contract has no words for are kept for the next turn", async () => {
    const parts = [
      { type: "tool-input-start", id: "s", toolName: "search", providerExecuted: true },
      { type: "tool-input-delta", id: "s", delta: "{}" },
      { type: "tool-call", toolCallId: "s", toolName: "search", input: '{"q":1}', providerExecuted: true },
      { type: "tool-result", toolCallId: "s", toolName: "search", result: ["hit"], preliminary: true },
      {
        type: "tool-result",
        toolCallId: "s",
        toolName: "search",
        result: ["hits"],
        providerMetadata: { acme: { e: 1 } },
      },
      { type: "custom", kind: "acme.compaction", providerMetadata: { acme: { c: 1 } } },
      { type: "file", mediaType: "application/pdf", data: { type: "data", data: new Uint8Array([1]) } },
    ];
    const state = (part: unknown) => ({ kind: "reasoning", state: { owner: "acme", part } });
    expect(plain(await answered(parts))).toEqual([
      state({ type: "tool-call", toolCallId: "s", toolName: "search", input: { q: 1 }, providerExecuted: true }),
      state({
        type: "tool-result",
        toolCallId: "s",
        toolName: "search",
        output: { type: "json", value: ["hits"] },
        providerOptions: { acme: { e: 1 } },
      }),
      state({ type: "custom", kind: "acme.compaction", providerOptions: { acme: { c: 1 } } }),
      state({ type: "file", mediaType: "application/pdf", data: { type: "data", data: "AQ==" } }),
    ]);
  });

  test.each<[Version, unknown]>([
    ["v4", { type: "data", data: "AQI=" }],
    ["v3", "AQI="],
    ["v2", new Uint8Array([1, 2])],
  ])("of pictures have their bytes in version %s", async (version, data) => {
    const last = version === "v2" ? { type: "finish", finishReason: "stop", usage: {} } : finish;
    const { parts } = await answered([{ type: "file", mediaType: "image/png", data }], version, last);
    expect(
      parts.map(({ content }) => content.case === "image" && [content.value.mimeType, content.value.source]),
    ).toEqual([["image/png", { case: "data", value: new Uint8Array([1, 2]) }]]);
  });

  test("of sources are cited by the text that they come with, or by the next", async () => {
    const source = (url: string, more = {}) => ({ type: "source", sourceType: "url", id: url, url, ...more });
    const cited = { source: source("https://c"), citedText: "quoted", startIndex: 0, endIndex: 2 };
    const parts = [
      source("https://a"),
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", delta: "Hi" },
      source("https://b", { providerMetadata: { acme: { citedText: "words" } } }),
      { type: "text-end", id: "1", citations: [cited] },
      source("https://d"),
    ];
    expect(plain(await answered(parts))).toEqual([
      { kind: "text", text: "Hi", cited: ["https://a", "https://b words", "https://c quoted"] },
      { kind: "text", text: "", cited: ["https://d"] },
    ]);
  });
});

describe("the end", () => {
  test.each([
    [{ unified: "stop", raw: "end" }, FinishReason.STOP, "end"],
    [{ unified: "length", raw: undefined }, FinishReason.LENGTH, "length"],
    [{ unified: "content-filter", raw: "safety" }, FinishReason.CONTENT_FILTER, "safety"],
    [{ unified: "content-filter", raw: "refusal" }, FinishReason.REFUSAL, "refusal"],
    [{ unified: "tool-calls", raw: "calls" }, FinishReason.TOOL_CALLS, "calls"],
    [{ unified: "other", raw: "pause" }, FinishReason.OTHER, "pause"],
  ])("%j is told in the contract's words", async (finishReason, reason, word) => {
    const response = await answered(text("Hi"), "v4", { ...finish, finishReason });
    expect([response.finishReason, response.providerFinishReason]).toEqual([reason, word]);
  });

  test("says who answered, what it used and what else there is", async () => {
    const metadata = { acme: { tier: "flex", missing: undefined, at: new Date(0) } };
    const all = {
      inputTokens: { total: 9, noCache: 2, cacheRead: 3, cacheWrite: 4 },
      outputTokens: { total: 6, text: 1, reasoning: 5 },
    };
    const { model, providerResponseId, usage, providerMetadata } = await answered(
      [
        {
          type: "stream-start",
          warnings: [{ type: "compatibility", feature: "reasoning", details: "minimal is low" }],
        },
        { type: "response-metadata", id: "r-1", modelId: "m-2", timestamp: new Date(0) },
      ],
      "v4",
      { ...finish, usage: all, providerMetadata: metadata },
    );
    expect({ model, providerResponseId, usage, providerMetadata }).toEqual({
      model: "m-2",
      providerResponseId: "r-1",
      usage: {
        $typeName: "sluice.v1.Usage",
        estimated: false,
        inputTokens: 9,
        cacheReadTokens: 3,
        cacheWriteTokens: 4,
        outputTokens: 6,
        reasoningTokens: 5,
      },
      providerMetadata: {
        acme: { tier: "flex", at: "1970-01-01T00:00:00.000Z" },
        warnings: [{ type: "compatibility", feature: "reasoning", details: "minimal is low" }],
      },
    });
  });

  test.each([
    [{ inputTokens: 9, outputTokens: 4, reasoningTokens: 2, cachedInputTokens: 5 }, 9],
    [{ inputTokens: 3, outputTokens: 4, reasoningTokens: 2, cachedInputTokens: 5 }, 8],
  ])("of version 2 tells %j", async (usage, inputTokens) => {
    const response = await answered(text("Hi"), "v2", { type: "finish", finishReason: "length", usage });
    expect(response.finishReason).toBe(FinishReason.LENGTH);
    expect(response.usage).toEqual({
      $typeName: "sluice.v1.Usage",
      estimated: false,
      inputTokens,
      cacheReadTokens: 5,
      outputTokens: 4,
      reasoningTokens: 2,
    });
  });

  test.each<[string, Version, readonly unknown[]]>([
    ["no end", "v4", text("Hi")],
    ["an end that was interrupted", "v4", [{ ...finish, finishReason: { unified: "interrupted", raw: undefined } }]],
    ["an end without a reason", "v3", [{ ...finish, finishReason: { unified: "other", raw: undefined } }]],
    ["an end of version 2 without a reason", "v2", [{ type: "finish", finishReason: "unknown", usage: {} }]],
  ])("a stream with %s is cut", (_, version, parts) => {
    expect(failure(parts, version).reason).toBe(ErrorReason.UPSTREAM_TRUNCATED);
  });

  test("a whole answer without a reason is whole", async () => {
    const result = { content: [{ type: "text", text: "Hi" }], finishReason: "unknown", usage: {}, warnings: [] };
    const response = await folded((one) => one.pushWhole(result), decoder("v2", true));
    expect([plain(response), response.finishReason]).toEqual([[{ kind: "text", text: "Hi" }], FinishReason.OTHER]);
  });

  test("by an error is none", () => {
    const error = failure([{ ...finish, finishReason: { unified: "error", raw: "boom" } }]);
    expect(error.reason).toBe(ErrorReason.UPSTREAM_ERROR);
  });
});

describe("what a package says that it left out is refused", () => {
  const details = "1.5 exceeds 1";
  test.each<[Version, unknown, string]>([
    ["v4", { type: "unsupported", feature: "temperature", details }, "prompt.temperature"],
    ["v4", { type: "unsupported", feature: "topK" }, "prompt.top_k"],
    ["v4", { type: "other", message: "unsupported tool content part type: file" }, "prompt"],
    ["v2", { type: "unsupported-setting", setting: "seed" }, "prompt.seed"],
    ["v2", { type: "unsupported-tool", tool: { name: "f" } }, "prompt"],
  ])("%s %j", (version, warning, field) => {
    const error = failure([{ type: "stream-start", warnings: [warning] }], version);
    expect([error.reason, error.violations[0]?.field]).toEqual([ErrorReason.FEATURE_UNSUPPORTED, field]);
  });

  test("… of a whole answer too, whose tokens are known", () => {
    const one = decoder("v4", true);
    const warnings = [{ type: "unsupported", feature: "seed" }];
    const result = { content: [], finishReason: { unified: "stop", raw: "stop" }, usage, warnings };
    expect(() => one.pushWhole(result)).toThrow("prompt.seed: house does not do this as asked");
    expect(one.usage?.inputTokens).toBe(3);
  });
});

describe("an error in a stream", () => {
  test.each<[unknown, keyof typeof ErrorReason]>([
    [{ type: "overloaded_error", message: "Overloaded" }, "UPSTREAM_OVERLOADED"],
    [{ message: "slow down", type: "rate_limit_error", statusCode: 429 }, "UPSTREAM_RATE_LIMITED"],
    ["it broke", "UPSTREAM_ERROR"],
    [Object.assign(new Error("bad"), { name: "AI_TypeValidationError" }), "UPSTREAM_MALFORMED"],
    [new GatewayError(ErrorReason.UPSTREAM_TRUNCATED, "cut"), "UPSTREAM_TRUNCATED"],
  ])("%j is %s", (error, reason) => {
    expect(failure([{ type: "error", error }]).reason).toBe(ErrorReason[reason]);
  });
});

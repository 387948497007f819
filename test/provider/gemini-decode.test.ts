/** Answers that were not recorded: what the wire allows. */
import { describe, expect, test } from "vitest";
import { collect } from "../../src/domain/collect.ts";
import { type CompleteResponse, FinishReason } from "../../src/domain/contract.ts";
import { geminiFor } from "../../src/provider/gemini/index.ts";

type Json = Record<string, unknown>;

function open() {
  return geminiFor(undefined).createDecoder({ model: "m", whole: false, mintCallId: (n) => `minted_${n}` });
}

/** A chunk of these parts. */
function chunk(parts: readonly Json[], more: Json = {}, usageMetadata?: Json) {
  const body = {
    candidates: [{ content: { parts }, ...more }],
    ...(usageMetadata === undefined ? {} : { usageMetadata }),
  };
  return { data: JSON.stringify(body) };
}

/** The answer of chunks with these parts, of which the last says why it ended. */
async function answer(
  parts: readonly (readonly Json[])[],
  last: Json = { finishReason: "STOP" },
): Promise<CompleteResponse> {
  const decoder = open();
  const events = parts.flatMap((of, n) => decoder.push(chunk(of, n === parts.length - 1 ? last : {})));
  return await collect({ first: events.concat(decoder.finish()), rest: undefined });
}

const call = (functionCall: Json) => ({ functionCall });

describe("calls", () => {
  test("in pieces may hold objects, lists and any name", async () => {
    const pieces = [
      { jsonPath: "$.a.b[1].c", stringValue: "x", willContinue: true },
      { jsonPath: "$.a.b[1].c", stringValue: "y" },
      { jsonPath: "$.a.b[0]", numberValue: 1.5 },
      { jsonPath: "$.yes", boolValue: true },
      { jsonPath: "$['with space']", nullValue: "NULL_VALUE" },
      { jsonPath: "$.__proto__.polluted", stringValue: "no" },
      { jsonPath: "nonsense", stringValue: "left out" },
    ];
    const { parts } = await answer([
      [call({ name: "f", willContinue: true })],
      ...pieces.map((piece) => [call({ partialArgs: [piece], willContinue: true })]),
      [call({})],
      [call({ name: "g", args: { whole: 1 } })],
    ]);
    const made = parts.map(({ content }) =>
      content.case === "toolCall" ? [content.value.callId, content.value.name, content.value.argumentsJson] : [],
    );
    const proto = '"__proto__":{"polluted":"no"}';
    expect(made).toEqual([
      ["minted_0", "f", `{"a":{"b":[1.5,{"c":"xy"}]},"yes":true,"with space":null,${proto}}`],
      ["minted_1", "g", '{"whole":1}'],
    ]);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });

  test("end in TOOL_CALLS, unless they were cut or the provider answered them", async () => {
    const f = call({ name: "f", args: {} });
    const reasonOf = async (parts: Json[], finishReason: string) =>
      (await answer([parts], { finishReason })).finishReason;
    expect(await reasonOf([f], "STOP")).toBe(FinishReason.TOOL_CALLS);
    expect(await reasonOf([f], "MAX_TOKENS")).toBe(FinishReason.LENGTH);
    expect(await reasonOf([f], "SAFETY")).toBe(FinishReason.CONTENT_FILTER);
    expect(await reasonOf([f, { functionResponse: { name: "f", response: {} } }], "STOP")).toBe(FinishReason.STOP);
    expect(await reasonOf([{ text: "Hi" }], "LANGUAGE")).toBe(FinishReason.OTHER);
  });
});

test("text that is signed is a part of its own, and thoughts are reasoning", async () => {
  const { parts } = await answer([
    [{ text: "Hm.", thought: true }],
    [{ text: "a" }],
    [{ text: "b" }],
    [{ text: "c", thoughtSignature: "s1" }],
    [{ text: "d" }],
    [{ thoughtSignature: "s2" }],
  ]);
  const told = parts.map(({ content, providerState }) => [
    content.case,
    content.case === "reasoning" ? content.value.text : content.value,
    providerState?.data,
  ]);
  expect(told).toEqual([
    ["reasoning", "Hm.", undefined],
    ["text", "ab", undefined],
    ["text", "c", "s1"],
    ["text", "d", undefined],
    ["reasoning", "", '{"thoughtSignature":"s2"}'],
  ]);
});

test("places of sources are told in UTF-16, whatever the text", async () => {
  const groundingMetadata = {
    groundingChunks: [
      { web: { uri: "https://a.test", title: "A" } },
      { retrievedContext: { text: "words", uri: "b" } },
    ],
    groundingSupports: [{ segment: { startIndex: 5, endIndex: 8 }, groundingChunkIndices: [0, 7] }],
  };
  const { parts } = await answer([[{ text: "🌊" }], [{ text: "éab" }]], { finishReason: "STOP", groundingMetadata });
  // 🌊 is four bytes and two units, é two bytes and one.
  const [part] = parts;
  expect(part?.citations).toEqual([
    { $typeName: "sluice.v1.Citation", uri: "https://a.test", title: "A", quote: "", startIndex: 3, endIndex: 5 },
    { $typeName: "sluice.v1.Citation", uri: "b", title: "", quote: "words" },
  ]);
});

describe("an answer is finished", () => {
  const usage = { promptTokenCount: 1, candidatesTokenCount: 1 };
  const stop = { finishReason: "STOP" };

  test("once a chunk says why and counts, and not when more follows", () => {
    const decoder = open();
    decoder.push(chunk([{ text: "a" }], stop));
    expect(decoder.finishing).toBe(false);
    decoder.push(chunk([{ text: "b" }], stop, usage));
    expect(decoder.finishing).toBe(true);
    decoder.push(chunk([{ text: "c" }], {}, usage));
    expect(decoder.finishing).toBe(false);
    decoder.finish();
    expect([decoder.finishing, decoder.ended]).toEqual([true, true]);
  });

  test("at the end of its bytes, where it holds calls", () => {
    const decoder = open();
    decoder.push(chunk([call({ name: "f", args: {} })], stop, usage));
    expect(decoder.finishing).toBe(false);
    decoder.finish();
    expect(decoder.finishing).toBe(true);
  });
});

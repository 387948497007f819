import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type CompleteResponse, CompleteResponseSchema } from "../../src/domain/contract.ts";
import { createAnswerWriter } from "../../src/transport/write-answer.ts";

const write = createAnswerWriter();

/** Sometimes absent. */
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }).map((s) => s.toWellFormed()),
  fc.constant("x".repeat(5000)),
);
const uint32 = fc.oneof(fc.nat(), fc.constantFrom(0, 127, 128, 2 ** 32 - 1));
const int64 = fc.oneof(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), fc.constantFrom(0n, 1n, 2n ** 53n));
const duration = fc.record({ seconds: fc.bigInt(0n, 2n ** 40n), nanos: fc.nat(999_999_999) });

const usage = fc.record({
  inputTokens: maybe(uint32),
  cacheReadTokens: maybe(uint32),
  cacheWriteTokens: maybe(uint32),
  outputTokens: maybe(uint32),
  reasoningTokens: maybe(uint32),
  estimated: fc.boolean(),
  inputAudioTokens: maybe(uint32),
  outputAudioTokens: maybe(uint32),
  cacheWrite1hTokens: maybe(uint32),
  inputImageTokens: maybe(uint32),
  outputImageTokens: maybe(uint32),
});

const cost = fc.record({
  totalNanoUsd: int64,
  inputNanoUsd: int64,
  cacheReadNanoUsd: int64,
  cacheWriteNanoUsd: int64,
  outputNanoUsd: int64,
  otherNanoUsd: int64,
  priceSource: text,
  estimated: fc.boolean(),
});

const attempt = fc.record({
  provider: text,
  model: text,
  outcome: fc.nat(3),
  errorReason: fc.nat(300),
  latency: maybe(duration),
  timeToFirstToken: maybe(duration),
  usage: maybe(usage),
  cost: maybe(cost),
  upstreamStatus: uint32,
});

const part = fc.oneof(
  fc.record({ content: fc.record({ case: fc.constant("text" as const), value: text }) }),
  fc.record({
    content: fc.record({
      case: fc.constant("toolCall" as const),
      value: fc.record({ callId: text, name: text, argumentsJson: text }),
    }),
  }),
);

/** JSON as the wire can have it: strings hold no half of a character. */
const metadata = fc
  .dictionary(text, fc.jsonValue())
  .filter((object) => !/\\ud[89a-f]/i.test(JSON.stringify(object)))
  .map((object) => JSON.parse(JSON.stringify(object)));

const response = fc
  .record({
    requestId: text,
    parts: fc.array(part, { maxLength: 3 }),
    finishReason: fc.nat(6),
    providerFinishReason: text,
    usage: maybe(usage),
    cost: maybe(cost),
    provider: text,
    model: text,
    providerResponseId: text,
    attempts: fc.array(attempt, { maxLength: 3 }),
    providerMetadata: maybe(metadata),
  })
  .map((init) => create(CompleteResponseSchema, init as MessageInitShape<typeof CompleteResponseSchema>));

test("writes every answer of text and calls as the library does, to the byte", () => {
  fc.assert(
    fc.property(response, (answer) => {
      const bytes = write(answer);
      expect(bytes?.toString("hex")).toBe(Buffer.from(toBinary(CompleteResponseSchema, answer)).toString("hex"));
    }),
    { numRuns: 1000 },
  );
});

test("an answer that is longer than all before is whole", () => {
  const answer = create(CompleteResponseSchema, {
    requestId: "id",
    parts: [{ content: { case: "text", value: "ä".repeat(1 << 20) } }],
  });
  expect(fromBinary(CompleteResponseSchema, write(answer) ?? new Uint8Array())).toEqual(answer);
});

test("leaves to the library what it does not know", () => {
  const parts: CompleteResponse["parts"][] = [
    create(CompleteResponseSchema, { parts: [{ content: { case: "reasoning", value: { text: "Hm." } } }] }).parts,
    create(CompleteResponseSchema, { parts: [{ content: { case: "text", value: "a" }, citations: [{ uri: "u" }] }] })
      .parts,
    create(CompleteResponseSchema, {
      parts: [{ content: { case: "text", value: "a" }, providerState: { dialect: "gemini", data: "{}" } }],
    }).parts,
  ];
  expect(parts.map((of) => write(create(CompleteResponseSchema, { parts: of })))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
  expect(write(create(CompleteResponseSchema, { logprobs: [{ token: "a" }] }))).toBeUndefined();
});

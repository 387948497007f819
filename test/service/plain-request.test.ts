/** What is taken for good without the validator is good to the validator, too. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CompleteRequestSchema } from "../../src/domain/contract.ts";
import { isPlainAndValid } from "../../src/service/plain-request.ts";
import { validate, validateRoles } from "../../src/service/validate.ts";
import { ask } from "../support/gateway.ts";

/** Texts around a limit of this many characters, of one and of two UTF-16 units. */
const around = (limit: number) =>
  fc.oneof(
    { weight: 12, arbitrary: fc.string({ minLength: 1, maxLength: 3 }) },
    fc.constant(""),
    fc.nat({ max: 3 }).map((more) => "x".repeat(limit - 1 + more)),
    fc.nat({ max: 3 }).map((more) => "🙂".repeat(limit - 1 + more)),
  );

const number = fc.option(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(0, 0.5, 1) },
    fc.constantFrom(-2, -0.1, 0, 1, 1.1, 2, 2.1, Number.NaN, Infinity),
    fc.double(),
  ),
  {
    freq: 3,
    nil: undefined,
  },
);

const part = fc.oneof(
  { weight: 40, arbitrary: fc.string().map((value) => ({ content: { case: "text" as const, value } })) },
  fc.constant({}),
  fc.constant({ content: { case: "toolCall" as const, value: { callId: "", name: "" } } }),
  fc.constant({ content: { case: "text" as const, value: "t" }, providerState: { dialect: "x".repeat(65) } }),
);

const message = fc.record({
  role: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(1, 2, 3) }, fc.nat({ max: 5 })),
  parts: fc.oneof({ weight: 9, arbitrary: fc.array(part, { minLength: 1, maxLength: 2 }) }, fc.constant([])),
});

const request = fc.record({
  attribution: fc.record({
    feature: fc.oneof(
      fc.constantFrom("chat", "a.b-c_d", "", "-a", "A", "x".repeat(64), "x".repeat(65), "a\n"),
      fc.string(),
    ),
    userId: around(256),
    sessionId: around(256),
    promptVersion: around(128),
    metadata: fc.oneof(
      { weight: 6, arbitrary: fc.constant({}) },
      fc.dictionary(around(64), around(256), { maxKeys: 34 }),
    ),
  }),
  prompt: fc.record({
    model: around(256),
    messages: fc.oneof({ weight: 9, arbitrary: fc.array(message, { minLength: 1, maxLength: 2 }) }, fc.constant([])),
    maxOutputTokens: fc.option(fc.nat({ max: 2 }), { nil: undefined }),
    temperature: number,
    topP: number,
    frequencyPenalty: number,
    presencePenalty: number,
    stopSequences: fc.oneof({ weight: 8, arbitrary: fc.constant([]) }, fc.array(fc.string())),
    tools: fc.oneof({ weight: 8, arbitrary: fc.constant([]) }, fc.array(fc.record({ name: fc.string() }))),
  }),
});

test("what is plain and valid is valid", () => {
  let plain = 0;
  fc.assert(
    fc.property(request, (given) => {
      const made = create(CompleteRequestSchema, given as never);
      if (!isPlainAndValid(made)) return;
      plain++;
      validate(CompleteRequestSchema, made);
      validateRoles(made.prompt?.messages ?? []);
    }),
    { numRuns: 5000 },
  );
  expect(plain).toBeGreaterThan(50);
});

test("the usual request is plain", () => {
  const given = { ...ask("house/echo"), attribution: { feature: "chat", userId: "u", metadata: { plan: "pro" } } };
  const made = create(CompleteRequestSchema, given);
  expect(isPlainAndValid(fromBinary(CompleteRequestSchema, toBinary(CompleteRequestSchema, made)))).toBe(true);
});

test.each([
  ["no attribution", { prompt: ask("m").prompt }],
  ["no prompt", { attribution: { feature: "chat" } }],
  ["wishes for its handling", { ...ask("m"), handling: { notIdempotent: true } }],
  ["a provider's options", { ...ask("m"), prompt: { ...ask("m").prompt, providerOptions: { house: {} } } }],
])("%s is for the validator", (_what, given) => {
  expect(isPlainAndValid(create(CompleteRequestSchema, given as never))).toBe(false);
});

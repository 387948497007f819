import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CompleteRequestSchema, Priority, StreamRequestSchema } from "../../src/domain/contract.ts";
import { peekPriority } from "../../src/transport/peek-priority.ts";

const HANDLING = CompleteRequestSchema.field.handling.number;

const priorities = [Priority.UNSPECIFIED, Priority.INTERACTIVE, Priority.DEFAULT, Priority.BATCH];

test.each([CompleteRequestSchema, StreamRequestSchema])("finds the priority of each $typeName", (schema) => {
  fc.assert(
    fc.property(fc.constantFrom(...priorities), fc.string(), fc.boolean(), (priority, text, timeouts) => {
      const request = create(CompleteRequestSchema, {
        attribution: { feature: "test", metadata: { [text]: text } },
        prompt: {
          model: "m",
          temperature: 0.5,
          messages: [{ role: 2, parts: [{ content: { case: "text", value: text } }] }],
        },
        handling: { priority, notIdempotent: true, ...(timeouts ? { idleTimeout: { seconds: 5n, nanos: 7 } } : {}) },
      });
      const { $typeName: _, $unknown: __, ...fields } = request;
      expect(peekPriority(toBinary(schema, create(schema, fields as never)), HANDLING)).toBe(priority);
    }),
  );
});

test("a request without wishes has none", () => {
  const request = create(CompleteRequestSchema, { prompt: { model: "m" } });
  expect(peekPriority(toBinary(CompleteRequestSchema, request), HANDLING)).toBe(Priority.UNSPECIFIED);
});

test("the last of several counts, as everywhere in protobuf", () => {
  expect(peekPriority(Uint8Array.from([0x1a, 2, 0x38, 1, 0x1a, 2, 0x38, 3]), HANDLING)).toBe(Priority.BATCH);
});

test.each([
  ["a field that ends too early", [0x1a, 9, 0x38]],
  ["a number that does not end", [0x1a, 0xff]],
  ["a group", [0x1b]],
  ["a broken field within", [0x1a, 2, 0x3a, 9]],
])("%s is no message", (_, bytes) => {
  expect(peekPriority(Uint8Array.from(bytes), HANDLING)).toBeUndefined();
});

test("no bytes make it fail or run on", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      expect([undefined, "number"]).toContain(peekPriority(bytes, HANDLING) === undefined ? undefined : "number");
    }),
  );
});

test("what takes a stream up again is let in", () => {
  const request = create(StreamRequestSchema, { resume: { requestId: "r" } });
  const bytes = toBinary(StreamRequestSchema, request);
  expect(peekPriority(bytes, HANDLING, StreamRequestSchema.field.resume.number)).toBeUndefined();
});

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type StreamResponse, StreamResponseSchema } from "../../src/domain/contract.ts";
import { blockDeltaEvent, blockEndEvent } from "../../src/domain/event.ts";
import { writeDelta } from "../../src/transport/write-delta.ts";

function delta(sequence: number, index: number, text: string): StreamResponse {
  return { $typeName: "sluice.v1.StreamResponse", sequence, event: blockDeltaEvent(index, text) };
}

test("writes a piece of a block as toBinary does, byte for byte", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 0xffff_ffff }),
      fc.integer({ min: 0, max: 127 }),
      fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: "grapheme", minLength: 100, maxLength: 20_000 })),
      (sequence, index, text) => {
        const message = delta(sequence, index, text);
        expect(
          Buffer.from(toBinary(StreamResponseSchema, message)).equals(writeDelta(message) ?? Buffer.alloc(0)),
        ).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

test.each([1, 127, 128, 16_383, 16_384, 2_097_152, 0xffff_ffff])(
  "writes sequence %i so that it is read again",
  (sequence) => {
    const message = delta(sequence, 0, "x".repeat(sequence % 70_000));
    expect(fromBinary(StreamResponseSchema, writeDelta(message) ?? new Uint8Array())).toEqual(
      create(StreamResponseSchema, message),
    );
  },
);

test("leaves to toBinary what it does not know", () => {
  const withLogprobs = blockDeltaEvent(0, "a", [
    { $typeName: "sluice.v1.TokenLogprob", token: "a", logprob: -1, bytes: new Uint8Array(), top: [] },
  ]);
  const others: StreamResponse["event"][] = [blockEndEvent(0), withLogprobs, blockDeltaEvent(128, "a")];
  expect(others.map((event) => writeDelta({ $typeName: "sluice.v1.StreamResponse", sequence: 1, event }))).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

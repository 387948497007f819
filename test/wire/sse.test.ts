import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import type { Frame } from "../../src/wire/frame.ts";
import { createSseParser } from "../../src/wire/sse.ts";

const plenty = 1_000_000;

/** What a parser makes of these chunks: event and data of each frame. */
function frames(chunks: readonly Uint8Array[], most = plenty): [string | undefined, string][] {
  const parser = createSseParser(most);
  const all: Frame[] = [];
  for (const chunk of chunks) all.push(...parser.push(chunk));
  all.push(...parser.finish());
  return all.map(({ event, data }) => [event, data]);
}

const bytes = (text: string): Buffer => Buffer.from(text);

/** Everything that the format allows, with characters of one to four bytes. */
const rich = [
  "\u{feff}: a comment",
  'data: {"a":"Zażółć 水车 🌊👩‍🚒"}',
  "",
  "event: delta",
  "id: 7",
  "retry: 3000",
  "data:no space",
  "data:  two spaces",
  "",
  ":",
  "event: empty",
  "",
  "unknown: field",
  "data",
  "",
  "data: [DONE]",
  "",
  "",
].join("\n");
const richFrames = [
  [undefined, '{"a":"Zażółć 水车 🌊👩‍🚒"}'],
  ["delta", "no space\n two spaces"],
  [undefined, ""],
  [undefined, "[DONE]"],
];

describe.each([
  ["LF", "\n"],
  ["CR", "\r"],
  ["CR LF", "\r\n"],
])("lines that end in %s", (_, end) => {
  const body = bytes(rich.replaceAll("\n", end));

  test("are the same frames however they come", () => {
    expect(frames([body])).toEqual(richFrames);
  });

  test("are the same frames split at any byte", () => {
    for (let at = 0; at <= body.length; at++) {
      expect(frames([body.subarray(0, at), body.subarray(at)])).toEqual(richFrames);
    }
  });

  test("are the same frames byte by byte, with nothing in between", () => {
    const single = [...body].flatMap((byte) => [Buffer.from([byte]), Buffer.alloc(0)]);
    expect(frames(single)).toEqual(richFrames);
  });
});

test("any text is the same frames in any pieces", () => {
  const line = fc.oneof(
    fc.constantFrom("data: x", "data", ": c", "event: e", "", "id: 1", "retry: 1", "\u{feff}data: y"),
    fc.string({ unit: "grapheme" }).map((text) => `data: ${text.replaceAll(/[\r\n]/g, "")}`),
  );
  const text = fc.array(fc.tuple(line, fc.constantFrom("\n", "\r", "\r\n")), { maxLength: 20 });
  fc.assert(
    fc.property(text, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (lines, sizes) => {
      const body = bytes(lines.flat().join(""));
      const pieces: Buffer[] = [];
      for (let at = 0; at < body.length; ) {
        const size = sizes.next().value ?? 1;
        pieces.push(body.subarray(at, at + size));
        at += size;
      }
      expect(frames(pieces)).toEqual(frames([body]));
    }),
    { numRuns: 500 },
  );
});

test("bytes that are no UTF-8 become replacement characters, whatever the split", () => {
  const body = Buffer.concat([bytes("data: a"), Buffer.from([0xff, 0xc3, 0x28, 0xe2, 0x82]), bytes("b\n\n")]);
  for (let at = 0; at <= body.length; at++) {
    expect(frames([body.subarray(0, at), body.subarray(at)])).toEqual([[undefined, "a\u{fffd}\u{fffd}(\u{fffd}b"]]);
  }
});

describe("at the end", () => {
  test.each([
    ["without its blank line", "data: last\n", [[undefined, "last"]]],
    ["without its line feed", "data: last", [[undefined, "last"]]],
    ["in the middle of a CR LF", "data: last\r", [[undefined, "last"]]],
    ["in the middle of its JSON", 'data: {"a":', [[undefined, '{"a":']]],
    ["in the middle of a field", "dat", []],
    ["in the middle of a character", Buffer.from([...bytes("data: x"), 0xf0, 0x9f]), [[undefined, "x\u{fffd}"]]],
    ["of nothing", "", []],
  ])("an event %s comes out as it is", (_, body, expected) => {
    expect(frames([Buffer.from(body)])).toEqual(expected);
  });
});

describe("an event above the limit", () => {
  const tooLarge = expect.objectContaining({ reason: ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE });
  const chunks = (text: string, times: number) => Array.from({ length: times }, () => bytes(text));

  test.each([
    ["in one line", [bytes("data: "), ...chunks("x".repeat(100), 11)]],
    ["in many lines", chunks(`data: ${"x".repeat(100)}\n`, 11)],
    ["in lines that are no data", [bytes("event: "), ...chunks("x".repeat(100), 11)]],
  ])("%s is refused before it has come whole", (_, parts) => {
    const parser = createSseParser(1000);
    let taken = 0;
    expect(() => {
      for (const part of parts) {
        parser.push(part);
        taken++;
      }
    }).toThrow(tooLarge);
    expect(taken).toBeGreaterThanOrEqual(8);
  });

  test("does not count events, only their size", () => {
    expect(frames(chunks(`data: ${"x".repeat(900)}\n\n`, 100), 1000)).toHaveLength(100);
  });

  test("does not keep a comment, however long", () => {
    expect(frames([bytes(":"), ...chunks("x".repeat(100), 100), bytes("\n\ndata: y\n\n")], 1000)).toEqual([
      [undefined, "y"],
    ]);
  });
});

test("a long event in a million pieces takes no longer than reading it", () => {
  const startedAt = performance.now();
  const parser = createSseParser(plenty * 2);
  parser.push(bytes("data: "));
  for (let at = 0; at < 1_000_000; at++) parser.push(bytes("x"));
  expect(parser.finish().map(({ data }) => data.length)).toEqual([1_000_000]);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import { createFrameParser } from "../../src/wire/framing.ts";

const plenty = 1_000_000;

/** What a parser makes of these chunks: the data of each frame. */
function lines(chunks: readonly Uint8Array[], most = plenty): string[] {
  const parser = createFrameParser("json-lines", most);
  const frames = chunks.flatMap((chunk) => parser.push(chunk));
  return [...frames, ...parser.finish()].map(({ data }) => data);
}

const bytes = (text: string): Buffer => Buffer.from(text);

/** Characters of one to four bytes, line separators that end no line, blank lines, and a last line without its end. */
const rich = ['{"a":"Zażółć 水车 🌊👩‍🚒"}', "", '{"b":"\u2028\u0085\\n"}', "  ", '{"c":1}', '{"d":', "{}"];
const richLines = ['{"a":"Zażółć 水车 🌊👩‍🚒"}', '{"b":"\u2028\u0085\\n"}', '{"c":1}', '{"d":', "{}"];

describe.each([
  ["LF", "\n"],
  ["CR LF", "\r\n"],
])("lines that end in %s", (_, end) => {
  const body = bytes(`\u{feff}${rich.join(end)}`);

  test("are the same frames however they come", () => {
    expect(lines([body])).toEqual(richLines);
  });

  test("are the same frames split at any byte", () => {
    for (let at = 0; at <= body.length; at++) {
      expect(lines([body.subarray(0, at), body.subarray(at)])).toEqual(richLines);
    }
  });

  test("are the same frames byte by byte, with nothing in between", () => {
    const single = [...body].flatMap((byte) => [Buffer.from([byte]), Buffer.alloc(0)]);
    expect(lines(single)).toEqual(richLines);
  });

  test("are the same frames with an end after the last", () => {
    expect(lines([body, bytes(end)])).toEqual(richLines);
  });
});

test("any text is the same frames in any pieces", () => {
  const text = fc.array(fc.oneof(fc.constantFrom("\n", "\r", "\r\n", "{}"), fc.string({ unit: "grapheme" })));
  fc.assert(
    fc.property(text, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), (parts, sizes) => {
      const body = bytes(parts.join(""));
      const pieces: Buffer[] = [];
      for (let at = 0; at < body.length; ) {
        const size = sizes.next().value ?? 1;
        pieces.push(body.subarray(at, at + size));
        at += size;
      }
      expect(lines(pieces)).toEqual(lines([body]));
    }),
    { numRuns: 500 },
  );
});

test("bytes that are no UTF-8 become replacement characters, whatever the split", () => {
  const body = Buffer.concat([bytes("a"), Buffer.from([0xff, 0xc3, 0x28, 0xe2, 0x82]), bytes("b\n")]);
  for (let at = 0; at <= body.length; at++) {
    expect(lines([body.subarray(0, at), body.subarray(at)])).toEqual(["a\u{fffd}\u{fffd}(\u{fffd}b"]);
  }
});

describe("at the end", () => {
  test.each([
    ["without its line feed", "{}", ["{}"]],
    ["in the middle of a CR LF", "{}\r", ["{}"]],
    ["in the middle of its JSON", '{"a":', ['{"a":']],
    ["in the middle of a character", Buffer.from([...bytes("x"), 0xf0, 0x9f]), ["x\u{fffd}"]],
    ["of nothing", "", []],
  ])("a line %s comes out as it is", (_, body, expected) => {
    expect(lines([Buffer.from(body)])).toEqual(expected);
  });
});

describe("a line above the limit", () => {
  const tooLarge = expect.objectContaining({ reason: ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE });

  test("is refused before it has come whole", () => {
    const parser = createFrameParser("json-lines", 1000);
    for (let piece = 0; piece < 10; piece++) parser.push(bytes("x".repeat(100)));
    expect(() => parser.push(bytes("x"))).toThrow(tooLarge);
  });

  test("is refused when it comes whole", () => {
    expect(() => lines([bytes(`{}\n${"x".repeat(1001)}\n{}`)], 1000)).toThrow(tooLarge);
  });

  test("does not count lines, only their size", () => {
    expect(lines([bytes(`${"x".repeat(1000)}\n`.repeat(100))], 1000)).toHaveLength(100);
  });
});

test("a long line in a million pieces takes no longer than reading it", () => {
  const startedAt = performance.now();
  const parser = createFrameParser("json-lines", plenty);
  for (let at = 0; at < 1_000_000; at++) parser.push(bytes("x"));
  expect(parser.finish().map(({ data }) => data.length)).toEqual([1_000_000]);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});

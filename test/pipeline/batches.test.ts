import fc from "fast-check";
import { expect, test } from "vitest";
import { splitTexts } from "../../src/pipeline/batches.ts";

const NO_LIMIT = Number.POSITIVE_INFINITY;

test("texts are split by their number", () => {
  expect(splitTexts(["a", "b", "c", "d", "e"], { texts: 2, tokens: NO_LIMIT }, "m")).toEqual([
    ["a", "b"],
    ["c", "d"],
    ["e"],
  ]);
});

test("texts are split by their tokens, and one that is too long is alone", () => {
  const short = "word ".repeat(10);
  const long = "word ".repeat(100);
  expect(splitTexts([short, short, short, long, short], { texts: 9, tokens: 25 }, "m")).toEqual([
    [short, short],
    [short],
    [long],
    [short],
  ]);
});

test("no text is lost, moved or sent alone for nothing", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ minLength: 1 }), { minLength: 1 }),
      fc.integer({ min: 1, max: 9 }),
      (texts, most) => {
        const batches = splitTexts(texts, { texts: most, tokens: 1e6 }, "m");
        expect(batches.flat()).toEqual(texts);
        expect(batches.length).toBe(Math.ceil(texts.length / most));
      },
    ),
  );
});

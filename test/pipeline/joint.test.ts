import fc from "fast-check";
import { expect, test } from "vitest";
import { Joint } from "../../src/pipeline/joint.ts";

/** What a reader has in the end, where an answer in these pieces goes on with a text. */
function join(text: string, pieces: readonly string[], echoes = false): string {
  const joint = new Joint(text, echoes);
  let came = "";
  for (const piece of pieces) {
    came += piece;
    const known = joint.push(piece);
    if (known !== undefined) return text + came.slice(known) + pieces.join("").slice(came.length);
  }
  return text + came.slice(joint.finish());
}

function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  let at = 0;
  for (const length of lengths) {
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return [...pieces, text.slice(at)];
}

const character = fc.constantFrom("a", "b", "a", "é", " ", " ", "\n", "\t", "\u00a0", "水");
const text = fc.array(character, { maxLength: 40 }).map((characters) => characters.join(""));
const lengths = fc.array(fc.nat({ max: 5 }), { maxLength: 20 });

test.each([false, true])("goes on with a known text from any prefix, whatever the pieces (repeated: %s)", (echoes) => {
  fc.assert(
    fc.property(text, fc.nat({ max: 40 }), lengths, (whole, at, sizes) => {
      const shown = whole.slice(0, at);
      const { beginning } = new Joint(shown, echoes);
      const answer = echoes ? whole : whole.slice(beginning.length);
      expect(join(shown, cut(answer, sizes), echoes)).toBe(whole);
    }),
    { numRuns: 2000 },
  );
});

test("loses nothing of a server that was to repeat the beginning and does not", () => {
  fc.assert(
    fc.property(text, lengths, (rest, sizes) => {
      const answer = `-${rest}`;
      expect(join("ab ab", cut(answer, sizes), true)).toBe(`ab ab${answer}`);
    }),
  );
});

test.each([
  ["Hello ", " world", "Hello world"],
  ["Hello ", "world", "Hello world"],
  ["Hello", " world", "Hello world"],
  ["Hel", "lo", "Hello"],
  ["End.\n", "\n\nNext", "End.\n\nNext"],
  ["End.\n\n", "\nNext", "End.\n\nNext"],
  ["End.\n\n", " Next", "End.\n\nNext"],
  ["End. ", "\n\n## Next", "End. \n\n## Next"],
  ["End. ", "", "End. "],
  ["End. ", " ", "End. "],
  ["End.", "\n", "End.\n"],
  ["List:\n", "\n  - one", "List:\n  - one"],
])("%j and %j are %j", (shown, answer, whole) => {
  expect(join(shown, [answer])).toBe(whole);
  expect(join(shown, answer.split(""))).toBe(whole);
});

test("does not hold white space without end", () => {
  const joint = new Joint("Hello \t", false);
  expect(joint.push(" ".repeat(1025))).toBe(1025);
});

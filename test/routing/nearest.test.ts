import fc from "fast-check";
import { expect, test } from "vitest";
import { findNearest } from "../../src/routing/nearest.ts";

const names = ["openai", "openrouter", "groq", "mistral", "azure-openai"];

test.each([
  ["opnai", "openai"],
  ["OPENAI", "openai"],
  ["grok", "groq"],
  ["qqqqqqqqqqqqqqqq", undefined],
])("of %s, %s comes first", (wrong, nearest) => {
  expect(findNearest(wrong, names)[0]).toBe(nearest);
});

test("names at most three, all of them known", () => {
  fc.assert(
    fc.property(
      fc.string({ maxLength: 300 }),
      fc.array(fc.string({ maxLength: 20 }), { maxLength: 20 }),
      (wrong, all) => {
        const found = findNearest(wrong, all);
        expect(found.length).toBeLessThanOrEqual(3);
        expect(all).toEqual(expect.arrayContaining(found));
      },
    ),
  );
});

test("finds a name by itself", () => {
  for (const name of names) expect(findNearest(name, names)[0]).toBe(name);
});

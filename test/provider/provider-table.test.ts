/** The page of what each provider can do, beside what the code does. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { COMMAND, renderProviders } from "../../scripts/provider-table/render.ts";
import { embeddingRows, rows } from "../../scripts/provider-table/rows.ts";
import { known } from "../../src/provider/registry.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("the committed page says what the code does", async () => {
  expect(read("docs/providers.md"), `It differs. Run: ${COMMAND}`).toBe(await renderProviders());
});

test.each([
  ["of conversations", rows],
  ["of embeddings", embeddingRows],
])("every preset and every dialect has a line %s", (_, lines) => {
  expect([...new Set(lines.flatMap(({ preset }) => preset ?? []))].sort()).toEqual(Object.keys(known.presets).sort());
  expect([...new Set(lines.map(({ dialectName }) => dialectName))].sort()).toEqual([...known.dialects].sort());
});

test("the README leads to it", () => {
  expect(read("README.md")).toContain("](docs/providers.md)");
});

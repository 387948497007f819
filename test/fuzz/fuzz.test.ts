/** A short run of what `npm run fuzz` does at length. */
import { expect, test } from "vitest";
import { available } from "../exchanges/exchanges.ts";
import { dialects } from "./dialects.ts";
import { fuzz } from "./run.ts";

test.skipIf(!available).each(Object.entries(dialects))(
  "%s answers wrong bodies by events or errors of its own",
  { timeout: 120_000 },
  async (_, fuzzed) => {
    const { inputs, findings } = await fuzz(fuzzed, { count: 3000, seed: 1 });
    expect(findings.map(({ at, wrong }) => ({ at, wrong }))).toEqual([]);
    expect(inputs).toBe(3000);
  },
);

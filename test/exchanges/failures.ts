/** What callers are told of every recorded failure of one API: one table for each, one suite for all. */
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../src/domain/contract.ts";
import type { Dialect } from "../../src/provider/dialect.ts";
import { decode } from "./decode.ts";
import { available, readExchanges } from "./exchanges.ts";

export interface Explained {
  readonly reason: keyof typeof ErrorReason;
  readonly retryAfterMs?: number;
}

/** By the name of the exchange. */
export type ExplainedFailures = Readonly<Record<string, Explained>>;

/** `pageTitle`: what is quoted of an exchange that recorded no words, because its body is a page. */
export function describeFailures(api: string, dialect: Dialect, explained: ExplainedFailures, pageTitle = ""): void {
  const failures = readExchanges(api).filter((exchange) => exchange.expect.error !== null);

  describe.skipIf(!available)(`recorded ${api} failures`, () => {
    test("are all in the table", () => {
      expect(failures.map(({ name }) => name).sort()).toEqual(Object.keys(explained).sort());
    });

    test.each(failures)("$name has its reason and its retry hint", (exchange) => {
      const { error } = decode(dialect, exchange, [exchange.body]);
      const expected = explained[exchange.name];
      expect({ reason: error?.reason, retryAfterMs: error?.retryAfterMs }).toEqual({
        reason: expected === undefined ? undefined : ErrorReason[expected.reason],
        retryAfterMs: expected?.retryAfterMs,
      });
    });

    test.each(failures)("$name is quoted, but no word about a key", (exchange) => {
      const { error } = decode(dialect, exchange, [exchange.body]);
      const words = exchange.expect.error?.message ?? pageTitle;
      const refusedKey = error?.reason === ErrorReason.UPSTREAM_UNAUTHENTICATED;
      expect(error?.message.includes(words.slice(0, 60))).toBe(!refusedKey);
    });
  });
}

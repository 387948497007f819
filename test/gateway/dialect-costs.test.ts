/** What calls cost on each dialect, over real sockets: whole, streamed, and left in the middle. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Cost } from "../../src/domain/contract.ts";
import { ask } from "../support/gateway.ts";
import { type Turn, vendorAnswers } from "../support/vendor-answers.ts";
import { openVendors, type Vendors } from "../support/vendors.ts";

let vendors: Vendors;

beforeAll(async () => {
  vendors = await openVendors();
});

beforeEach(() => {
  vendors.cutAt = undefined;
});

afterAll(() => vendors.close());

async function streamed(model: string) {
  for await (const { event } of vendors.gateway.client.stream(ask(model))) if (event.case === "end") return event.value;
  throw new Error("The stream has no end.");
}

/** A cost without what `Cost` has of every message. */
function tell(cost: Cost | undefined) {
  if (cost === undefined) return undefined;
  const { $typeName: _type, $unknown: _unknown, ...parts } = cost;
  return parts;
}

/** Which of the 40 cached tokens and 5 of reasoning, among 100 and 20, a dialect's wire tells. */
const TOLD: Readonly<Record<string, { readonly cached: boolean; readonly reasoned: boolean }>> = {
  "openai-chat": { cached: true, reasoned: true },
  "openai-responses": { cached: true, reasoned: true },
  anthropic: { cached: true, reasoned: false },
  gemini: { cached: true, reasoned: true },
  "bedrock-converse": { cached: true, reasoned: false },
  cohere: { cached: true, reasoned: true },
  ollama: { cached: false, reasoned: false },
};

describe.each(Object.entries(vendorAnswers))("%s", (dialect, { model }) => {
  test.each<Turn>(["calls", "text"])("costs the same whole and streamed, answering with %s", async (turn) => {
    vendors.turn = turn;
    const whole = await vendors.gateway.client.complete(ask(`${dialect}/${model}`));
    const stream = await streamed(`${dialect}/${model}`);
    const { cached, reasoned } = TOLD[dialect] ?? { cached: false, reasoned: false };
    const cacheReadNanoUsd = cached ? 4000n : 0n;
    const inputNanoUsd = cached ? 60_000n : 100_000n;
    const outputNanoUsd = reasoned ? 45_000n : 40_000n;
    expect(tell(whole.cost)).toEqual({
      totalNanoUsd: inputNanoUsd + cacheReadNanoUsd + outputNanoUsd,
      inputNanoUsd,
      cacheReadNanoUsd,
      cacheWriteNanoUsd: 0n,
      outputNanoUsd,
      otherNanoUsd: 0n,
      priceSource: `config prices.${dialect}/*`,
      estimated: false,
    });
    expect(tell(stream.cost)).toEqual(tell(whole.cost));
    expect(stream.usage).toEqual(whole.usage);
  });

  test("costs what came until it was left", async () => {
    vendors.turn = "text";
    // All but the last third, where the end and the counts are.
    vendors.cutAt = (stream) => Math.floor(stream.length * 0.66);
    const leave = new AbortController();
    try {
      const options = { signal: leave.signal };
      for await (const { event } of vendors.gateway.client.stream(ask(`${dialect}/${model}`), options)) {
        if (event.case === "blockDelta") leave.abort();
      }
    } catch {
      // The client's own abort.
    }
    const line = () =>
      vendors.gateway.logged.findLast(
        ({ model: asked, outcome }) => asked === `${dialect}/${model}` && outcome === "cancelled",
      );
    await expect.poll(line).toMatchObject({ cost_estimated: true, cost_nano_usd: expect.any(Number) });
    expect(Number(line()?.cost_nano_usd)).toBeGreaterThan(0);
  });
});

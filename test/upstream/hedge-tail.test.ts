/** What hedging is for: one answer in twenty takes twenty times as long. */
import { expect, test } from "vitest";
import { answerWith } from "./raw.ts";
import { callLines, run, serve } from "./support.ts";

const CALLS = 200;
const AT_ONCE = 4;
const FAST_MS = 25;
const SLOW_MS = 20 * FAST_MS;

const answer = JSON.stringify({
  id: "x",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi" }, finish_reason: "stop" }],
  usage: { prompt_tokens: 1000, completion_tokens: 1000 },
});

/** Latencies of the calls in rising order, ms; requests that came to the upstream; and the gateway's lines. */
async function measure(hedge: object | undefined) {
  let requests = 0;
  const upstream = await answerWith((_, response) => {
    const slow = requests++ % 20 === 19;
    setTimeout(
      () => response.writeHead(200, { "content-type": "application/json" }).end(answer),
      slow ? SLOW_MS : FAST_MS,
    );
  });
  const gateway = await serve({
    providers: { house: `http://127.0.0.1:${upstream.port}/v1` },
    models: { both: { targets: ["house/a", "house/b"], ...(hedge === undefined ? {} : { hedge }) } },
    limits: {},
    prices: { "house/*": { input: 1, output: 1 } },
  });
  const latencies: number[] = [];
  let left = CALLS;
  async function work(): Promise<void> {
    while (left-- > 0) {
      const startedAt = performance.now();
      expect((await run(gateway, "unary", "both")).code).toBe("OK");
      latencies.push(performance.now() - startedAt);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { latencies: latencies.sort((a, b) => a - b), requests, lines: callLines(gateway) };
}

const p99 = (latencies: readonly number[]) => latencies[Math.floor(CALLS * 0.99) - 1] ?? Number.NaN;

test("halves the 99th percentile for at most a tenth more requests, and both legs are in the accounts", async () => {
  const plain = await measure(undefined);
  const hedged = await measure({ after: "0.15s" });
  expect(p99(hedged.latencies)).toBeLessThanOrEqual(p99(plain.latencies) / 2);
  expect([plain.requests, hedged.requests <= CALLS * 1.1]).toEqual([CALLS, true]);
  const attempts = hedged.lines.flatMap((line) => line.attempts as { cost_nano_usd?: number }[]);
  expect(attempts.length).toBe(hedged.requests);
  expect(attempts.every((each) => (each.cost_nano_usd ?? 0) > 0)).toBe(true);
});

/** The strategy `fastest`, on upstreams that take as long as the test says, by a clock that only they move. */
import { expect, test } from "vitest";
import { systemClock } from "../../src/domain/clock.ts";
import { createRandom } from "../routing/random.ts";
import { ask, type TestGateway } from "../support/gateway.ts";
import { answerWith } from "./raw.ts";
import { serve } from "./support.ts";

function toAnswer(model: string): string {
  const message = { role: "assistant", content: "Hi." };
  return JSON.stringify({
    id: "1",
    object: "chat.completion",
    model,
    choices: [{ index: 0, message, finish_reason: "stop" }],
  });
}

/** A gateway whose alias `any` has these models, each of which answers after so many ms. */
async function open(latencies: Record<string, number>) {
  let now = 0;
  const simulated = Object.keys(latencies).map(async (model) => {
    const { port } = await answerWith((_, response) => {
      now += latencies[model] ?? 0;
      response.writeHead(200, { "content-type": "application/json" }).end(toAnswer(model));
    });
    return [model, `http://127.0.0.1:${port}/v1`] as const;
  });
  const providers = Object.fromEntries(await Promise.all(simulated));
  const targets = Object.keys(latencies).map((model) => `${model}/${model}`);
  const gateway = await serve(
    { providers, models: { any: { targets, strategy: "fastest" } }, limits: {} },
    { clock: { ...systemClock, now: () => now }, random: createRandom(5) },
  );
  return { gateway, latencies, pass: (ms: number) => (now += ms) };
}

/** Who answers a call. */
async function answerer(gateway: TestGateway, maxOutputTokens?: number) {
  const asked = ask("any");
  const prompt = { ...asked.prompt, ...(maxOutputTokens === undefined ? {} : { maxOutputTokens }) };
  const { model, routing } = await gateway.client.complete({
    ...asked,
    prompt,
    handling: { routing: { explain: true } },
  });
  return { model, reason: routing?.reason };
}

async function answerers(
  gateway: TestGateway,
  calls: number,
  maxOutputTokens?: number,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let n = 0; n < calls; n++) {
    const { model } = await answerer(gateway, maxOutputTokens);
    counts[model] = (counts[model] ?? 0) + 1;
  }
  return counts;
}

test("who is not known yet is tried, and the slowest is hardly asked from then on", async () => {
  const { gateway } = await open({ a: 400, b: 100, c: 900 });
  expect((await answerer(gateway)).reason).toBe("fastest:unknown");
  // Until every pair was drawn.
  await answerers(gateway, 15);
  const { a = 0, b = 0, c = 0 } = await answerers(gateway, 60);
  // What was seen fades, so that now and then the slowest looks fast again.
  expect([c < 4, a > 8, b > a]).toEqual([true, true, true]);
  expect((await answerer(gateway)).reason).toBe("fastest");
});

test("who becomes slow is left at once, and tried again when that was long ago", async () => {
  const { gateway, latencies, pass } = await open({ a: 400, b: 100 });
  await answerers(gateway, 4);
  expect(await answerers(gateway, 5)).toEqual({ b: 5 });
  latencies.b = 4000;
  expect(await answerers(gateway, 1)).toEqual({ b: 1 });
  expect(await answerers(gateway, 3)).toEqual({ a: 3 });
  latencies.b = 100;
  pass(120_000);
  await answerers(gateway, 4);
  expect(await answerers(gateway, 5)).toEqual({ b: 5 });
});

test("calls for long answers are told apart from those for short ones", async () => {
  const { gateway, latencies } = await open({ a: 400, b: 100 });
  await answerers(gateway, 4, 16);
  expect(await answerers(gateway, 3, 16)).toEqual({ b: 3 });
  Object.assign(latencies, { a: 400, b: 800 });
  await answerers(gateway, 4, 8000);
  expect(await answerers(gateway, 3, 8000)).toEqual({ a: 3 });
});

/** How many connections the gateway opens to an upstream, and when it closes them. */
import { describe, expect, test } from "vitest";
import { PLAIN } from "./fault-table.ts";
import { answerWith, forwardTo } from "./raw.ts";
import { PATIENT_LIMITS, run, serve, simulate } from "./support.ts";

const soon = { timeout: 2000, interval: 5 };

async function counted(more: Readonly<Record<string, unknown>> = {}) {
  const simulator = await simulate();
  const counter = await forwardTo(simulator.port);
  const house = { base_url: `http://127.0.0.1:${counter.port}/v1`, ...more };
  const gateway = await serve({ providers: { house }, limits: PATIENT_LIMITS });
  return { simulator, counter, gateway };
}

describe("one connection serves", () => {
  test.each([
    ["whole answers", "unary", "text:tokens=10"],
    ["streams that end with [DONE]", "stream", "text:tokens=10"],
    ["streams that end without [DONE]", "stream", "fault.missing-done"],
    ["streams with a little after [DONE]", "stream", "fault.data-after-done"],
    ["compressed answers", "unary", "fault.gzip"],
    ["compressed streams", "stream", "fault.gzip"],
  ] as const)("%s, one after another", async (_, delivery, model) => {
    const { simulator, counter, gateway } = await counted();
    for (let call = 0; call < 10; call++) {
      expect(await run(gateway, delivery, `house/${model}`)).toEqual({
        code: "OK",
        text: PLAIN,
        attempts: [`house/${model} SUCCEEDED 200`],
      });
      // The rest of a body may still be on its way when the caller has its end.
      await simulator.idle();
    }
    expect([simulator.calls.length, counter.connections]).toEqual([10, 1]);
  });

  test("errors, and the answers after them", async () => {
    const { simulator, counter, gateway } = await counted();
    for (const model of ["fault.context-length", "fault.error-status", "fault.html-503", "text:tokens=10"]) {
      await run(gateway, "stream", `house/${model}`);
    }
    expect([simulator.calls.length, counter.connections]).toEqual([8, 1]);
  });
});

test("a broken connection is not used again", async () => {
  const { counter, gateway } = await counted();
  expect((await run(gateway, "stream", "house/fault.cut-mid-stream")).code).toBe("Unavailable");
  expect((await run(gateway, "stream", "house/text:tokens=10")).code).toBe("OK");
  expect(counter.connections).toBe(2);
  await expect.poll(() => counter.open, soon).toBe(1);
});

test("what an upstream holds open after [DONE] is closed soon", async () => {
  const { simulator, counter, gateway } = await counted();
  expect((await run(gateway, "stream", "house/fault.data-after-done:hold")).code).toBe("OK");
  await expect.poll(() => [simulator.openRequests, counter.open], soon).toEqual([0, 0]);
});

test("what an upstream pours after [DONE] is not read for long", async () => {
  const end = 'data: {"choices":[{"delta":{"content":"Hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n';
  let poured = 0;
  const upstream = await answerWith((_, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write(end);
    const pour = (): void => {
      while (!response.destroyed && response.write(": more\n\n".repeat(1000))) poured += 8000;
      if (!response.destroyed) response.once("drain", pour);
    };
    pour();
  });
  const gateway = await serve({ providers: { house: `http://127.0.0.1:${upstream.port}/v1` } });
  expect((await run(gateway, "stream", "house/m")).text).toBe("Hello");
  await expect.poll(() => upstream.open, soon).toBe(0);
  expect(poured).toBeLessThan(8 * 1024 * 1024);
});

test("at most as many connections as configured are open at once", async () => {
  const { simulator, counter, gateway } = await counted({ max_connections: 2 });
  const calls = Array.from({ length: 8 }, () => run(gateway, "stream", "house/text:tokens=3:ttft=20ms"));
  expect((await Promise.all(calls)).map(({ code }) => code)).toEqual(Array.from({ length: 8 }, () => "OK"));
  expect([simulator.calls.length, counter.connections]).toEqual([8, 2]);
});

test("closing the gateway closes its connections", async () => {
  const { counter, gateway } = await counted();
  await run(gateway, "unary", "house/text:tokens=3");
  expect(counter.open).toBe(1);
  await gateway.close();
  await expect.poll(() => counter.open, soon).toBe(0);
});

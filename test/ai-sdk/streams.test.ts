/** Packages of the AI SDK behind the gateway: who leaves, who is slow, and who is silent. */
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { ask } from "../support/gateway.ts";
import { type Delivery, run, within } from "../upstream/support.ts";
import { answers } from "./answers.ts";
import { listen, type PackageName, sendEvents, serve } from "./support.ts";

/** An upstream that begins to answer and then is silent; resolves once its socket was closed. */
async function silentAfter(name: PackageName, events: number) {
  let begun: (response: ServerResponse) => void = () => {};
  const answering = new Promise<ServerResponse>((resolve) => {
    begun = resolve;
  });
  const upstream = await listen((response) => {
    if (events > 0) sendEvents(response, answers[name].events.slice(0, events), false);
    begun(response);
  });
  const closed = answering.then((response) => once(response, "close"));
  return { ...upstream, answering, closed };
}

const names = ["compatible", "anthropic", "deepseek", "mistral"] as const;

describe.each(names)("the package %s", (name) => {
  test.each<[string, Delivery, number]>([
    ["before the head", "stream", 0],
    ["in the middle of a stream", "stream", 8],
    ["before a whole answer", "unary", 0],
  ])("closes its upstream's socket at once when the caller leaves %s", async (_, delivery, events) => {
    const upstream = await silentAfter(name, events);
    const gateway = await serve(name, { url: upstream.url });
    const leaving = new AbortController();
    const outcome = run(gateway, delivery, `${name}/m`, { signal: leaving.signal });
    await within(10_000, upstream.answering, "the request");
    leaving.abort();
    await within(1000, upstream.closed, "the upstream's socket");
    expect((await outcome).code).toBe("Canceled");
  });

  test("is left when it is silent, and the call ends in time", async () => {
    const upstream = await silentAfter(name, 8);
    const gateway = await serve(name, { url: upstream.url, limits: { idle_timeout: "0.3s" } });
    const outcome = await within(10_000, run(gateway, "stream", `${name}/m`), "the call");
    expect([outcome.reason, outcome.partial]).toEqual(["UPSTREAM_TIMEOUT", true]);
    await within(1000, upstream.closed, "the upstream's socket");
  });
});

test("a call that takes longer than its deadline closes the upstream's socket", async () => {
  const upstream = await silentAfter("mistral", 0);
  const gateway = await serve("mistral", { url: upstream.url });
  const outcome = await within(10_000, run(gateway, "unary", "mistral/m", { timeoutMs: 1000 }), "the call");
  expect(outcome.code).toBe("DeadlineExceeded");
  await within(1000, upstream.closed, "the upstream's socket");
});

test("a slow reader pauses the upstream", async () => {
  const piece = "x".repeat(16 * 1024);
  const [event] = answers.compatible.events as [Readonly<Record<string, unknown>>];
  const data = `data: ${JSON.stringify({ ...event, choices: [{ index: 0, delta: { content: piece }, finish_reason: null }] })}\n\n`;
  let written = 0;
  let paused: () => void = () => {};
  const waiting = new Promise<void>((resolve) => {
    paused = resolve;
  });
  const upstream = await listen((response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    const write = (): void => {
      while (!response.destroyed) {
        written += data.length;
        if (response.write(data)) continue;
        const drained = setTimeout(paused, 500);
        response.once("drain", () => {
          clearTimeout(drained);
          write();
        });
        return;
      }
    };
    write();
  });
  const limits = { max_response_bytes: 1_073_741_824 };
  const gateway = await serve("compatible", { url: upstream.url, limits });
  const leaving = new AbortController();
  const events = gateway.client.stream(ask("compatible/m"), { signal: leaving.signal })[Symbol.asyncIterator]();
  await events.next();
  await within(20_000, waiting, "the pause");
  expect(written).toBeLessThan(64 * 1024 * 1024);
  leaving.abort();
  await events.next().catch(() => {});
});

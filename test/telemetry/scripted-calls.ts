/** Calls that end in every way that metrics tell apart, made through real sockets. */
import { expect, vi } from "vitest";
import { openSimulator } from "../../src/simulator/server.ts";
import { ask, startGateway, type TestGateway, type TestGatewayOptions } from "../support/gateway.ts";

/** `house` has prices, `annex` has none. */
function toYaml(baseUrl: string, telemetry: object): string {
  const provider = { dialect: "openai-chat", base_url: baseUrl };
  return JSON.stringify({
    providers: { house: provider, annex: provider },
    models: { cascade: { targets: ["house/fault.insufficient-quota", "annex/text:tokens=3"] } },
    prices: { "house/*": { input: 1, output: 2 } },
    retry: { base_delay: "0.001s", max_delay: "0.002s" },
    telemetry: { cohorts: ["plan", "region.name"], ...telemetry },
  });
}

function request(feature: string, model: string, attribution: object = {}) {
  return { ...ask(model), attribution: { feature, ...attribution } };
}

type Request = ReturnType<typeof request>;

async function answered(gateway: TestGateway, asked: Request): Promise<void> {
  await gateway.client.complete(asked);
}

async function streamed(gateway: TestGateway, asked: Request): Promise<void> {
  for await (const _ of gateway.client.stream(asked));
}

async function fails(call: Promise<void>): Promise<void> {
  await expect(call).rejects.toThrow();
}

/** Leaves a stream at its first word, and waits until the gateway knows. */
async function cancelled(gateway: TestGateway, asked: Request): Promise<void> {
  const leaving = new AbortController();
  const left = (async () => {
    for await (const { event } of gateway.client.stream(asked, { signal: leaving.signal })) {
      if (event.case === "blockDelta") leaving.abort();
    }
  })();
  await fails(left);
  const ended = (): void => expect(gateway.logged).toContainEqual(expect.objectContaining({ outcome: "cancelled" }));
  await vi.waitFor(ended, { interval: 2, timeout: 2000 });
}

/** Begins a stream, and leaves it open once its first word is there. */
async function opened(gateway: TestGateway, asked: Request): Promise<void> {
  const stream = gateway.client.stream(asked)[Symbol.asyncIterator]();
  for (;;) {
    const { done, value } = await stream.next();
    if (done === true) throw new Error("The stream has ended.");
    if (value.event.case === "blockDelta") return;
  }
}

/** Opens a gateway that has served all of these calls, and has one stream open. `telemetry`: more of its configuration. */
export async function openScriptedGateway(
  telemetry: object = {},
  options: TestGatewayOptions = {},
): Promise<TestGateway> {
  const simulator = await openSimulator();
  const gateway = await startGateway(toYaml(simulator.url, telemetry), options);
  const close = async (): Promise<void> => {
    await gateway.close();
    await simulator.close();
  };
  try {
    await makeCalls(gateway);
  } catch (error) {
    await close();
    throw error;
  }
  return { ...gateway, close };
}

async function makeCalls(gateway: TestGateway): Promise<void> {
  const attribution = { userId: "user-1", sessionId: "session-1", promptVersion: "v3" };
  const metadata = { plan: "pro", "region.name": "eu", other: "x" };
  await answered(gateway, request("chat", "house/text:tokens=5", { ...attribution, metadata }));
  await streamed(gateway, request("chat", "house/text:tokens=20:rate=400", attribution));
  await answered(gateway, request("search", "annex/text:tokens=7"));
  await answered(gateway, request("search", "house/flaky:fail=1"));
  await answered(gateway, request("search", "cascade"));
  await fails(streamed(gateway, request("chat", "house/fault.cut-mid-stream")));
  await fails(answered(gateway, request("chat", "house/fault.context-length")));
  await fails(answered(gateway, request("chat", "nowhere/model")));
  await fails(answered(gateway, request("Not A Feature", "house/text:tokens=5")));
  await fails(answered(gateway, request("chat", "")));
  await cancelled(gateway, request("chat", "house/text:tokens=1000:rate=50"));
  await opened(gateway, request("chat", "house/text:tokens=1000:rate=20"));
}

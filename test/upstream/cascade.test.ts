import { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { AttemptOutcome, CallFailureSchema, type CompleteResponse, ErrorReason } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

const MODELS = `
retry: { base_delay: 0.001s, max_delay: 0.002s }
models:
  pair: { targets: ["house/fault.rate-limited:retry-after=30", house/echo] }
  failing: { targets: [house/fault.server-error, house/fault.server-error, house/fault.server-error, house/echo] }
  cut: { targets: [house/fault.cut-mid-stream, house/echo] }
  deaf: { targets: [ollama/echo, house/echo] }
`;

beforeAll(async () => {
  simulator = await openSimulator();
  const ollama = `  ollama: { preset: ollama, base_url: "${simulator.url}" }\n`;
  gateway = await startGateway(houseConfig(simulator.url, ollama + MODELS));
});

beforeEach(() => simulator.reset());

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

function attemptsOf(response: Pick<CompleteResponse, "attempts">): string[] {
  return response.attempts.map(({ provider, model, outcome, errorReason }) =>
    outcome === AttemptOutcome.SUCCEEDED ? `${provider}/${model}` : `${provider}/${model} failed: ${errorReason}`,
  );
}

async function failureOf(answer: Promise<unknown>): Promise<ConnectError> {
  return ConnectError.from(await answer.then(() => undefined).catch((thrown: unknown) => thrown));
}

test("tries the next target after 429, without waiting as the first one asks", async () => {
  const response = await gateway.client.complete(ask("pair"));
  expect(attemptsOf(response)).toEqual([
    `house/fault.rate-limited:retry-after=30 failed: ${ErrorReason.UPSTREAM_RATE_LIMITED}`,
    "house/echo",
  ]);
});

test("tries the only target again after a passing failure", async () => {
  const response = await gateway.client.complete(ask("house/flaky:fail=2:status=503"));
  expect(attemptsOf(response)).toEqual([
    `house/flaky:fail=2:status=503 failed: ${ErrorReason.UPSTREAM_OVERLOADED}`,
    `house/flaky:fail=2:status=503 failed: ${ErrorReason.UPSTREAM_OVERLOADED}`,
    "house/flaky:fail=2:status=503",
  ]);
});

test("makes three requests at most, and its error tells each of them", async () => {
  const error = await failureOf(gateway.client.complete(ask("failing")));
  const [failure] = error.findDetails(CallFailureSchema);
  expect(failure?.attempts.map(({ upstreamStatus }) => upstreamStatus)).toEqual([500, 500, 500]);
  expect(simulator.calls.length).toBe(3);
});

test("waits as long as the only target asks", async () => {
  const model = "house/flaky:fail=1:fault=rate-limited:retry-after-ms=150";
  await gateway.client.complete(ask(model));
  const [first, second] = simulator.calls;
  expect((second?.startedAtMs ?? 0) - (first?.startedAtMs ?? 0)).toBeGreaterThanOrEqual(150);
});

test("does not begin a wait that would pass the deadline, and says how long it is", async () => {
  const answer = gateway.client.complete(ask("house/fault.rate-limited:retry-after=31"), { timeoutMs: 5000 });
  const error = await failureOf(answer);
  expect([error.code, simulator.calls.length]).toEqual([8, 1]);
});

test("makes one request for a call that is not idempotent", async () => {
  await failureOf(gateway.client.complete({ ...ask("failing"), handling: { notIdempotent: true } }));
  expect(simulator.calls.length).toBe(1);
});

test("tries nothing again once a word was shown", async () => {
  let text = "";
  const error = await failureOf(
    (async () => {
      for await (const { event } of gateway.client.stream(ask("cut"))) {
        if (event.case === "blockDelta") text += event.value.text;
      }
    })(),
  );
  const [failure] = error.findDetails(CallFailureSchema);
  expect([error.code, failure?.partial, text !== "", simulator.calls.length]).toEqual([14, true, true, 1]);
});

test("goes past a target that cannot do what is asked, without a request or an attempt", async () => {
  const request = ask("deaf");
  const response = await gateway.client.complete({ ...request, prompt: { ...request.prompt, topK: 3 } });
  expect(attemptsOf(response)).toEqual(["house/echo"]);
  expect(simulator.calls.length).toBe(1);
});

test("leaves no trace of a failed attempt in the stream of the next", async () => {
  const cases: (string | undefined)[] = [];
  for await (const { event } of gateway.client.stream(ask("pair", "Hi"))) cases.push(event.case);
  expect(cases).toEqual(["start", "blockStart", "blockDelta", "blockEnd", "end"]);
});

/** Several keys of one provider: whose turn it is, which are left alone, and that none is ever shown. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { systemClock } from "../../src/domain/clock.ts";
import type { TestGateway } from "../support/gateway.ts";
import { answerWith } from "./raw.ts";
import { run, serve } from "./support.ts";

const KEYS = { A: "key-of-a-4f1c", B: "key-of-b-9d27", C: "key-of-c-77e0" };

const ANSWER = JSON.stringify({
  id: "1",
  object: "chat.completion",
  model: "m",
  choices: [{ index: 0, message: { role: "assistant", content: "Hi." }, finish_reason: "stop" }],
});

type Headers = Readonly<Record<string, string>>;
type Refusal = readonly [status: number, headers?: Headers, body?: string];

/** A gateway with these keys, before an upstream that refuses some of them. */
async function open(names: readonly (keyof typeof KEYS)[], refusals: Partial<Record<keyof typeof KEYS, Refusal>> = {}) {
  const asked: string[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const name = Object.entries(KEYS).find(([, key]) => request.headers.authorization === `Bearer ${key}`)?.[0] ?? "?";
    asked.push(name);
    const [status, headers = {}, body] = refusals[name as "A"] ?? [200];
    response.writeHead(status, { "content-type": "application/json", ...headers });
    const said = JSON.stringify({ error: { message: `Key ${KEYS[name as "A"]} is no good.`, code: body } });
    response.end(status === 200 ? ANSWER : said);
  };
  const { port } = await answerWith(answer);
  // Timers run as ever; what time it is, the test says.
  let now = 0;
  const clock = { ...systemClock, now: () => now, advance: (ms: number) => (now += ms) };
  const house = { base_url: `http://127.0.0.1:${port}/v1`, api_keys: names.map((name) => `env:${name}`) };
  const gateway = await serve({ providers: { house }, limits: {} }, { environment: KEYS, clock });
  return { gateway, asked, refusals, clock };
}

function asides(gateway: TestGateway) {
  return gateway.logged
    .filter(({ msg }) => msg === "key set aside")
    .map(({ key, reason, for_ms }) => [key, reason, for_ms]);
}

async function call(gateway: TestGateway, handling?: Readonly<Record<string, unknown>>) {
  return await run(gateway, "unary", "house/m", handling === undefined ? {} : { handling });
}

test("keys are used in turn", async () => {
  const { gateway, asked } = await open(["A", "B", "C"]);
  for (let n = 0; n < 6; n++) await call(gateway);
  expect(asked).toEqual(["A", "B", "C", "A", "B", "C"]);
});

test("a key beside api_key takes turns with it", async () => {
  const asked: (string | undefined)[] = [];
  const { port } = await answerWith((request, response) => {
    asked.push(request.headers.authorization);
    response.writeHead(200, { "content-type": "application/json" }).end(ANSWER);
  });
  const house = { base_url: `http://127.0.0.1:${port}/v1`, api_key: "env:A", api_keys: ["env:B"] };
  const gateway = await serve({ providers: { house } }, { environment: KEYS });
  for (let n = 0; n < 3; n++) await call(gateway);
  expect(asked).toEqual([KEYS.A, KEYS.B, KEYS.A].map((key) => `Bearer ${key}`));
});

test("a refused key is followed by the next one in the same call, and left alone for five minutes", async () => {
  const { gateway, asked, refusals, clock } = await open(["A", "B"], { A: [401] });
  expect(await call(gateway)).toEqual({
    code: "OK",
    text: "Hi.",
    attempts: ["house/m FAILED UPSTREAM_UNAUTHENTICATED 401", "house/m SUCCEEDED 200"],
  });
  await call(gateway);
  expect(asked).toEqual(["A", "B", "B"]);
  expect(asides(gateway)).toEqual([["env:A", "UPSTREAM_UNAUTHENTICATED", 300_000]]);
  delete refusals.A;
  clock.advance(300_001);
  await call(gateway);
  await call(gateway);
  expect(asked.slice(3).toSorted()).toEqual(["A", "B"]);
});

test.each<[string, Refusal, string, number]>([
  ["asks for a wait", [429, { "retry-after": "20" }], "UPSTREAM_RATE_LIMITED", 20_000],
  [
    "says that nothing remains",
    [429, { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "7s" }],
    "UPSTREAM_RATE_LIMITED",
    7000,
  ],
  ["does not say how long", [429], "UPSTREAM_RATE_LIMITED", 1000],
  ["has no quota left", [429, {}, "insufficient_quota"], "UPSTREAM_QUOTA_EXHAUSTED", 300_000],
])("a key that is used up, and %s, is left alone as long", async (_, refusal, reason, ms) => {
  const { gateway, asked, clock } = await open(["A", "B"], { A: refusal });
  expect((await call(gateway)).code).toBe("OK");
  expect(asides(gateway)).toEqual([["env:A", reason, ms]]);
  clock.advance(ms - 1);
  await call(gateway);
  expect(asked).toEqual(["A", "B", "B"]);
  clock.advance(2);
  await call(gateway);
  expect(asked.at(3)).toBe("A");
});

test("a success whose headers say that nothing remains sets its key aside", async () => {
  const headers = { "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3s" };
  const { gateway, asked } = await open(["A", "B"], { A: [200, headers] });
  for (let n = 0; n < 3; n++) await call(gateway);
  expect(asked).toEqual(["A", "B", "B"]);
});

test("a provider that is overloaded says nothing of its key", async () => {
  const { gateway, asked } = await open(["A", "B"], { A: [503, { "retry-after": "20" }] });
  expect((await call(gateway, { notIdempotent: true })).reason).toBe("UPSTREAM_OVERLOADED");
  expect([asked, asides(gateway)]).toEqual([["A"], []]);
});

test("once all keys are set aside nothing is sent, and callers hear when the first may be used again", async () => {
  const { gateway, asked, clock } = await open(["A", "B"], {
    A: [429, { "retry-after": "90" }],
    B: [429, { "retry-after": "300" }],
  });
  const first = await call(gateway);
  expect([first.code, first.reason, first.retryAfterMs]).toEqual([
    "ResourceExhausted",
    "UPSTREAM_RATE_LIMITED",
    90_000,
  ]);
  clock.advance(30_000);
  const second = await call(gateway);
  expect([second.code, second.reason, second.retryAfterMs, second.attempts]).toEqual([
    "ResourceExhausted",
    "UPSTREAM_RATE_LIMITED",
    60_000,
    [],
  ]);
  expect(asked).toEqual(["A", "B"]);
});

test("a call that may be made only once is not tried with another key", async () => {
  const { gateway, asked } = await open(["A", "B"], { A: [401] });
  expect((await call(gateway, { notIdempotent: true })).code).toBe("FailedPrecondition");
  expect(asked).toEqual(["A"]);
});

test("no key is in what callers or logs are told", async () => {
  const { gateway } = await open(["A", "B", "C"], { A: [401], B: [429, { "retry-after": "90" }], C: [400] });
  let told = "";
  await run(gateway, "unary", "house/m", {
    onError: (error) => (told = JSON.stringify([error.message, error.details])),
  });
  expect(told).toContain("[redacted]");
  const everything = told + JSON.stringify(gateway.logged);
  for (const key of Object.values(KEYS)) expect(everything).not.toContain(key);
});

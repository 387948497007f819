/** What a target has shown decides for vectors and counts, too: breakers, pauses that were asked for, the retry budget. */
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { EmbeddingService, ModelService } from "../../src/domain/contract.ts";
import { toMs } from "../../src/domain/duration.ts";
import { ask, startGateway, type TestGateway } from "../support/gateway.ts";
import { type Asked, clientOf, type Reply, type Scripted, script, silent } from "./scripted.ts";
import { describeAttempt, run } from "./support.ts";

/** `house` takes 96 texts a request and counts nothing; `claude` counts. */
async function serve(upstreams: Readonly<Record<string, Scripted>>, more: object = {}): Promise<TestGateway> {
  const dialects: Readonly<Record<string, string>> = { claude: "anthropic", spare: "anthropic" };
  const gateway = await startGateway(
    JSON.stringify({
      providers: Object.fromEntries(
        Object.entries(upstreams).map(([name, { url }]) => [
          name,
          { dialect: dialects[name] ?? "cohere", base_url: url },
        ]),
      ),
      models: { both: { targets: Object.keys(upstreams).map((name) => `${name}/m`) } },
      retry: { base_delay: "0.001s", max_delay: "0.002s" },
      ...more,
    }),
  );
  onTestFinished(() => gateway.close());
  return gateway;
}

const OPEN_LONG = { open: "60s", max_open: "600s" };
const limited = (seconds: string): Reply => [429, { message: "slow down" }, { "retry-after": seconds }];

function vectors({ texts }: Asked["body"]): Reply {
  return [200, { embeddings: { float: (texts as string[]).map((text) => [Number(text)]) } }];
}

async function embed(gateway: TestGateway, model: string, texts = 1) {
  const input = { model, texts: Array.from({ length: texts }, (_, n) => String(n)), purpose: 2 as const };
  try {
    const { attempts, provider } = await clientOf(gateway, EmbeddingService).embed({
      attribution: { feature: "search" },
      input,
    });
    return { code: "OK", provider, attempts: attempts.map(describeAttempt) };
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    return {
      code: Code[error.code],
      reason: error.findDetails(ErrorInfoSchema)[0]?.reason,
      retryAfterMs: toMs(error.findDetails(RetryInfoSchema)[0]?.retryDelay),
    };
  }
}

test("a target that failed five times in a row is asked for no more vectors, and the next one answers at once", async () => {
  const [house, annex] = [await script(() => [503, { message: "busy" }]), await script(vectors)];
  const gateway = await serve(
    { house, annex },
    { retry: { max_attempts: 2, base_delay: "0.001s" }, breaker: { consecutive_failures: 5, ...OPEN_LONG } },
  );
  for (let n = 0; n < 7; n++) expect(await embed(gateway, "both")).toMatchObject({ code: "OK", provider: "annex" });
  expect([house.asked.length, annex.asked.length]).toEqual([5, 7]);
});

test("the last target standing is asked for vectors, though its breaker is open, one request at a time", async () => {
  const probed = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const house = await script(async (body, n) => {
    if (n === 0) return [503, { message: "busy" }];
    probed.resolve();
    await gate.promise;
    return vectors(body);
  });
  const annex = await script(vectors);
  const gateway = await serve(
    { house, annex },
    { retry: { max_attempts: 1 }, breaker: { consecutive_failures: 1, ...OPEN_LONG } },
  );
  expect((await embed(gateway, "house/m")).code).toBe("Unavailable");
  const many = embed(gateway, "house/m", 200);
  await probed.promise;
  // A second one would have come before the request of a call that was made later.
  expect((await embed(gateway, "annex/m")).code).toBe("OK");
  expect(house.asked.length).toBe(2);
  gate.resolve();
  expect((await many).code).toBe("OK");
  expect(house.asked.length).toBe(4);
});

test("a target that said when to come back is not asked for vectors before, and callers hear how long that is", async () => {
  const house = await script(() => limited("30"));
  const gateway = await serve({ house }, { retry: { max_attempts: 1 } });
  await embed(gateway, "house/m");
  const second = await embed(gateway, "house/m");
  expect(second).toMatchObject({ code: "ResourceExhausted", reason: "UPSTREAM_RATE_LIMITED" });
  expect(second.retryAfterMs).toBeGreaterThan(25_000);
  expect(house.asked.length).toBe(1);
});

test("a target that said when to come back is passed over for the next one", async () => {
  const [house, annex] = [await script(() => limited("30")), await script(vectors)];
  const gateway = await serve({ house, annex });
  for (let n = 0; n < 3; n++) expect(await embed(gateway, "both")).toMatchObject({ code: "OK", provider: "annex" });
  expect([house.asked.length, annex.asked.length]).toEqual([1, 3]);
});

test("what is left of many texts waits as long as one of their requests was told to", async () => {
  const times: number[] = [];
  const house = await script((body, n) => {
    times.push(performance.now());
    return n === 0 ? limited("1") : vectors(body);
  });
  const gateway = await serve({ house }, { retry: { base_delay: "0.001s" }, limits: {} });
  // Nine requests, of which eight are made at once: the ninth comes after the first one's pause was asked for.
  expect((await embed(gateway, "house/m", 96 * 9)).code).toBe("OK");
  const [first = 0] = times;
  const soon = times.filter((at) => at - first < 1000).length;
  expect([soon, times.length]).toEqual([8, 10]);
});

test("the retries of many texts end with the target's budget", async () => {
  const house = await script((body) =>
    (body.texts as string[]).length === 8 ? [503, { message: "busy" }] : vectors(body),
  );
  const gateway = await serve(
    { house },
    { retry: { max_attempts: 10, base_delay: "0.001s", max_delay: "0.001s", budget_ratio: 0.5, budget_per_second: 0 } },
  );
  // Three requests earn half of an attempt each.
  expect(await embed(gateway, "house/m", 200)).toMatchObject({ code: "Unavailable", reason: "UPSTREAM_OVERLOADED" });
  expect(house.asked.length).toBe(4);
});

test("requests for vectors at a second target are paid by its budget", async () => {
  const [house, annex] = [await script(() => [401, { message: "no" }]), await script(vectors)];
  const gateway = await serve(
    { house, annex },
    { retry: { budget_ratio: 0, budget_per_second: 0.2 }, breaker: { consecutive_failures: 1000, min_attempts: 1000 } },
  );
  // The budget has two attempts in ten seconds: too few for three requests, of which two are made.
  expect(await embed(gateway, "both", 200)).toMatchObject({ reason: "UPSTREAM_UNAUTHENTICATED" });
  expect(annex.asked.length).toBeLessThanOrEqual(2);
});

test("a caller's own short timeout opens no breaker", async () => {
  const house = await script((body, n) => (n === 0 ? silent() : vectors(body)));
  const gateway = await serve(
    { house, annex: house },
    { retry: { max_attempts: 1 }, breaker: { consecutive_failures: 1, ...OPEN_LONG } },
  );
  const client = clientOf(gateway, EmbeddingService);
  const input = { model: "both", texts: ["1"], purpose: 2 as const };
  const handling = { attemptTimeout: { seconds: 0n, nanos: 50_000_000 } };
  await expect(client.embed({ attribution: { feature: "search" }, input, handling })).rejects.toThrow(/in time/);
  expect(await embed(gateway, "both")).toMatchObject({ code: "OK", provider: "house" });
});

test("a counter that said when to come back is not asked before, and another one counts", async () => {
  const [claude, spare] = [await script(() => limited("30")), await script(() => [200, { input_tokens: 3 }])];
  const client = clientOf(await serve({ claude, spare }), ModelService);
  for (let n = 0; n < 2; n++) expect(await client.countTokens(ask("both"))).toMatchObject({ provider: "spare" });
  expect([claude.asked.length, spare.asked.length]).toEqual([1, 2]);
});

test("an estimate needs nobody's leave, and follows where a counter before it has none", async () => {
  const [claude, house] = [await script(() => limited("30")), await script(() => limited("30"))];
  const gateway = await serve({ claude, house }, { retry: { max_attempts: 1 } });
  expect((await run(gateway, "unary", "house/m")).reason).toBe("UPSTREAM_RATE_LIMITED");
  const client = clientOf(gateway, ModelService);
  expect(await client.countTokens(ask("house/m"))).toMatchObject({ provider: "house", estimated: true, attempts: [] });
  for (const attempts of [1, 0]) {
    const answer = await client.countTokens(ask("both"));
    expect([answer.provider, answer.estimated, answer.attempts.length]).toEqual(["house", true, attempts]);
  }
  expect(claude.asked.length).toBe(1);
});

/** Vectors through both doors: split, joined, tried again and elsewhere, cancelled and paid for. */
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { AttemptOutcome, CallFailureSchema, EmbeddingService } from "../../src/domain/contract.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { type Asked, clientOf, doors, type Reply, type Scripted, script, silent } from "./scripted.ts";
import { callLines, describeAttempt, within } from "./support.ts";

/** A provider that takes 96 texts a request, and another that takes 2048. */
async function serve(house: Scripted, annex?: Scripted, more: object = {}): Promise<TestGateway> {
  const gateway = await startGateway(
    JSON.stringify({
      providers: {
        house: { dialect: "cohere", base_url: house.url },
        ...(annex === undefined ? {} : { annex: { dialect: "openai-chat", base_url: annex.url } }),
      },
      models: { both: { targets: annex === undefined ? ["house/m"] : ["house/m", "annex/m"] } },
      prices: { "house/*": { input: 1000, output: 0 } },
      retry: { base_delay: "0.001s", max_delay: "0.002s" },
      ...more,
    }),
  );
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Each text is a number, which its vector repeats. */
function vectors({ texts }: Asked["body"]): Reply {
  const float = (texts as string[]).map((text) => [Number(text), 0.5]);
  return [200, { id: "e", embeddings: { float }, meta: { billed_units: { input_tokens: float.length } } }];
}

/** The same by the other provider, with other vectors. */
function otherVectors({ input }: Asked["body"]): Reply {
  const data = (input as string[]).map((text, index) => ({ index, embedding: [Number(text), -1] }));
  return [200, { data, model: "m-2026", usage: { prompt_tokens: data.length } }];
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, n) => String(n));

async function failureOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return {
    code: error === undefined ? "OK" : Code[error.code],
    message: error?.rawMessage,
    reason: error?.findDetails(ErrorInfoSchema)[0]?.reason,
    attempts: (error?.findDetails(CallFailureSchema)[0]?.attempts ?? []).map(describeAttempt),
  };
}

const INPUT = { attribution: { feature: "search" } };

test.each(doors)("one request answers few texts, through %s", async (door) => {
  const house = await script(vectors);
  const gateway = await serve(house);
  let header: string | null = null;
  const answer = await clientOf(gateway, EmbeddingService, door).embed(
    { ...INPUT, input: { model: "house/m", texts: ["7", "8"], purpose: 1, dimensions: 2 } },
    {
      onHeader(headers) {
        header = headers.get("sluice-request-id");
      },
    },
  );
  expect(answer).toMatchObject({
    requestId: header,
    embeddings: [{ values: [7, 0.5] }, { values: [8, 0.5] }],
    usage: { inputTokens: 2, estimated: false },
    cost: { totalNanoUsd: 2_000_000n, inputNanoUsd: 2_000_000n },
    provider: "house",
    model: "m",
    attempts: [{ provider: "house", model: "m", outcome: AttemptOutcome.SUCCEEDED, upstreamStatus: 200 }],
  });
  expect(house.asked.map(({ path, body }) => [path, body.input_type, body.output_dimension])).toEqual([
    ["/v2/embed", "search_query", 2],
  ]);
  expect(callLines(gateway)).toEqual([
    expect.objectContaining({
      operation: "embeddings",
      outcome: "answered",
      feature: "search",
      request_id: header,
      model: "house/m",
      input_tokens: 2,
      cost_nano_usd: 2_000_000,
    }),
  ]);
});

describe("many texts", () => {
  const many = { ...INPUT, input: { model: "house/m", texts: numbers(200), purpose: 2 as const } };

  test("are split to the provider's limit, and their vectors joined in order, however the answers come", async () => {
    const gates = [0, 1, 2].map(() => Promise.withResolvers<void>());
    const house = await script(async (body, n) => {
      // Each waits for the one that was asked after it.
      await gates[n + 1]?.promise;
      gates[n]?.resolve();
      return vectors(body);
    });
    const answer = await clientOf(await serve(house), EmbeddingService).embed(many);
    expect(answer.embeddings.map(({ values }) => values[0])).toEqual(numbers(200).map(Number));
    expect(house.asked.map(({ body }) => (body.texts as string[]).length)).toEqual([96, 96, 8]);
    expect([answer.usage?.inputTokens, answer.cost?.totalNanoUsd, answer.attempts.length]).toEqual([
      200,
      200_000_000n,
      3,
    ]);
  });

  test("are never more than eight requests at once", async () => {
    const eight = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    let [open, most] = [0, 0];
    const house = await script(async (body) => {
      if ((body.texts as string[]).length === 1) return vectors(body);
      most = Math.max(most, ++open);
      if (open === 8) eight.resolve();
      await gate.promise;
      open--;
      return vectors(body);
    });
    const client = clientOf(await serve(house), EmbeddingService);
    const answer = client.embed({ ...many, input: { ...many.input, texts: numbers(2048) } });
    await eight.promise;
    // A ninth would have come before the request of a call that was made later.
    await client.embed({ ...many, input: { ...many.input, texts: ["1"] } });
    expect(most).toBe(8);
    gate.resolve();
    expect([(await answer).embeddings.length, house.asked.length, most]).toEqual([2048, 23, 8]);
  });

  test("repeat only the request that failed", async () => {
    const house = await script((body, n) => (n === 2 ? [503, { message: "busy" }] : vectors(body)));
    const answer = await clientOf(await serve(house), EmbeddingService).embed(many);
    expect(answer.embeddings.map(({ values }) => values[0])).toEqual(numbers(200).map(Number));
    expect(house.asked.length).toBe(4);
    expect(answer.attempts.map(describeAttempt).sort()).toEqual([
      "house/m FAILED UPSTREAM_OVERLOADED 503",
      ...Array<string>(3).fill("house/m SUCCEEDED 200"),
    ]);
  });

  test("are all asked of the next target where one request cannot be answered, for vectors of one model", async () => {
    const failing = (body: Asked["body"]): Reply | Promise<Reply> =>
      (body.texts as string[]).length === 8 ? [401, { message: "no" }] : silent();
    const [house, annex] = [await script(failing), await script(otherVectors)];
    const gateway = await serve(house, annex);
    const texts = numbers(200);
    const options = { house: { input_type: "search_document" } };
    const input = { model: "both", texts, providerOptions: options };
    const answer = await clientOf(gateway, EmbeddingService).embed({ ...INPUT, input });
    expect(answer.embeddings.every(({ values }, at) => values[0] === at && values[1] === -1)).toBe(true);
    expect([answer.provider, answer.model, annex.asked.length]).toEqual(["annex", "m-2026", 1]);
    expect(answer.attempts.map(describeAttempt).sort()).toEqual([
      "annex/m SUCCEEDED 200",
      "house/m CANCELLED CANCELLED 0",
      "house/m CANCELLED CANCELLED 0",
      "house/m FAILED UPSTREAM_UNAUTHENTICATED 401",
    ]);
    expect(await Promise.all(house.asked.map(({ closed }) => closed))).toEqual(["left", "left", "answered"]);
  });

  test("fail as one call, whose other requests end at once", async () => {
    const house = await script((body) =>
      (body.texts as string[]).length === 8 ? [400, { message: "invalid request: no" }] : silent(),
    );
    const failure = await failureOf(clientOf(await serve(house), EmbeddingService).embed(many));
    expect(failure).toMatchObject({ code: "InvalidArgument", reason: "UPSTREAM_INVALID_REQUEST" });
    expect(failure.attempts.sort()).toEqual([
      "house/m CANCELLED CANCELLED 0",
      "house/m CANCELLED CANCELLED 0",
      "house/m FAILED UPSTREAM_INVALID_REQUEST 400",
    ]);
    expect(await Promise.all(house.asked.map(({ closed }) => closed))).toEqual(["left", "left", "answered"]);
  });

  test.each(doors)("close every upstream socket when the call is cancelled, through %s", async (door) => {
    const all = Promise.withResolvers<void>();
    const house = await script((_, n) => {
      if (n === 2) all.resolve();
      return silent();
    });
    const gateway = await serve(house);
    const leaving = new AbortController();
    const failure = failureOf(clientOf(gateway, EmbeddingService, door).embed(many, { signal: leaving.signal }));
    await all.promise;
    leaving.abort();
    const closed = Promise.all(house.asked.map((one) => one.closed));
    expect(await within(2000, closed, "the sockets' end")).toEqual(["left", "left", "left"]);
    expect((await failure).code).toBe("Canceled");
    await expect.poll(() => callLines(gateway).map(({ outcome }) => outcome), { timeout: 2000 }).toEqual(["cancelled"]);
    expect(house.asked.length).toBe(3);
  });

  test("end at the call's deadline, with what was tried", async () => {
    const house = await script(silent);
    const call = clientOf(await serve(house), EmbeddingService).embed(many, { timeoutMs: 500 });
    expect((await failureOf(call)).code).toBe("DeadlineExceeded");
    expect(await Promise.all(house.asked.map(({ closed }) => closed))).toEqual(["left", "left", "left"]);
  });
});

describe("a request for vectors", () => {
  const few = { ...INPUT, input: { model: "house/m", texts: ["1"], purpose: 2 as const } };

  test("is made three times at most, and once where it may not be repeated", async () => {
    const house = await script(() => [503, { message: "busy" }]);
    const client = clientOf(await serve(house), EmbeddingService);
    const busy = "house/m FAILED UPSTREAM_OVERLOADED 503";
    expect((await failureOf(client.embed(few))).attempts).toEqual([busy, busy, busy]);
    const once = { ...few, handling: { notIdempotent: true } };
    expect((await failureOf(client.embed(once))).attempts).toEqual([busy]);
  });

  test("is given up after its own timeout", async () => {
    const house = await script(silent);
    const handling = { attemptTimeout: { seconds: 0n, nanos: 100_000_000 } };
    const failure = await failureOf(clientOf(await serve(house), EmbeddingService).embed({ ...few, handling }));
    expect(failure).toMatchObject({ code: "Unavailable", reason: "UPSTREAM_TIMEOUT" });
    expect(await house.asked[0]?.closed).toBe("left");
  });

  test("is made again where its answer is not one vector for each text", async () => {
    const house = await script((body, n) => (n === 0 ? [200, { embeddings: { float: [] } }] : vectors(body)));
    const answer = await clientOf(await serve(house), EmbeddingService).embed(few);
    expect(answer.attempts.map(describeAttempt)).toEqual([
      "house/m FAILED UPSTREAM_MALFORMED 200",
      "house/m SUCCEEDED 200",
    ]);
  });

  test("never shows the key, whatever the provider says of it", async () => {
    const house = await script(({ input }, n) => [
      n === 0 ? 200 : 400,
      { error: { message: `bad key-1 ${String(input)}` } },
    ]);
    const gateway = await startGateway(
      JSON.stringify({
        providers: { house: { dialect: "openai-chat", base_url: house.url, api_key: "env:KEY" } },
        retry: { max_attempts: 1 },
      }),
      { environment: { KEY: "key-1" } },
    );
    onTestFinished(() => gateway.close());
    const client = clientOf(gateway, EmbeddingService);
    for (const _ of [200, 400]) {
      const { message } = await failureOf(client.embed({ ...INPUT, input: { model: "house/m", texts: ["1"] } }));
      expect(message).toMatch(/bad \[redacted\] 1/);
    }
    expect(house.asked[0]?.headers.authorization).toBe("Bearer key-1");
  });

  test("is counted by the gateway where the provider does not count", async () => {
    const house = await script(() => [200, { embeddings: { float: [[1]] } }]);
    const { usage, cost } = await clientOf(await serve(house), EmbeddingService).embed(few);
    expect([usage?.estimated, (usage?.inputTokens ?? 0) > 0, cost?.estimated]).toEqual([true, true, true]);
  });

  test("goes to the next target where the first cannot do what is asked", async () => {
    const [house, annex] = [await script(vectors), await script(otherVectors)];
    const gateway = await serve(house, annex, {
      models: { both: { targets: ["house/embed-english-v3.0", "annex/m"] } },
    });
    const input = { model: "both", texts: ["1"], dimensions: 2 };
    const answer = await clientOf(gateway, EmbeddingService).embed({ ...INPUT, input });
    expect([answer.provider, house.asked.length]).toEqual(["annex", 0]);
  });
});

describe("is refused before a byte leaves:", () => {
  test.each<[what: string, input: object, code: string, reason: string, message: RegExp]>([
    [
      "a provider without vectors",
      { model: "claude/m" },
      "InvalidArgument",
      "FEATURE_UNSUPPORTED",
      /^input\.model: claude .*has vectors/,
    ],
    ["no text", { texts: [] }, "InvalidArgument", "INVALID_REQUEST", /^input\.texts:/],
    ["an empty text", { texts: ["a", ""] }, "InvalidArgument", "INVALID_REQUEST", /^input\.texts\[1\]:/],
    ["too many texts", { texts: numbers(2049) }, "InvalidArgument", "INVALID_REQUEST", /^input\.texts:/],
    ["no dimensions", { dimensions: 0 }, "InvalidArgument", "INVALID_REQUEST", /^input\.dimensions:/],
    ["an unknown purpose", { purpose: 77 }, "InvalidArgument", "INVALID_REQUEST", /^input\.purpose:/],
    ["an unknown model", { model: "hose/m" }, "NotFound", "MODEL_NOT_FOUND", /"house"/],
    [
      "options of nobody",
      { providerOptions: { hose: {} } },
      "InvalidArgument",
      "INVALID_REQUEST",
      /^input\.provider_options\["hose"\]/,
    ],
  ])("%s", async (_, input, code, reason, message) => {
    const house = await script(vectors);
    const gateway = await serve(house, undefined, {
      providers: {
        house: { dialect: "cohere", base_url: house.url },
        claude: { dialect: "anthropic", base_url: house.url },
      },
    });
    const call = clientOf(gateway, EmbeddingService).embed({
      ...INPUT,
      input: { model: "house/m", texts: ["1"], purpose: 2, ...input },
    });
    expect(await failureOf(call)).toMatchObject({ code, reason, message: expect.stringMatching(message) });
    expect(house.asked.length).toBe(0);
  });
});

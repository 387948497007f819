/** Tokens of prompts through both doors: counted by the provider, or by the gateway where it has no counter. */
import { Code, ConnectError } from "@connectrpc/connect";
import { expect, onTestFinished, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ModelService } from "../../src/domain/contract.ts";
import { ask, startGateway, type TestGateway } from "../support/gateway.ts";
import { clientOf, doors, type Scripted, script, silent } from "./scripted.ts";
import { callLines, describeAttempt, within } from "./support.ts";

/** `claude` has a counter, `house` has none. */
async function serve(upstream: Scripted): Promise<TestGateway> {
  const gateway = await startGateway(
    JSON.stringify({
      providers: {
        claude: { dialect: "anthropic", base_url: upstream.url },
        spare: { dialect: "anthropic", base_url: `${upstream.url}/spare` },
        house: { dialect: "openai-chat", base_url: upstream.url },
      },
      models: { both: { targets: ["claude/claude-opus-4", "spare/claude-opus-4"] } },
      retry: { base_delay: "0.001s", max_delay: "0.002s" },
    }),
  );
  onTestFinished(() => gateway.close());
  return gateway;
}

async function codeOf(call: Promise<unknown>): Promise<readonly unknown[]> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => ConnectError.from(thrown),
  );
  return error === undefined ? ["OK"] : [Code[error.code], error.findDetails(ErrorInfoSchema)[0]?.reason];
}

test.each(doors)("the provider's counter is asked where there is one, through %s", async (door) => {
  const upstream = await script(() => [200, { input_tokens: 14 }]);
  const gateway = await serve(upstream);
  let header: string | null = null;
  const { attempts, ...answer } = await clientOf(gateway, ModelService, door).countTokens(ask("claude/claude-opus-4"), {
    onHeader(headers) {
      header = headers.get("sluice-request-id");
    },
  });
  expect(answer).toEqual({
    $typeName: "sluice.v1.CountTokensResponse",
    requestId: header,
    inputTokens: 14,
    estimated: false,
    provider: "claude",
    model: "claude-opus-4",
  });
  expect(attempts.map(describeAttempt)).toEqual(["claude/claude-opus-4 SUCCEEDED 200"]);
  expect(attempts.map(({ usage, cost }) => [usage, cost])).toEqual([[undefined, undefined]]);
  expect(upstream.asked.map(({ path }) => path)).toEqual(["/v1/messages/count_tokens"]);
  expect(callLines(gateway)).toEqual([
    expect.objectContaining({ operation: "count_tokens", outcome: "answered", request_id: header }),
  ]);
});

test.each(doors)("the gateway estimates, and asks nobody, where there is none, through %s", async (door) => {
  const upstream = await script(silent);
  const answer = await clientOf(await serve(upstream), ModelService, door).countTokens(ask("house/gpt-4o"));
  expect(answer).toMatchObject({ estimated: true, provider: "house", model: "gpt-4o", attempts: [] });
  expect(answer.inputTokens).toBeGreaterThan(0);
  expect(upstream.asked.length).toBe(0);
});

test("a counter that fails is asked again, then the next target's, and no estimate stands in for it", async () => {
  const upstream = await script((_, n) => [n < 3 ? 529 : 401, {}]);
  const client = clientOf(await serve(upstream), ModelService);
  expect(await codeOf(client.countTokens(ask("both")))).toEqual(["Unavailable", "UPSTREAM_OVERLOADED"]);
  expect(upstream.asked.map(({ path }) => path)).toEqual([
    "/v1/messages/count_tokens",
    "/v1/messages/count_tokens",
    "/spare/v1/messages/count_tokens",
  ]);
  expect(await codeOf(client.countTokens(ask("claude/claude-opus-4")))).toEqual([
    "FailedPrecondition",
    "UPSTREAM_UNAUTHENTICATED",
  ]);
});

test("the next target counts where the first cannot", async () => {
  const upstream = await script((_, n) => (n === 0 ? [401, {}] : [200, { input_tokens: 3 }]));
  const answer = await clientOf(await serve(upstream), ModelService).countTokens(ask("both"));
  expect([answer.provider, answer.inputTokens]).toEqual(["spare", 3]);
});

test.each(doors)("a call that is cancelled closes the counter's socket at once, through %s", async (door) => {
  const arrived = Promise.withResolvers<void>();
  const upstream = await script(() => {
    arrived.resolve();
    return silent();
  });
  const leaving = new AbortController();
  const client = clientOf(await serve(upstream), ModelService, door);
  const code = codeOf(client.countTokens(ask("claude/claude-opus-4"), { signal: leaving.signal }));
  await arrived.promise;
  leaving.abort();
  const closed = upstream.asked[0]?.closed ?? Promise.reject(new Error("nothing was asked"));
  expect(await within(2000, closed, "the socket's end")).toBe("left");
  expect((await code)[0]).toBe("Canceled");
});

test("a deadline ends the counting", async () => {
  const upstream = await script(silent);
  const call = clientOf(await serve(upstream), ModelService).countTokens(ask("claude/claude-opus-4"), {
    timeoutMs: 200,
  });
  expect((await codeOf(call))[0]).toBe("DeadlineExceeded");
  expect(await upstream.asked[0]?.closed).toBe("left");
});

test.each([
  ["what the model cannot do, with a counter", "claude/claude-opus-4", { seed: 1n }, "FEATURE_UNSUPPORTED"],
  ["what the model cannot do, without", "house/m", { provider: 1, topK: 1, responseFormat: {} }, "INVALID_REQUEST"],
  ["a prompt without messages", "house/m", { messages: [] }, "INVALID_REQUEST"],
])("%s is refused before a byte leaves", async (_, model, prompt, reason) => {
  const upstream = await script(silent);
  const request = { ...ask(model), prompt: { ...ask(model).prompt, ...prompt } };
  expect(await codeOf(clientOf(await serve(upstream), ModelService).countTokens(request))).toEqual([
    "InvalidArgument",
    reason,
  ]);
  expect(upstream.asked.length).toBe(0);
});

/** Packages of the AI SDK behind the gateway: what fails, what is refused, and what then happens. */
import type { ServerResponse } from "node:http";
import type { JsonObject } from "@bufbuild/protobuf";
import type { ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { CallFailureSchema, Role } from "../../src/domain/contract.ts";
import { type CallOptions, type Delivery, type Outcome, run } from "../upstream/support.ts";
import { answer, answers } from "./answers.ts";
import { type GatewayScript, listen, type PackageName, type Received, sendEvents, sendJson, serve } from "./support.ts";

type Respond = (response: ServerResponse, request: Received) => void;

async function call(
  name: PackageName,
  respond: Respond,
  delivery: Delivery,
  options: CallOptions & Omit<GatewayScript, "url"> = {},
): Promise<Outcome & { readonly sent: number; readonly message: string; readonly used: readonly unknown[] }> {
  const { provider, aiSdk, more, limits, ...rest } = options;
  const upstream = await listen(respond);
  const script = Object.fromEntries(Object.entries({ provider, aiSdk, more, limits }).filter(([, value]) => value));
  const gateway = await serve(name, { url: upstream.url, ...script });
  let message = "";
  let used: readonly unknown[] = [];
  const outcome = await run(gateway, delivery, `${name}/m`, {
    ...rest,
    onError: (error) => {
      message = error.rawMessage;
      used = error.findDetails(CallFailureSchema).flatMap(({ attempts }) => attempts.map(({ usage }) => usage));
    },
  });
  return { ...outcome, sent: upstream.received.length, message, used };
}

const anthropicError = (type: string, message: string) => ({ type: "error", error: { type, message } });
const mistralError = (message: string) => ({ object: "error", type: "x", param: null, code: null, message });
const compatibleError = (code: string, message: string) => ({ error: { code, message, type: code } });

describe("a refusal", () => {
  test.each<[PackageName, number, unknown, string]>([
    ["anthropic", 401, anthropicError("authentication_error", "bad"), "UPSTREAM_UNAUTHENTICATED"],
    ["anthropic", 400, anthropicError("invalid_request_error", "prompt is too long: 9 > 8"), "CONTEXT_LENGTH_EXCEEDED"],
    ["anthropic", 400, anthropicError("invalid_request_error", "no"), "UPSTREAM_INVALID_REQUEST"],
    ["compatible", 404, compatibleError("model_not_found", "no such"), "UPSTREAM_MODEL_NOT_FOUND"],
    ["compatible", 429, compatibleError("insufficient_quota", "pay"), "UPSTREAM_QUOTA_EXHAUSTED"],
    ["mistral", 403, mistralError("no"), "UPSTREAM_PERMISSION_DENIED"],
  ])("of %s by %i (%j) is %s, and not tried again", async (name, status, body, reason) => {
    for (const delivery of ["unary", "stream"] as const) {
      const { sent, ...outcome } = await call(name, (response) => sendJson(response, status, body), delivery);
      expect([outcome.reason, sent, outcome.attempts]).toEqual([reason, 1, [`${name}/m FAILED ${reason} ${status}`]]);
    }
  });

  test.each<[PackageName, number, unknown, string]>([
    ["anthropic", 529, anthropicError("overloaded_error", "busy"), "UPSTREAM_OVERLOADED"],
    ["compatible", 500, compatibleError("server_error", "oh"), "UPSTREAM_ERROR"],
    ["mistral", 503, mistralError("busy"), "UPSTREAM_OVERLOADED"],
  ])("of %s by %i is tried as often as the gateway says, by nobody else", async (name, status, body, reason) => {
    const { sent, ...outcome } = await call(name, (response) => sendJson(response, status, body), "unary");
    expect([outcome.reason, sent, outcome.attempts.length]).toEqual([reason, 3, 3]);
  });

  test("says how long to wait", async () => {
    const respond: Respond = (response) =>
      sendJson(response, 429, compatibleError("rate_limit_exceeded", "wait"), { "retry-after": "90" });
    const { reason, retryAfterMs, sent } = await call("compatible", respond, "stream");
    expect({ reason, retryAfterMs, sent }).toEqual({ reason: "UPSTREAM_RATE_LIMITED", retryAfterMs: 90_000, sent: 1 });
  });

  test("that quotes the key does not show it", async () => {
    const respond: Respond = (response) => sendJson(response, 400, compatibleError("x", "you sent key-that-is-secret"));
    const { message } = await call("compatible", respond, "unary");
    expect(message).toContain("you sent [redacted]");
    expect(message).not.toContain("key-that-is-secret");
  });

  test("leads to the next target", async () => {
    const good = await listen(answer("mistral"));
    const config = {
      providers: {
        mistral: {
          ai_sdk: { package: "@ai-sdk/mistral" },
          base_url: "http://127.0.0.1:1/v1",
          api_key: "env:KEY",
        },
        next: { ai_sdk: { package: "@ai-sdk/mistral" }, base_url: `${good.url}/v1`, api_key: "env:KEY" },
      },
      models: { smart: { targets: ["mistral/m", "next/m"] } },
      retry: { max_attempts: 2, base_delay: "0.001s" },
    };
    const gateway = await serve("mistral", { url: good.url, more: config });
    const outcome = await run(gateway, "stream", "smart");
    expect([outcome.code, outcome.attempts]).toEqual([
      "OK",
      ["mistral/m FAILED UPSTREAM_UNREACHABLE 0", "next/m SUCCEEDED 200"],
    ]);
  });
});

test.each(["../x", "a/../../b", "a?b=c", "a#b", "%2e%2e/a", "a b"])("a model named %s goes nowhere", async (model) => {
  const upstream = await listen(answer("mistral"));
  const gateway = await serve("mistral", { url: upstream.url });
  expect((await run(gateway, "unary", `mistral/${model}`)).reason).toBe("UPSTREAM_MODEL_NOT_FOUND");
  expect(upstream.received).toEqual([]);
});

describe("an answer that is none", () => {
  const cut =
    (name: PackageName): Respond =>
    (response) => {
      sendEvents(response, answers[name].events.slice(0, -1));
    };
  test.each(["compatible", "anthropic", "deepseek", "mistral"] as const)("of %s ends without its end", async (name) => {
    // Anthropic's says the reason for its end one event before the last.
    const respond: Respond =
      name === "anthropic" ? (response) => sendEvents(response, answers[name].events.slice(0, -2)) : cut(name);
    const { reason, partial } = await call(name, respond, "stream");
    expect(["UPSTREAM_TRUNCATED", "UPSTREAM_MALFORMED"]).toContain(reason);
    expect(partial).toBe(true);
  });

  test.each(["compatible", "anthropic", "deepseek", "mistral"] as const)("of %s breaks off", async (name) => {
    const respond: Respond = (response) => {
      sendEvents(response, answers[name].events.slice(0, 4), false);
      setImmediate(() => response.destroy());
    };
    expect((await call(name, respond, "stream")).reason).toBe("UPSTREAM_TRUNCATED");
  });

  test("holds an error", async () => {
    const events = [...answers.anthropic.events.slice(0, 9), anthropicError("overloaded_error", "Overloaded")];
    const outcome = await call("anthropic", (response) => sendEvents(response, events), "stream");
    expect([outcome.reason, outcome.partial]).toEqual(["UPSTREAM_OVERLOADED", true]);
  });

  test("is no JSON, or a page", async () => {
    for (const [type, body] of [
      ["application/json", "{"],
      ["text/html", "<title>Proxy</title>"],
    ] as const) {
      const respond: Respond = (response) => response.writeHead(200, { "content-type": type }).end(body);
      expect((await call("compatible", respond, "unary")).reason).toBe("UPSTREAM_MALFORMED");
    }
  });

  test("is somewhere else", async () => {
    const respond: Respond = (response) => response.writeHead(307, { location: "http://127.0.0.1:1/" }).end();
    const outcome = await call("compatible", respond, "stream");
    expect([outcome.reason, outcome.sent]).toEqual(["UPSTREAM_REDIRECTED", 1]);
  });

  test.each(["unary", "stream"] as const)("is too long (%s)", async (delivery) => {
    const long = "x".repeat(64 * 1024);
    const respond: Respond = (response) => {
      if (delivery === "unary") {
        response.writeHead(200, { "content-type": "application/json" });
        for (let at = 0; at < 40; at++) response.write(long);
        return;
      }
      const [event] = answers.compatible.events as [JsonObject];
      const choices = [{ index: 0, delta: { content: long }, finish_reason: null }];
      sendEvents(
        response,
        Array.from({ length: 40 }, () => ({ ...event, choices })),
        false,
      );
    };
    const outcome = await call("compatible", respond, delivery);
    expect(outcome.reason).toBe("UPSTREAM_RESPONSE_TOO_LARGE");
  });
});

test("a package without its key sends nothing, and says what is missing", async () => {
  const upstream = await listen(answer("mistral"));
  const gateway = await serve("mistral", { url: upstream.url, provider: { api_key: "" } });
  let message = "";
  const onError = (error: ConnectError): void => {
    message = error.rawMessage;
  };
  const { reason } = await run(gateway, "unary", "mistral/m", { onError });
  expect([reason, upstream.received.length]).toEqual(["UPSTREAM_UNAUTHENTICATED", 0]);
  expect(message).toContain("the gateway's operator must set api_key or ai_sdk.secrets");
});

test("options that a package does not take are the caller's to mend", async () => {
  const prompt = { providerOptions: { anthropic: { thinking: 5 } } };
  const { reason, message, sent } = await call("anthropic", answer("anthropic"), "stream", { prompt });
  expect([reason, sent]).toEqual(["INVALID_REQUEST", 0]);
  expect(message).toContain('prompt.provider_options["anthropic"]: the package refuses it');
});

describe("what a package would leave out", () => {
  test("is refused before a byte leaves, where it does not even look at it", async () => {
    // `@ai-sdk/mistral` 2 knows nothing of this option, and says nothing about it.
    const prompt = { providerOptions: { mistral: { safePrompt: true, made_up: 1 } } };
    const { reason, message, sent, attempts, used } = await call("mistral", answer("mistral"), "unary", { prompt });
    expect({ reason, sent, attempts, used }).toEqual({
      reason: "FEATURE_UNSUPPORTED",
      sent: 0,
      attempts: ["mistral/m FAILED FEATURE_UNSUPPORTED 0"],
      used: [undefined],
    });
    expect(message).toContain('prompt.provider_options["mistral"].made_up');
  });

  test("is refused before a byte leaves, where it throws", async () => {
    const audio = { source: { case: "uri", value: "https://a.example/b.wav" } };
    const prompt = { messages: [{ role: Role.USER, parts: [{ content: { case: "audio", value: audio } }] }] };
    const { reason, message, sent } = await call("compatible", answer("compatible"), "stream", { prompt });
    expect([reason, sent]).toEqual(["FEATURE_UNSUPPORTED", 0]);
    expect(message).toContain("audio file parts with URLs");
  });

  test.each<[PackageName, Delivery, JsonObject, string]>([
    ["compatible", "stream", { topK: 5 }, "prompt.top_k"],
    ["mistral", "unary", { topK: 5 }, "prompt.top_k"],
    ["mistral", "stream", { stopSequences: ["END"] }, "prompt.stop_sequences"],
    ["anthropic", "stream", { seed: "1" }, "prompt.seed"],
    ["anthropic", "unary", { temperature: 1.5 }, "prompt.temperature"],
  ])("is refused where it warns: %s, %s, %j", async (name, delivery, prompt, field) => {
    const outcome = await call(name, answer(name), delivery, { prompt });
    expect([outcome.reason, outcome.partial, outcome.sent]).toEqual(["FEATURE_UNSUPPORTED", false, 1]);
    expect(outcome.message).toContain(`${field}: ${name} does not do this as asked`);
  });

  test("goes to a target that does not", async () => {
    const upstream = await listen((response, request) =>
      answer(request.path === "/v1/messages" ? "anthropic" : "mistral")(response, request),
    );
    const own = { api_key: "env:KEY", base_url: `${upstream.url}/v1` };
    const providers = {
      claude: { ...own, ai_sdk: { package: "@ai-sdk/anthropic" } },
      mistral: { ...own, ai_sdk: { package: "@ai-sdk/mistral" } },
    };
    const models = { smart: { targets: ["claude/m", "mistral/m"] } };
    const gateway = await serve("mistral", { url: upstream.url, more: { providers, models } });
    const outcome = await run(gateway, "stream", "smart", { prompt: { seed: 1n } });
    expect(outcome.attempts).toEqual(["claude/m FAILED FEATURE_UNSUPPORTED 200", "mistral/m SUCCEEDED 200"]);
  });
});

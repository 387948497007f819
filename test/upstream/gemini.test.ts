/** Gateways with the presets of Google's models, in front of a scripted server. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { FinishReason, ReasoningEffort } from "../../src/domain/contract.ts";
import { openTokenService, writeServiceAccount } from "../provider/google-tokens.ts";
import { ask } from "../support/gateway.ts";
import { run, serve } from "./support.ts";

interface Seen {
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
}

const usageMetadata = { promptTokenCount: 5, candidatesTokenCount: 2, thoughtsTokenCount: 3, totalTokenCount: 10 };
const head = { modelVersion: "gemini-2.5-flash-001", responseId: "r-1" };

function chunk(text: string, more: object = {}): object {
  return { candidates: [{ content: { role: "model", parts: [{ text }] }, index: 0, ...more }], usageMetadata, ...head };
}

const WHOLE = JSON.stringify(chunk("Hello there", { finishReason: "STOP" }));
const STREAM = [chunk("Hello "), chunk("there", { finishReason: "STOP" })]
  .map((data) => `data: ${JSON.stringify(data)}\r\n\r\n`)
  .join("");

/** A server that answers as the API does; what it saw. */
async function openUpstream(stream = STREAM): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (bytes: Buffer) => chunks.push(bytes));
    request.on("end", () => {
      const body = JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
      seen.push({ path: request.url, headers: request.headers, body });
      const streams = request.url?.includes("alt=sse") === true;
      response.setHeader("content-type", streams ? "text/event-stream" : "application/json; charset=UTF-8");
      response.end(streams ? stream : WHOLE);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

const answered = { code: "OK", text: "Hello there" };
const hello = { contents: [{ role: "user", parts: [{ text: "Hello" }] }] };

describe("the preset gemini", () => {
  const gemini = async (stream?: string) => {
    const upstream = await openUpstream(stream);
    const provider = { dialect: undefined, preset: "gemini", base_url: `${upstream.url}/v1beta`, api_key: "env:KEY" };
    const gateway = await serve({ providers: { gemini: provider } }, { environment: { KEY: "AIza-test" } });
    return { upstream, gateway };
  };

  test.each([
    ["unary", "generateContent", "application/json"],
    ["stream", "streamGenerateContent?alt=sse", "text/event-stream"],
  ] as const)("answers %s", async (delivery, method, accept) => {
    const { upstream, gateway } = await gemini();
    expect(await run(gateway, delivery, "gemini/gemini-2.5-flash")).toMatchObject(answered);
    const [{ path, headers, body }] = upstream.seen as [Seen];
    expect({
      path,
      key: headers["x-goog-api-key"],
      authorization: headers.authorization,
      accept: headers.accept,
      trace: headers.traceparent,
      body,
    }).toEqual({
      path: `/v1beta/models/gemini-2.5-flash:${method}`,
      key: "AIza-test",
      authorization: undefined,
      accept,
      trace: undefined,
      body: hello,
    });
  });

  test("tells who answered, why it ended, and what was used", async () => {
    const { gateway } = await gemini();
    const asked = ask("gemini/gemini-2.5-flash");
    const reasoning = { amount: { case: "effort" as const, value: ReasoningEffort.LOW } };
    const { model, providerResponseId, finishReason, providerFinishReason, usage, cost } =
      await gateway.client.complete({ ...asked, prompt: { ...asked.prompt, reasoning } });
    expect({ model, providerResponseId, finishReason, providerFinishReason }).toEqual({
      model: "gemini-2.5-flash-001",
      providerResponseId: "r-1",
      finishReason: FinishReason.STOP,
      providerFinishReason: "STOP",
    });
    expect([usage?.inputTokens, usage?.outputTokens, usage?.reasoningTokens, usage?.estimated]).toEqual([
      5,
      5,
      3,
      false,
    ]);
    expect(cost?.totalNanoUsd).toBeGreaterThan(0n);
  });

  test("takes an error at the end of a stream for one, even after a finish reason", async () => {
    const error = '{\n  "error": {\n    "code": 503,\n    "status": "UNAVAILABLE"\n  }\n}\n';
    const { gateway } = await gemini(STREAM + error);
    expect(await run(gateway, "stream", "gemini/gemini-2.5-flash")).toMatchObject({
      code: "Unavailable",
      reason: "UPSTREAM_OVERLOADED",
    });
  });

  test("takes a stream without a finish reason for truncated", async () => {
    const { gateway } = await gemini(`data: ${JSON.stringify(chunk("Hello "))}\r\n\r\n`);
    expect(await run(gateway, "stream", "gemini/gemini-2.5-flash")).toMatchObject({
      code: "Unavailable",
      reason: "UPSTREAM_TRUNCATED",
      partial: true,
    });
  });
});

describe("the preset vertex", () => {
  const place = "/v1/projects/p/locations/europe-west4";
  const vertex = async (more: Readonly<Record<string, unknown>>, environment = {}) => {
    const upstream = await openUpstream();
    const provider = { dialect: undefined, preset: "vertex", base_url: upstream.url + place, ...more };
    const gateway = await serve({ providers: { vertex: provider } }, { environment });
    return { upstream, gateway };
  };

  test.each(["unary", "stream"] as const)("answers %s, with tokens of a service account", async (delivery) => {
    const tokens = await openTokenService();
    const { upstream, gateway } = await vertex({ google: { credentials_file: writeServiceAccount(tokens.url) } });
    const calls = Array.from({ length: 3 }, () => run(gateway, delivery, "vertex/gemini-2.5-flash"));
    for (const outcome of await Promise.all(calls)) expect(outcome).toMatchObject(answered);
    expect(tokens.requests.length).toBe(1);
    const method = delivery === "unary" ? "generateContent" : "streamGenerateContent?alt=sse";
    expect(
      upstream.seen.map(({ path, headers, body }) => ({ path, authorization: headers.authorization, body })),
    ).toEqual(
      Array(3).fill({
        path: `${place}/publishers/google/models/gemini-2.5-flash:${method}`,
        authorization: "Bearer token-1",
        body: hello,
      }),
    );
  });

  test("sends an access token that it was given", async () => {
    const { upstream, gateway } = await vertex({ api_key: "env:TOKEN" }, { TOKEN: "ya29.given" });
    expect(await run(gateway, "unary", "vertex/gemini-2.5-flash")).toMatchObject(answered);
    expect(upstream.seen[0]?.headers.authorization).toBe("Bearer ya29.given");
  });

  test("sends nothing without a token", async () => {
    const tokens = await openTokenService((response) => {
      response.statusCode = 400;
      response.end('{"error":"invalid_grant"}');
    });
    const { upstream, gateway } = await vertex({ google: { credentials_file: writeServiceAccount(tokens.url) } });
    expect(await run(gateway, "unary", "vertex/gemini-2.5-flash")).toMatchObject({
      code: "FailedPrecondition",
      reason: "UPSTREAM_UNAUTHENTICATED",
    });
    expect(upstream.seen).toEqual([]);
  });

  test("does not wait for a token beyond the call's deadline", async () => {
    const tokens = await openTokenService(() => {});
    const { gateway } = await vertex({ google: { credentials_file: writeServiceAccount(tokens.url) } });
    const startedAt = performance.now();
    const { code } = await run(gateway, "unary", "vertex/gemini-2.5-flash", { timeoutMs: 100 });
    expect(code).toBe("DeadlineExceeded");
    expect(performance.now() - startedAt).toBeLessThan(350);
  });
});

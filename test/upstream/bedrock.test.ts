/** Bedrock behind a gateway: what is sent, who signed it, and what comes back, over real sockets. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { FinishReason } from "../../src/domain/contract.ts";
import { ask, type TestGateway } from "../support/gateway.ts";
import { signatureOf } from "../support/sigv4.ts";
import { accept } from "./raw.ts";
import { callLines, type Delivery, run, serve, within } from "./support.ts";

const MODEL = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
const KEYS = { AWS_ACCESS_KEY_ID: "AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY: "wJalr/secret+KEY" };
const LIMITS = { first_token_timeout: "2s", idle_timeout: "5s", attempt_timeout: "10s" };

interface Sent {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

type Answer = (response: ServerResponse, sent: Sent) => void;

/** A server in Bedrock's place, and what it was sent. */
async function bedrock(answer: Answer): Promise<{ readonly url: string; readonly sent: readonly Sent[] }> {
  const sent: Sent[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString("utf8");
      const arrived = { path: request.url ?? "", headers: request.headers, body };
      sent.push(arrived);
      answer(response, arrived);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sent };
}

const codec = new EventStreamCodec(
  (bytes) => Buffer.from(bytes as Uint8Array).toString("utf8"),
  (text) => Buffer.from(text, "utf8"),
);

function message(event: string, payload: unknown): Uint8Array {
  const string = (value: string) => ({ type: "string" as const, value });
  const headers = { ":event-type": string(event), ":message-type": string("event") };
  return codec.encode({ headers, body: Buffer.from(JSON.stringify(payload)) });
}

const usage = { inputTokens: 3, outputTokens: 2, totalTokens: 5 };
const WHOLE = {
  output: { message: { role: "assistant", content: [{ text: "Hi there" }] } },
  stopReason: "end_turn",
  usage,
};
const STREAM = [
  message("messageStart", { role: "assistant", p: "abc" }),
  message("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "Hi " } }),
  message("contentBlockDelta", { contentBlockIndex: 0, delta: { text: "there" } }),
  message("contentBlockStop", { contentBlockIndex: 0 }),
  message("messageStop", { stopReason: "end_turn" }),
];
const METADATA = message("metadata", { usage, metrics: { latencyMs: 1 } });

const STREAM_TYPE = { "content-type": "application/vnd.amazon.eventstream" };

function answerWell(response: ServerResponse, { path }: Sent): void {
  if (path.endsWith("/converse")) {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(WHOLE));
    return;
  }
  response.writeHead(200, STREAM_TYPE);
  for (const one of [...STREAM, METADATA]) response.write(one);
  response.end();
}

function gatewayTo(url: string, aws: object, environment: Readonly<Record<string, string>>): Promise<TestGateway> {
  const provider = { dialect: "", preset: "bedrock", base_url: url, ...aws };
  return serve({ providers: { bedrock: provider }, limits: LIMITS }, { environment });
}

const deliveries: readonly (readonly [Delivery, string])[] = [
  ["unary", "converse"],
  ["stream", "converse-stream"],
];

describe.each(deliveries)("%s", (delivery, operation) => {
  test("sends the key as a bearer, and reads the answer", async () => {
    const upstream = await bedrock(answerWell);
    const gateway = await gatewayTo(upstream.url, {}, { AWS_BEARER_TOKEN_BEDROCK: "b3arer", AWS_REGION: "us-east-1" });
    expect(await run(gateway, delivery, `bedrock/${MODEL}`)).toEqual({
      code: "OK",
      text: "Hi there",
      attempts: [`bedrock/${MODEL} SUCCEEDED 200`],
    });
    expect(upstream.sent.map(({ path, headers, body }) => [path, headers.authorization, JSON.parse(body)])).toEqual([
      [
        `/model/${encodeURIComponent(MODEL)}/${operation}`,
        "Bearer b3arer",
        { messages: [{ role: "user", content: [{ text: "Hello" }] }] },
      ],
    ]);
  });

  test("signs what it sends, path, headers and body, as Amazon will see it", async () => {
    const upstream = await bedrock(answerWell);
    const environment = { ...KEYS, AWS_SESSION_TOKEN: "t0ken//", AWS_REGION: "us-east-1" };
    const gateway = await gatewayTo(upstream.url, { headers: { "x-team": "a  b" } }, environment);
    const model = "arn:aws:bedrock:eu-west-1:123456789012:application-inference-profile/ab12";
    expect((await run(gateway, delivery, `bedrock/${model}`)).code).toBe("OK");
    const [sent] = upstream.sent;
    if (sent === undefined) throw new Error("Nothing was sent.");
    const { authorization = "" } = sent.headers;
    const [, credential, names, signature] =
      /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(authorization) ?? [];
    const today = String(sent.headers["x-amz-date"]).slice(0, 8);
    expect({ path: sent.path, credential, names, signature, token: sent.headers["x-amz-security-token"] }).toEqual({
      path: `/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A123456789012%3Aapplication-inference-profile%2Fab12/${operation}`,
      credential: `AKIAEXAMPLE/${today}/us-east-1/bedrock/aws4_request`,
      names: "accept;accept-encoding;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-team",
      signature: signatureOf(sent, KEYS.AWS_SECRET_ACCESS_KEY),
      token: "t0ken//",
    });
    expect(JSON.stringify(gateway.logged)).not.toMatch(/wJalr|t0ken/);
  });

  test("is told of throttling by the head of the answer alone", async () => {
    const upstream = await bedrock((response) => {
      const headers = { "content-type": "application/json", "x-amzn-errortype": "ThrottlingException:http://x/" };
      response.writeHead(429, { ...headers, "retry-after": "120" }).end('{"message":"Too many requests"}');
    });
    const gateway = await gatewayTo(upstream.url, {}, { ...KEYS, AWS_REGION: "us-east-1" });
    const { code, reason, retryAfterMs } = await run(gateway, delivery, `bedrock/${MODEL}`);
    expect({ code, reason, retryAfterMs }).toEqual({
      code: "ResourceExhausted",
      reason: "UPSTREAM_RATE_LIMITED",
      retryAfterMs: 120_000,
    });
  });
});

describe("a stream", () => {
  /** What the end of a streamed call says. */
  async function ending(gateway: TestGateway) {
    for await (const { event } of gateway.client.stream(ask(`bedrock/${MODEL}`))) {
      if (event.case === "end") return [event.value.finishReason, event.value.usage?.inputTokens];
    }
    return undefined;
  }

  const environment = { ...KEYS, AWS_REGION: "us-east-1" };

  test("waits for the usage that follows its end, and for nothing after that", async () => {
    const upstream = await bedrock((response) => {
      response.writeHead(200, STREAM_TYPE);
      for (const one of STREAM) response.write(one);
      // Never ended: the usage is the end.
      setTimeout(() => response.write(METADATA), 100);
    });
    const gateway = await gatewayTo(upstream.url, {}, environment);
    expect(await within(5000, ending(gateway), "the end")).toEqual([FinishReason.STOP, 3]);
  });

  test("ends without usage where none comes", async () => {
    const upstream = await bedrock((response) => {
      response.writeHead(200, STREAM_TYPE);
      for (const one of STREAM) response.write(one);
    });
    const gateway = await gatewayTo(upstream.url, {}, environment);
    const [finish] = (await within(3000, ending(gateway), "the end")) ?? [];
    expect(finish).toBe(FinishReason.STOP);
  });

  test.each([
    ["cut", (bytes: Buffer) => bytes.subarray(0, bytes.length - 9), "UPSTREAM_TRUNCATED"],
    ["damaged", (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -9), Buffer.alloc(9)]), "UPSTREAM_MALFORMED"],
  ])("that is %s is no answer", async (_, harm, reason) => {
    const upstream = await bedrock((response) => {
      response.writeHead(200, STREAM_TYPE).end(harm(Buffer.concat(STREAM.slice(0, 3))));
    });
    const gateway = await gatewayTo(upstream.url, {}, environment);
    expect(await run(gateway, "stream", `bedrock/${MODEL}`)).toMatchObject({
      code: "Unavailable",
      reason,
      text: "Hi ",
      partial: true,
    });
  });
});

describe("credentials that are looked for", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("in a service that does not answer hold up no call beyond its deadline", async () => {
    const upstream = await bedrock(answerWell);
    const service = await accept((socket) => socket.resume());
    for (const name of ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]) vi.stubEnv(name, undefined);
    vi.stubEnv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/credentials");
    vi.stubEnv("AWS_CONFIG_FILE", "/nowhere/config");
    vi.stubEnv("AWS_CONTAINER_CREDENTIALS_FULL_URI", `http://127.0.0.1:${service.port}/keys`);
    const gateway = await gatewayTo(upstream.url, {}, { AWS_REGION: "us-east-1" });
    // The SDK is loaded once, which takes a while.
    await run(gateway, "unary", `bedrock/${MODEL}`, { timeoutMs: 1500 });
    expect((await run(gateway, "unary", `bedrock/${MODEL}`, { timeoutMs: 200 })).code).toBe("DeadlineExceeded");
    // The caller is told by the door; the call itself is over once it is logged.
    await vi.waitFor(() => expect(callLines(gateway)).toHaveLength(2), { timeout: 2000 });
    expect(upstream.sent).toEqual([]);
  });
});

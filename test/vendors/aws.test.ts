/** What is written for Bedrock and how it is signed, beside what Amazon's own client sends and reads. */
import {
  BedrockRuntimeClient,
  ConverseCommand,
  type ConverseCommandInput,
  ConverseStreamCommand,
} from "@aws-sdk/client-bedrock-runtime";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import { describe, expect, onTestFinished, test } from "vitest";
import { systemClock } from "../../src/domain/clock.ts";
import { Secret } from "../../src/domain/secret.ts";
import { bedrockConverse } from "../../src/provider/bedrock-converse/index.ts";
import { createAwsAuthorize } from "../../src/provider/sign/aws.ts";
import { frames } from "../exchanges/decode.ts";
import { available, readExchanges } from "../exchanges/exchanges.ts";
import { prompt } from "../provider/encoding.ts";
import { list, record } from "../provider/wire-json.ts";
import { signatureOf } from "../support/sigv4.ts";
import { type Body, writeAnswers, writePrompts } from "./prompts.ts";
import { type Answer, type Arrived, openServer, type ScriptedServer } from "./scripted.ts";

const MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0";
const KEYS = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const WHOLE: Answer = {
  type: "application/json",
  body: '{"output":{"message":{"role":"assistant","content":[]}},"stopReason":"end_turn"}',
};

const STREAM: Answer = { type: "application/vnd.amazon.eventstream", body: "" };

function clientOf(server: ScriptedServer): BedrockRuntimeClient {
  const client = new BedrockRuntimeClient({
    region: "us-east-1",
    credentials: KEYS,
    endpoint: server.url,
    maxAttempts: 1,
    // Over HTTP/1.1, as the gateway: over HTTP/2 the client signs another name of the host.
    requestHandler: new NodeHttpHandler(),
  });
  onTestFinished(() => client.destroy());
  return client;
}

/** Bytes are base64 on the wire, and bytes in the client. */
function toInput({ body }: Body): ConverseCommandInput {
  const input = JSON.parse(JSON.stringify(body), (key, value) =>
    (key === "bytes" || key === "redactedContent") && typeof value === "string" ? Buffer.from(value, "base64") : value,
  );
  return { ...input, modelId: MODEL };
}

const { bodies, refused } = writePrompts(bedrockConverse, MODEL);

test("prompts are taken, but for what Converse cannot do", () => {
  expect(refused).toEqual([
    ...["instructions in between", "a seed", "a large seed", "penalties", "log probabilities", "likely tokens"],
    ...["effort MINIMAL", "effort LOW", "effort MEDIUM", "effort HIGH", "effort XHIGH"],
    ...["a picture by address", "a picture in detail", "a document by address", "a document by id"],
  ]);
});

test("requests are sent by Amazon's client as they are", { timeout: 60_000 }, async () => {
  const server = await openServer(() => WHOLE);
  const client = clientOf(server);
  for (const one of [...bodies, ...(await writeAnswers(bedrockConverse, "bedrock.converse", ["bedrock"]))]) {
    await client.send(new ConverseCommand(toInput(one)));
    expect(JSON.parse(server.last().body), one.name).toEqual(one.body);
  }
});

/** The gateway's own signature of what Amazon's client sent, at the time at which that signed it. */
async function signAnew(url: string, { path, headers, body }: Arrived): Promise<string | undefined> {
  const names = /SignedHeaders=([^,]+)/.exec(String(headers.authorization))?.[1]?.split(";") ?? [];
  const iso = String(headers["x-amz-date"]).replace(/^(....)(..)(..)T(..)(..)/, "$1-$2-$3T$4:$5:");
  const authorize = createAwsAuthorize({
    baseUrl: url,
    region: "us-east-1",
    service: "bedrock",
    credentials: async () => ({
      ...KEYS,
      secretAccessKey: new Secret(KEYS.secretAccessKey),
      sessionToken: undefined,
      expiresAt: undefined,
    }),
    clock: { ...systemClock, wallNow: () => Date.parse(iso) },
  });
  const own = names.filter((name) => name !== "host" && name !== "x-amz-date");
  const signed = await authorize({
    path,
    headers: Object.fromEntries(own.map((name) => [name, String(headers[name])])),
    body,
  });
  return signed.headers.authorization;
}

test.each(["unary", "stream"] as const)(
  "requests are signed and addressed as by Amazon's client, %s",
  async (delivery) => {
    const server = await openServer(({ path }) => (path.endsWith("/converse") ? WHOLE : STREAM));
    const [one] = bodies;
    if (one === undefined) throw new Error("There are no prompts.");
    const client = clientOf(server);
    if (delivery === "unary") await client.send(new ConverseCommand(toInput(one)));
    else await client.send(new ConverseStreamCommand(toInput(one)));
    const arrived = server.last();
    const { path } = bedrockConverse.encode(prompt({}), { provider: "bedrock", model: MODEL }, delivery);
    expect(arrived.path).toBe(path);
    expect(await signAnew(server.url, arrived)).toBe(arrived.headers.authorization);
    expect(arrived.headers.authorization).toContain(`Signature=${signatureOf(arrived, KEYS.secretAccessKey)}`);
  },
);

/** Of AWS's Signature Version 4 test suite, what is a POST: names, headers, body and signature. */
const vectors: readonly (readonly [
  name: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signature: string,
])[] = [
  ["post-vanilla", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  [
    "post-x-www-form-urlencoded",
    { "content-type": "application/x-www-form-urlencoded" },
    "Param1=value1",
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
];

// The gateway signs a checksum besides, which the suite does not: what its signatures are held against is held to this.
test.each(vectors)("signatures that ours are held against are AWS's: %s", (_, headers, body, signature) => {
  const names = ["host", "x-amz-date", ...Object.keys(headers)].sort().join(";");
  const authorization = `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names}, Signature=`;
  const all = { ...headers, host: "example.amazonaws.com", "x-amz-date": "20150830T123600Z", authorization };
  expect(signatureOf({ path: "/", headers: all, body }, KEYS.secretAccessKey)).toBe(signature);
});

/** What a stream of Amazon's client yields, and the name of what it throws. */
async function readByClient(body: Uint8Array): Promise<unknown[]> {
  const server = await openServer(() => ({ ...STREAM, body }));
  const events: unknown[] = [];
  try {
    const { stream = [] } = await clientOf(server).send(new ConverseStreamCommand({ modelId: MODEL, messages: [] }));
    for await (const event of stream) events.push(JSON.parse(JSON.stringify(event, bytesAsBase64)));
  } catch (error) {
    events.push({ thrown: (error as Error).name.toLowerCase(), message: (error as Error).message });
  }
  return events;
}

function bytesAsBase64(_: string, value: unknown): unknown {
  return record(value).type === "Buffer"
    ? Buffer.from(list(record(value).data) as unknown as number[]).toString("base64")
    : value;
}

/** The same by the gateway's frames. */
function readByFrames(body: Uint8Array): unknown[] {
  return frames([body], "aws-event-stream").map(({ event = "", data }) => {
    const value = JSON.parse(data);
    return event.endsWith("Exception") ? { thrown: event.toLowerCase(), message: value.message } : { [event]: value };
  });
}

describe.skipIf(!available)("recorded ConverseStream answers", () => {
  const streams = readExchanges("bedrock.converse").filter(({ body_format }) => body_format === "eventstream");

  test.each(streams)("$name is read by Amazon's client and by ours alike", async ({ body }) => {
    // Fields that the client does not know are left out by it.
    expect(readByFrames(body)).toMatchObject(await readByClient(body));
  });
});

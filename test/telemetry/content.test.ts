/** What callers and models say is nobody's business, unless a feature is named. */
import type { ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { ask, type TestGateway } from "../support/gateway.ts";
import type { OtlpReceiver } from "../support/otlp/receiver.ts";
import { answerWith } from "../upstream/raw.ts";
import { callLines, type Delivery, run, simulate } from "../upstream/support.ts";
import { receive, serveTraced } from "./support.ts";

const SECRET = "my-diary-canary-5f1c";

const text = (value: string) => ({ content: { case: "text" as const, value } });
const SYSTEM = 1 as const;
const USER = 2 as const;
const ASSISTANT = 3 as const;
const TOOL = 4 as const;

const deliveries: Delivery[] = ["unary", "stream"];

async function metricsPage(gateway: TestGateway): Promise<string> {
  return (await fetch(`http://${gateway.httpAddress}/metrics`)).text();
}

/** Everything that the gateway told anybody but its caller. */
async function told(gateway: TestGateway, receiver: OtlpReceiver): Promise<string> {
  const page = await metricsPage(gateway);
  await gateway.stop(0);
  expect(receiver.spans.length).toBeGreaterThan(1);
  expect(callLines(gateway).length).toBeGreaterThan(0);
  return [page, receiver.text, JSON.stringify(gateway.logged)].join("\n");
}

const failure = (message: string) => JSON.stringify({ error: { message, type: "x" } });

/** Answers that hold what was asked, one way or another. */
const upstreams: Readonly<Record<string, readonly [status: number, type: string, body: string]>> = {
  "a refusal that quotes the prompt": [400, "application/json", failure(`"${SECRET}" is too long`)],
  "an error that quotes the prompt": [500, "application/json", failure(`failed on ${SECRET}`)],
  "a quota that quotes the prompt": [429, "application/json", failure(`no more of ${SECRET}`)],
  "an error page that shows the prompt": [503, "text/html", `<title>${SECRET}</title>`],
  "a page that shows the prompt": [200, "text/html", `<title>${SECRET}</title>`],
  "an error in an answer": [200, "application/json", failure(`stopped at ${SECRET}`)],
  "an error in a stream": [200, "text/event-stream", `data: ${failure(`stopped at ${SECRET}`)}\n\n`],
  "an answer that is none": [200, "application/json", `["${SECRET}"]`],
  "a stream that is none": [200, "text/event-stream", `data: ${SECRET}\n\n`],
  "an answer that is cut": [200, "application/json", `{"choices":[{"message":{"content":"${SECRET}`],
};

describe("by default, no span, log or metric holds", () => {
  test.each(deliveries)("a prompt or its answer (%s)", async (delivery) => {
    const receiver = await receive();
    const simulator = await simulate();
    const telemetry = { otlp: { endpoint: receiver.url } };
    const gateway = await serveTraced({ providers: { house: simulator.url }, telemetry });
    const messages = [
      { role: SYSTEM, parts: [text(`${SECRET} system`)] },
      { role: USER, parts: [text(SECRET)] },
    ];
    const outcome = await run(gateway, delivery, "house/echo", { prompt: { messages } });
    expect(outcome.text).toContain(SECRET);
    expect(await told(gateway, receiver)).not.toContain(SECRET);
  });

  test.each(Object.entries(upstreams))("%s", async (_, [status, type, body]) => {
    const receiver = await receive();
    const upstream = await answerWith((_request, response) => {
      response.writeHead(status, { "content-type": type });
      response.end(body);
    });
    const telemetry = { otlp: { endpoint: receiver.url }, record_content: { features: ["other"] } };
    const providers = { house: `http://127.0.0.1:${upstream.port}/v1` };
    const gateway = await serveTraced({ providers, telemetry, retry: { max_attempts: 1 } });
    const errors: ConnectError[] = [];
    for (const delivery of deliveries) {
      await run(gateway, delivery, "house/m", { onError: (error) => errors.push(error) });
    }
    expect(errors.length).toBe(2);
    expect(await told(gateway, receiver)).not.toContain(SECRET);
  });

  test("the values of fields that a refused request has wrong", async () => {
    const receiver = await receive();
    const simulator = await simulate();
    const gateway = await serveTraced({
      providers: { house: simulator.url },
      telemetry: { otlp: { endpoint: receiver.url } },
    });
    const messages = [{ role: TOOL, parts: [text(SECRET)] }];
    const tools = [{ name: SECRET.repeat(100), parametersJson: SECRET }];
    for (const prompt of [{ messages }, { tools }, { stopSequences: ["", SECRET.repeat(100)] }, { temperature: 99 }]) {
      expect((await run(gateway, "unary", "house/echo", { prompt })).code).not.toBe("OK");
    }
    await gateway.stop(0);
    expect([receiver.text, JSON.stringify(gateway.logged)].join("\n")).not.toContain(SECRET);
  });
});

test("a provider's words are logged for a feature whose content is recorded, and never stand in a span", async () => {
  const receiver = await receive();
  const upstream = await answerWith((_request, response) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(failure(`"${SECRET}" is too long, says the owner of sk-canary-0123456789abcdef`));
  });
  const telemetry = { otlp: { endpoint: receiver.url }, record_content: { features: ["test"] } };
  const house = { base_url: `http://127.0.0.1:${upstream.port}/v1`, api_key: "env:KEY" };
  const gateway = await serveTraced({ providers: { house }, telemetry }, { environment: { KEY: "a-house-key" } });
  await run(gateway, "unary", "house/m");
  await gateway.stop(0);
  expect(callLines(gateway).map(({ error }) => error)).toEqual([
    {
      type: "GatewayError",
      message: `The upstream answered 400: "${SECRET}" is too long, says the owner of [redacted]`,
    },
  ]);
  expect(receiver.text).not.toContain(SECRET);
});

/** What was recorded of a call's only attempt. */
function recorded({ spans }: OtlpReceiver, at = 0): Readonly<Record<string, unknown>> {
  const span = spans.filter(({ kind }) => kind === "CLIENT")[at];
  const contents = ["gen_ai.system_instructions", "gen_ai.input.messages", "gen_ai.output.messages"];
  return Object.fromEntries(
    contents.flatMap((name) => {
      const value = span?.attributes[name];
      return typeof value === "string" ? [[name, JSON.parse(value) as unknown]] : [];
    }),
  );
}

async function recording(maxChars?: number) {
  const receiver = await receive();
  const simulator = await simulate();
  const gateway = await serveTraced({
    providers: { house: simulator.url },
    telemetry: {
      otlp: { endpoint: receiver.url },
      record_content: { features: ["test"], ...(maxChars === undefined ? {} : { max_chars: maxChars }) },
    },
  });
  return { receiver, simulator, gateway };
}

describe("for a named feature", () => {
  test.each(deliveries)("prompt and answer are recorded in the conventions' form (%s)", async (delivery) => {
    const { gateway, receiver } = await recording();
    const messages = [
      { role: SYSTEM, parts: [text("Be brief."), text("Be kind.")] },
      { role: USER, parts: [text("Weather?")] },
      {
        role: ASSISTANT,
        parts: [
          text("I look."),
          {
            content: {
              case: "toolCall" as const,
              value: { callId: "call_1", name: "weather", argumentsJson: '{"in":"Paris"}' },
            },
          },
        ],
      },
      {
        role: TOOL,
        parts: [
          {
            content: {
              case: "toolResult" as const,
              value: { callId: "call_1", parts: [text("rainy"), text(", 14°")] },
            },
          },
        ],
      },
      {
        role: USER,
        parts: [
          text("And now?"),
          {
            content: {
              case: "image" as const,
              value: { mimeType: "image/png", source: { case: "data" as const, value: new Uint8Array([1, 2, 3]) } },
            },
          },
        ],
      },
    ];
    expect((await run(gateway, delivery, "house/echo", { prompt: { messages } })).code).toBe("OK");
    await gateway.stop(0);
    expect(recorded(receiver)).toEqual({
      "gen_ai.system_instructions": [
        { type: "text", content: "Be brief." },
        { type: "text", content: "Be kind." },
      ],
      "gen_ai.input.messages": [
        { role: "user", parts: [{ type: "text", content: "Weather?" }] },
        {
          role: "assistant",
          parts: [
            { type: "text", content: "I look." },
            { type: "tool_call", id: "call_1", name: "weather", arguments: '{"in":"Paris"}' },
          ],
        },
        { role: "tool", parts: [{ type: "tool_call_response", id: "call_1", response: "rainy, 14°" }] },
        { role: "user", parts: [{ type: "text", content: "And now?" }, { type: "image" }] },
      ],
      "gen_ai.output.messages": [
        {
          role: "assistant",
          parts: [{ type: "text", content: "And now?\n[image: image/png, 3 bytes]" }],
          finish_reason: "stop",
        },
      ],
    });
    const server = receiver.spans.find(({ kind }) => kind === "SERVER");
    expect(Object.keys(server?.attributes ?? {}).filter((name) => name.startsWith("gen_ai."))).toEqual([]);
  });

  test.each(deliveries)("reasoning and calls of tools are parts of their own (%s)", async (delivery) => {
    const { gateway, receiver } = await recording();
    const tools = [{ name: "weather", parametersJson: '{"type":"object"}' }];
    await run(gateway, delivery, "house/tools", { prompt: { tools } });
    await run(gateway, delivery, "house/reasoning:tokens=2");
    await gateway.stop(0);
    expect([0, 1].map((at) => recorded(receiver, at)["gen_ai.output.messages"])).toEqual([
      [
        {
          role: "assistant",
          parts: [
            { type: "tool_call", id: expect.stringMatching(/^call_/), name: "weather", arguments: expect.any(String) },
          ],
          finish_reason: "tool_call",
        },
      ],
      [
        {
          role: "assistant",
          parts: [
            { type: "reasoning", content: "The water" },
            { type: "text", content: "The water runs down from the hill past the gate" },
          ],
          finish_reason: "stop",
        },
      ],
    ]);
  });

  test("an attempt that failed has what it said so far, or nothing", async () => {
    const { gateway, receiver } = await recording();
    await run(gateway, "stream", "house/fault.cut-mid-stream");
    await run(gateway, "unary", "house/fault.redirect");
    await gateway.stop(0);
    const prompt = { "gen_ai.input.messages": [{ role: "user", parts: [{ type: "text", content: "Hello" }] }] };
    expect([0, 1].map((at) => recorded(receiver, at))).toEqual([
      {
        ...prompt,
        "gen_ai.output.messages": [
          { role: "assistant", parts: [{ type: "text", content: "The water runs" }], finish_reason: "error" },
        ],
      },
      prompt,
    ]);
  });

  test("another feature beside it is not recorded", async () => {
    const { gateway, receiver } = await recording();
    await gateway.client.complete({ ...ask("house/echo", SECRET), attribution: { feature: "test2" } });
    await gateway.stop(0);
    expect(receiver.spans.length).toBe(2);
    expect(receiver.text).not.toContain(SECRET);
  });

  test.each(deliveries)("a prompt and an answer that are too long are cut once (%s)", async (delivery) => {
    const { gateway, receiver } = await recording(20);
    const messages = [
      { role: SYSTEM, parts: [text("0123456789")] },
      { role: USER, parts: [text("abcdefghij"), text("klm")] },
      { role: USER, parts: [text("x".repeat(100_000))] },
    ];
    await run(gateway, delivery, "house/text:tokens=2000", { prompt: { messages } });
    await gateway.stop(0);
    expect(recorded(receiver)).toEqual({
      "gen_ai.system_instructions": [{ type: "text", content: "0123456789" }],
      "gen_ai.input.messages": [
        {
          role: "user",
          parts: [
            { type: "text", content: "abcdefghij" },
            { type: "text", content: "…" },
          ],
        },
      ],
      "gen_ai.output.messages": [
        { role: "assistant", parts: [{ type: "text", content: "The water runs down …" }], finish_reason: "stop" },
      ],
    });
  });

  test("no character is cut in the middle", async () => {
    const { gateway, receiver } = await recording(4);
    await run(gateway, "unary", "house/echo", { prompt: { messages: [{ role: USER, parts: [text("abc🌊def")] }] } });
    await gateway.stop(0);
    expect(recorded(receiver)).toEqual({
      "gen_ai.input.messages": [{ role: "user", parts: [{ type: "text", content: "abc…" }] }],
      "gen_ai.output.messages": [
        { role: "assistant", parts: [{ type: "text", content: "abc…" }], finish_reason: "stop" },
      ],
    });
  });

  test("very many empty parts are no way around the limit", async () => {
    const { gateway, receiver } = await recording(20);
    const messages = [{ role: USER, parts: Array.from({ length: 5000 }, () => text("")) }];
    await run(gateway, "unary", "house/echo", { prompt: { messages } });
    await gateway.stop(0);
    const [message] = recorded(receiver)["gen_ai.input.messages"] as { parts: unknown[] }[];
    expect(message?.parts.length).toBe(1024);
  });
});

/** Packages of the AI SDK behind the gateway, at servers written by hand: what comes of their answers. */
import { describe, expect, test } from "vitest";
import { collect } from "../../src/domain/collect.ts";
import { type CompleteResponse, FinishReason } from "../../src/domain/contract.ts";
import type { ChatEvent } from "../../src/domain/event.ts";
import { prompt } from "../provider/encoding.ts";
import { ask, type TestGateway } from "../support/gateway.ts";
import { answer } from "./answers.ts";
import { listen, type PackageName, serve } from "./support.ts";

const names = ["compatible", "anthropic", "deepseek", "mistral"] as const;

/** A streamed answer, folded. */
async function streamed(gateway: TestGateway, model: string): Promise<CompleteResponse> {
  const events: ChatEvent[] = [];
  for await (const { event } of gateway.client.stream(ask(model))) if (event.case !== undefined) events.push(event);
  return collect({ first: events, rest: undefined });
}

function told({ parts, finishReason, usage, cost, model, providerResponseId }: CompleteResponse) {
  return {
    parts: parts.map(({ content, providerState }) => ({
      [content.case ?? ""]: content.case === "reasoning" ? content.value.text : content.value,
      ...(providerState === undefined ? {} : { state: JSON.parse(providerState.data) as unknown }),
    })),
    finishReason,
    usage: { ...usage },
    priceSource: cost?.priceSource.split(" ", 1)[0],
    model,
    providerResponseId,
  };
}

const text = { text: "Cześć 🌊" };
const toolCall = {
  toolCall: {
    $typeName: "sluice.v1.ToolCall",
    callId: "t-1",
    name: "weather",
    argumentsJson: '{"city":"Rome"}',
  },
};
const said = {
  finishReason: FinishReason.TOOL_CALLS,
  priceSource: undefined,
  model: "m-2",
  providerResponseId: "r-1",
};
const usage = { $typeName: "sluice.v1.Usage", estimated: false, inputTokens: 20, outputTokens: 9 };

const expected: Readonly<
  Record<PackageName, { readonly parts: readonly unknown[]; readonly [field: string]: unknown }>
> = {
  compatible: {
    ...said,
    parts: [{ reasoning: "Hmm.", state: { owner: "compatible" } }, text, toolCall],
    usage: { ...usage, cacheReadTokens: 4, reasoningTokens: 3 },
  },
  anthropic: {
    ...said,
    parts: [
      { reasoning: "Hmm.", state: { owner: "anthropic", metadata: { anthropic: { signature: "EqQB+/=signed" } } } },
      text,
      toolCall,
    ],
    usage: { ...usage, cacheReadTokens: 4, cacheWriteTokens: 6 },
  },
  deepseek: {
    ...said,
    parts: [{ reasoning: "Hmm.", state: { owner: "deepseek" } }, text, toolCall],
    usage: { ...usage, cacheReadTokens: 0, reasoningTokens: 3 },
  },
  mistral: { ...said, parts: [text, toolCall], usage },
};

describe.each(names)("an answer through the package %s", (name) => {
  test("comes whole", async () => {
    const upstream = await listen(answer(name));
    const gateway = await serve(name, { url: upstream.url });
    const { parts, ...rest } = expected[name];
    // This package tells of tools before it tells of the text.
    const [reasoning] = parts;
    const inItsOrder = name === "deepseek" ? [reasoning, toolCall, text] : parts;
    expect(told(await gateway.client.complete(ask(`${name}/m`)))).toEqual({ ...rest, parts: inItsOrder });
    expect(upstream.received.map(({ body }) => body.stream === true)).toEqual([false]);
  });

  test("comes streamed as it does whole", async () => {
    const upstream = await listen(answer(name));
    const gateway = await serve(name, { url: upstream.url });
    expect(told(await streamed(gateway, `${name}/m`))).toEqual(expected[name]);
    expect(upstream.received.map(({ body }) => body.stream === true)).toEqual([true]);
  });
});

test("a model is asked for by its name, with the key and the headers that are configured", async () => {
  const upstream = await listen(answer("mistral"));
  const gateway = await serve("mistral", { url: upstream.url, provider: { headers: { "x-team": "search" } } });
  await gateway.client.complete(ask("mistral/mistral-large-latest"));
  const [{ path, headers, body }] = upstream.received as [(typeof upstream.received)[number]];
  expect({ path, key: headers.authorization, team: headers["x-team"], model: body.model }).toEqual({
    path: "/v1/chat/completions",
    key: "Bearer key-that-is-secret",
    team: "search",
    model: "mistral-large-latest",
  });
});

test("all that was asked for is sent", async () => {
  const upstream = await listen(answer("compatible"));
  const gateway = await serve("compatible", { url: upstream.url });
  const asked = prompt({
    model: "compatible/m",
    messages: [
      { role: "ROLE_SYSTEM", parts: [{ text: "Be brief." }] },
      {
        role: "ROLE_USER",
        parts: [
          { text: "See" },
          { image: { uri: "https://a.example/b.png" } },
          { image: { data: "AQI=", mimeType: "image/png" } },
          { audio: { data: "AQI=", mimeType: "audio/wav" } },
          { file: { data: "AQI=", mimeType: "application/pdf", filename: "a.pdf" } },
        ],
      },
    ],
    tools: [
      { name: "f", description: "Does", parametersJsonSchema: '{"type":"object","properties":{}}', strict: true },
    ],
    toolChoice: { mode: "TOOL_CHOICE_MODE_REQUIRED" },
    maxOutputTokens: 50,
    temperature: 0.5,
    topP: 0.9,
    stopSequences: ["END"],
    seed: "7",
    frequencyPenalty: 0.25,
    presencePenalty: -0.25,
    reasoning: { effort: "REASONING_EFFORT_LOW" },
    responseFormat: { jsonSchema: { name: "city", schemaJson: '{"type":"object"}' } },
    providerOptions: { compatible: { user: "u-1", of_the_server: { own: true } } },
  });
  await gateway.client.complete({ ...ask("compatible/m"), prompt: asked });
  expect(upstream.received[0]?.body).toEqual({
    model: "m",
    user: "u-1",
    of_the_server: { own: true },
    max_tokens: 50,
    temperature: 0.5,
    top_p: 0.9,
    stop: ["END"],
    seed: 7,
    frequency_penalty: 0.25,
    presence_penalty: -0.25,
    reasoning_effort: "low",
    response_format: {
      type: "json_schema",
      json_schema: { name: "city", strict: true, schema: { type: "object" } },
    },
    tools: [
      {
        type: "function",
        function: { name: "f", description: "Does", parameters: { type: "object", properties: {} }, strict: true },
      },
    ],
    tool_choice: "required",
    messages: [
      { role: "system", content: "Be brief." },
      {
        role: "user",
        content: [
          { type: "text", text: "See" },
          { type: "image_url", image_url: { url: "https://a.example/b.png" } },
          { type: "image_url", image_url: { url: "data:image/png;base64,AQI=" } },
          { type: "input_audio", input_audio: { data: "AQI=", format: "wav" } },
          { type: "file", file: { filename: "a.pdf", file_data: "data:application/pdf;base64,AQI=" } },
        ],
      },
    ],
  });
});

test("callers' traces go to packages only where the configuration says so", async () => {
  const upstream = await listen(answer("mistral"));
  const quiet = await serve("mistral", { url: upstream.url });
  const open = await serve("mistral", { url: upstream.url, provider: { propagate_trace: true } });
  const trace = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  await quiet.client.complete(ask("mistral/m"), { headers: trace });
  await open.client.complete(ask("mistral/m"), { headers: trace });
  expect(upstream.received.map(({ headers }) => headers.traceparent?.toString().slice(3, 35))).toEqual([
    undefined,
    "0af7651916cd43dd8448eb211c80319c",
  ]);
});

test("answers cost what the package's vendor asks, or the vendor that the configuration names", async () => {
  const upstream = await listen(answer("compatible"));
  const asked = ask("compatible/mistral-large-latest");
  const own = await serve("compatible", { url: upstream.url });
  const named = await serve("compatible", { url: upstream.url, aiSdk: { vendor: "mistral" } });
  expect((await own.client.complete(asked)).cost).toBeUndefined();
  expect((await named.client.complete(asked)).cost?.totalNanoUsd).toBeGreaterThan(0n);
  const packaged = await serve("mistral", { url: (await listen(answer("mistral"))).url });
  expect((await packaged.client.complete(ask("mistral/mistral-large-latest"))).cost?.totalNanoUsd).toBeGreaterThan(0n);
});

/** A stream that breaks after it showed text: another target goes on with it, for calls that want that. */
import { expect, test } from "vitest";
import { FinishReason, OnStreamFailure, ReasoningEffort, ToolChoiceMode } from "../../src/domain/contract.ts";
import { type Followed, follow, restarts } from "./follow.ts";
import { eventsOf, type KnownText, type Telling, tell, type Wire } from "./known-text.ts";
import { describeAttempt, type GatewayScript, PATIENT_LIMITS, serve } from "./support.ts";

const TEXT = "The water runs down.\n\n  Past the gate,  and on. ";
const { CONTINUE } = OnStreamFailure;
const AMPLE = { base_delay: "0.001s", max_delay: "0.002s", budget_per_second: 1000 };

/** Providers that go on with a text, each with a model that does. */
const continuers: readonly { preset: string; model: string; wire: Wire; echoes?: boolean }[] = [
  { preset: "vllm", model: "any", wire: "openai-chat" },
  { preset: "llamacpp", model: "any", wire: "openai-chat" },
  { preset: "ollama", model: "any", wire: "openai-chat" },
  { preset: "ollama-native", model: "any", wire: "ollama" },
  { preset: "mistral", model: "mistral-small-latest", wire: "openai-chat", echoes: true },
  { preset: "mistral", model: "mistral-small-latest", wire: "openai-chat", echoes: false },
  { preset: "anthropic", model: "claude-sonnet-4-5", wire: "anthropic" },
];

interface Pair {
  /** Breaks off: `house/cut-<n>`. */
  readonly first?: Partial<Telling>;
  readonly second?: Partial<Telling>;
  readonly preset?: string;
  readonly model?: string;
  readonly script?: Partial<GatewayScript>;
}

/** A gateway whose models `after-<n>` break off after so many events, and what comes next. */
async function pair({ first, second, preset = "vllm", model = "any", script = {} }: Pair = {}) {
  const broken = await tell({ text: TEXT, ...first });
  const next = await tell({ text: TEXT, ...second });
  const count = eventsOf({ text: TEXT, ...first }).length;
  const after = (n: number) => [`after-${n}`, [`house/cut-${n}`, `next/${model}`]] as const;
  const gateway = await serve(
    {
      providers: {
        house: { dialect: "", preset: "vllm", base_url: broken.url },
        next: { dialect: "", preset, base_url: next.url },
      },
      models: Object.fromEntries(Array.from({ length: count }, (_, n) => after(n))),
      retry: AMPLE,
      limits: PATIENT_LIMITS,
      ...script,
    },
    { environment: { MISTRAL_API_KEY: "m", ANTHROPIC_API_KEY: "a", OPENAI_API_KEY: "o" } },
  );
  return { gateway, count, broken, next };
}

function messagesOf(body: KnownText["asked"][number] | undefined) {
  return (body?.messages ?? []) as readonly { role: string; content: unknown }[];
}

/** What the last request gave as the beginning of the answer. */
function beginning({ asked }: KnownText): unknown {
  return messagesOf(asked.at(-1)).find(({ role }) => role === "assistant")?.content;
}

const attempts = ({ end }: Followed) => end?.attempts.map(describeAttempt);

test.each(continuers)("$preset goes on wherever the stream is cut (repeats: $echoes)", async (row) => {
  const { gateway, count } = await pair({ ...row, second: { wire: row.wire, echoes: row.echoes ?? false } });
  for (let cut = 0; cut < count; cut++) {
    const followed = await follow(gateway, `after-${cut}`, CONTINUE);
    expect([cut, followed.code, followed.text, restarts(followed)]).toEqual([cut, "OK", TEXT, 0]);
    expect(followed.blocks).toEqual(["text"]);
  }
});

test("asks for the rest only, and tells of the attempt that ended the answer and of all that it cost", async () => {
  const price = { input: 1, output: 10 };
  const { gateway, next } = await pair({
    script: { prices: { "house/cut-3": price, "next/any": price } },
  });
  const followed = await follow(gateway, "after-3", CONTINUE, {
    maxOutputTokens: 100,
    stopSequences: ["STOP"],
    temperature: 0.5,
  });
  expect(next.asked).toEqual([
    {
      model: "any",
      messages: [
        { role: "user", content: "Hello" },
        { role: "assistant", content: "The wa" },
      ],
      continue_final_message: true,
      add_generation_prompt: false,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 98,
      temperature: 0.5,
      stop: ["STOP"],
    },
  ]);
  const { end } = followed;
  expect(attempts(followed)).toEqual(["house/cut-3 FAILED UPSTREAM_TRUNCATED 200", "next/any SUCCEEDED 200"]);
  expect([end?.provider, end?.model, end?.finishReason]).toEqual(["next", "teller", FinishReason.STOP]);
  expect([end?.usage?.inputTokens, end?.usage?.outputTokens]).toEqual([20, 10]);
  const costs = end?.attempts.map(({ cost }) => cost?.totalNanoUsd ?? 0n) ?? [];
  expect(costs.every((cost) => cost > 0n)).toBe(true);
  expect(end?.cost?.totalNanoUsd).toBe(costs.reduce((sum, cost) => sum + cost, 0n));
});

test("gives no white space at the end, and neither loses nor doubles it", async () => {
  const { gateway, next } = await pair({
    first: { size: 1 },
    preset: "anthropic",
    model: "claude-haiku-4-5",
    second: { wire: "anthropic" },
  });
  const followed = await follow(gateway, `after-${"The water runs down.\n\n ".length + 1}`, CONTINUE);
  expect([beginning(next), followed.text]).toEqual(["The water runs down.", TEXT]);
});

test("goes on again where that one breaks off, too", async () => {
  const teller = await tell({ text: TEXT });
  const provider = { dialect: "", preset: "vllm", base_url: teller.url };
  const gateway = await serve({
    providers: { house: provider },
    models: { m: ["house/cut-3", "house/cut-4", "house/any"] },
    retry: AMPLE,
    limits: PATIENT_LIMITS,
  });
  const followed = await follow(gateway, "m", CONTINUE);
  expect([followed.text, restarts(followed), attempts(followed)]).toEqual([
    TEXT,
    0,
    [
      "house/cut-3 FAILED UPSTREAM_TRUNCATED 200",
      "house/cut-4 FAILED UPSTREAM_TRUNCATED 200",
      "house/any SUCCEEDED 200",
    ],
  ]);
  expect(beginning(teller)).toBe("The water runs");
});

test.each([
  ["a provider that is not known to go on", "openai", "any"],
  ["a model that does not", "anthropic", "claude-sonnet-4-6"],
  ["a model that its provider says nothing of", "mistral", "magistral-medium-latest"],
])("begins anew at %s, wherever the stream is cut", async (_, preset, model) => {
  const wire = preset === "anthropic" ? "anthropic" : "openai-chat";
  const { gateway, count, next } = await pair({ preset, model, second: { wire } });
  let anew = 0;
  for (let cut = 0; cut < count; cut++) {
    const followed = await follow(gateway, `after-${cut}`, CONTINUE);
    expect([cut, followed.code, followed.text]).toEqual([cut, "OK", TEXT]);
    anew += restarts(followed);
  }
  expect(anew).toBeGreaterThan(10);
  expect(next.asked.map((body) => messagesOf(body).length)).not.toContain(2);
});

const tool = { name: "find", description: "", parametersJsonSchema: "" };

test.each<[string, Record<string, unknown>]>([
  ["JSON", { responseFormat: { format: { case: "jsonObject", value: {} } } }],
  ["JSON of a schema", { responseFormat: { format: { case: "jsonSchema", value: { schemaJson: "{}" } } } }],
  ["reasoning", { reasoning: { amount: { case: "effort", value: ReasoningEffort.LOW } } }],
  ["a tool", { tools: [tool], toolChoice: { choice: { case: "mode", value: ToolChoiceMode.REQUIRED } } }],
  ["more of the provider", { providerOptions: { next: { min_p: 0.1 } } }],
  [
    "the rest of a message of the assistant",
    {
      messages: [
        { role: 2, parts: [{ content: { case: "text", value: "Tell" } }] },
        { role: 3, parts: [{ content: { case: "text", value: "The " } }] },
      ],
    },
  ],
])("begins anew for a call that asks for %s", async (_, prompt) => {
  const { gateway, next } = await pair();
  const { messages: own = [] } = prompt as { messages?: unknown[] };
  const followed = await follow(gateway, "after-5", CONTINUE, prompt);
  expect([followed.code, restarts(followed)]).toEqual(["OK", 1]);
  expect(messagesOf(next.asked[0]).length).toBe(Math.max(1, own.length));
});

const thought = (text: string) => ({ model: "m", choices: [{ index: 0, delta: { reasoning_content: text } }] });
const call = {
  model: "m",
  choices: [{ index: 0, delta: { tool_calls: [{ index: 0, id: "c", function: { name: "find", arguments: "{}" } }] } }],
};

test("keeps reasoning that was finished, and begins anew within it", async () => {
  const { gateway, count } = await pair({ first: { before: [thought("Hm"), thought("m.")] } });
  const seen: string[] = [];
  for (let cut = 0; cut < count; cut++) {
    const followed = await follow(gateway, `after-${cut}`, CONTINUE);
    expect([cut, followed.code, followed.text]).toEqual([cut, "OK", TEXT]);
    seen.push(`${restarts(followed)} ${followed.reasoning}`);
  }
  expect([...new Set(seen)]).toEqual(["0 ", "1 ", "0 Hmm."]);
});

test("begins anew within reasoning that comes after some text", async () => {
  const { gateway } = await pair({ first: { before: [chunkOf("The "), thought("Hm")] } });
  const followed = await follow(gateway, "after-3", CONTINUE);
  expect([followed.text, restarts(followed), followed.blocks]).toEqual([TEXT, 1, ["text"]]);
});

test("closes the text where nothing of it was left to say", async () => {
  const whole = { text: "The end." };
  const { gateway } = await pair({ first: whole, second: whole });
  const followed = await follow(gateway, "after-4", CONTINUE);
  expect([followed.code, followed.text, restarts(followed)]).toEqual(["OK", "The end.", 0]);
  expect(attempts(followed)?.length).toBe(2);
});

test("begins anew where a tool was called", async () => {
  const { gateway } = await pair({ first: { before: [chunkOf("Look: "), call] } });
  const followed = await follow(gateway, "after-3", CONTINUE, { tools: [tool] });
  expect([followed.text, restarts(followed), followed.blocks]).toEqual([TEXT, 1, ["text"]]);
});

function chunkOf(content: string) {
  return { model: "m", choices: [{ index: 0, delta: { content } }] };
}

test("a continuation may call a tool: its block is the next one", async () => {
  const { gateway } = await pair({ first: { text: TEXT }, second: { before: [call] } });
  const followed = await follow(gateway, "after-5", CONTINUE, { tools: [tool] });
  expect([followed.code, followed.blocks.slice(0, 2), restarts(followed)]).toEqual(["OK", ["text", "toolCall"], 0]);
  expect(followed.cases.slice(followed.cases.indexOf("blockEnd")).slice(0, 2)).toEqual(["blockEnd", "blockStart"]);
});

test("begins anew at a server that refuses the beginning, or thinks first", async () => {
  const goesOn = (body: Readonly<Record<string, unknown>>) => body.continue_final_message === true;
  const refuse = (body: Readonly<Record<string, unknown>>) =>
    goesOn(body) ? ([400, { error: { message: "Prefill is incompatible with thinking." } }] as const) : undefined;
  const refusing = await pair({ second: { refuse } });
  const refused = await follow(refusing.gateway, "after-5", CONTINUE);
  expect([refused.code, refused.text, restarts(refused), attempts(refused)]).toEqual([
    "OK",
    TEXT,
    1,
    [
      "house/cut-5 FAILED UPSTREAM_TRUNCATED 200",
      "next/any FAILED UPSTREAM_INVALID_REQUEST 400",
      "next/any SUCCEEDED 200",
    ],
  ]);

  const thinking = await pair({ second: { before: [thought("All of it is a thought.")] } });
  const anew = await follow(thinking.gateway, "after-5", CONTINUE);
  expect([anew.code, anew.text, restarts(anew)]).toEqual(["OK", TEXT, 1]);
});

test("fails as any other where nobody is left, and for what broke it off", async () => {
  const teller = await tell({ text: TEXT });
  const gateway = await serve({
    providers: { house: { dialect: "", preset: "vllm", base_url: teller.url } },
    models: { m: ["house/cut-3"] },
    retry: AMPLE,
    limits: PATIENT_LIMITS,
  });
  const followed = await follow(gateway, "m", CONTINUE);
  expect([followed.code, followed.text, teller.asked.length]).toEqual(["Unavailable", "The water runs dow", 3]);
});

test("is counted", async () => {
  const { gateway } = await pair();
  await follow(gateway, "after-5", CONTINUE);
  const page = await (await fetch(`http://${gateway.httpAddress}/metrics`)).text();
  const counted = page.split("\n").filter((line) => line.startsWith("sluice_continuations_total{"));
  expect(counted.map((line) => line.replace(/.*\} /, ""))).toEqual(["1"]);
  expect(page).not.toContain("sluice_restarts_total{");
});

test("DeepSeek goes on at its beta address alone", async () => {
  const teller = await tell({ text: TEXT });
  const outcomes = [];
  for (const path of ["/v1", "/beta"]) {
    const gateway = await serve(
      {
        providers: {
          house: { dialect: "", preset: "vllm", base_url: teller.url },
          deepseek: { dialect: "", preset: "deepseek", base_url: teller.url + path },
        },
        models: { m: ["house/cut-5", "deepseek/deepseek-chat"] },
        limits: PATIENT_LIMITS,
      },
      { environment: { DEEPSEEK_API_KEY: "d" } },
    );
    const followed = await follow(gateway, "m", CONTINUE);
    outcomes.push([followed.text, restarts(followed), messagesOf(teller.asked.at(-1)).at(-1)]);
  }
  expect(outcomes).toEqual([
    [TEXT, 1, { role: "user", content: "Hello" }],
    [TEXT, 0, { role: "assistant", content: "The water ru", prefix: true }],
  ]);
});

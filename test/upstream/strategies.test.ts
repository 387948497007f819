/** How an alias' targets are ordered, seen from outside: who was asked, and what callers are told. */
import { ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { BadRequestSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { createRandom } from "../routing/random.ts";
import { ask, type TestGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { callLines, type GatewayScript, run, serve, simulate } from "./support.ts";

type Model = Readonly<Record<string, unknown>>;

const TARGETS = ["house/echo", "house/text", "house/text:tokens=2"];

/** A gateway whose alias `any` is configured so. */
async function open(model: Model, script: Partial<GatewayScript> = {}, options: TestGatewayOptions = {}) {
  const simulator = await simulate();
  return serve(
    {
      providers: { house: simulator.url },
      ...script,
      models: { any: { targets: TARGETS, ...model }, ...script.models },
    },
    options,
  );
}

interface Wishes {
  readonly strategy?: string;
  readonly stickyKey?: string;
}

interface Asked {
  readonly wishes?: Wishes;
  readonly attribution?: Readonly<Record<string, unknown>>;
  readonly prompt?: Readonly<Record<string, unknown>>;
}

/** What a whole answer tells of its routing. */
async function decide(gateway: TestGateway, { wishes, attribution, prompt }: Asked = {}) {
  const asked = ask("any");
  const { routing } = await gateway.client.complete({
    attribution: { ...asked.attribution, ...attribution },
    prompt: { ...asked.prompt, ...prompt },
    handling: { routing: { ...wishes, explain: true } },
  });
  if (routing === undefined) throw new Error("The answer does not tell how it was routed.");
  const { askedModel, overriddenModel, reason, targets, skipped } = routing;
  return { askedModel, overriddenModel, reason, targets, skipped };
}

/** How often each target is the first, of many calls. */
async function shares(gateway: TestGateway, calls: number, asked: (n: number) => Asked = () => ({})) {
  const counts: Record<string, number> = {};
  for (let n = 0; n < calls; n++) {
    const [first = ""] = (await decide(gateway, asked(n))).targets;
    counts[first] = (counts[first] ?? 0) + 1;
  }
  return counts;
}

async function violationsOf(answer: Promise<unknown>) {
  const error = ConnectError.from(await answer.then(() => undefined).catch((thrown: unknown) => thrown));
  return [error.code, error.findDetails(BadRequestSchema)[0]?.fieldViolations.map(({ field }) => field)];
}

test("cascade asks in the configured order, and says so where it is asked to", async () => {
  const gateway = await open({});
  expect(await decide(gateway)).toEqual({
    askedModel: "any",
    overriddenModel: "",
    reason: "cascade",
    targets: TARGETS,
    skipped: [],
  });
});

test("a provider's model is asked directly", async () => {
  const gateway = await open({});
  const response = await gateway.client.complete({ ...ask("house/echo"), handling: { routing: { explain: true } } });
  expect([response.routing?.reason, response.routing?.targets]).toEqual(["direct", ["house/echo"]]);
});

test("tells nothing of the routing where nobody asks", async () => {
  const gateway = await open({});
  expect((await gateway.client.complete(ask("any"))).routing).toBeUndefined();
});

test("a stream tells of its routing at its start, on both doors", async () => {
  const gateway = await open({});
  for (const client of [gateway.client, gateway.connectClient]) {
    const told: unknown[] = [];
    for await (const { event } of client.stream({ ...ask("any"), handling: { routing: { explain: true } } })) {
      if (event.case === "start") told.push(event.value.routing?.reason);
    }
    expect(told).toEqual(["cascade"]);
  }
});

test("weights share the calls", async () => {
  const weights = { "house/echo": 60, "house/text": 30, "house/text:tokens=2": 10 };
  const gateway = await open({ strategy: "weighted", weights }, {}, { random: createRandom(1) });
  const { "house/echo": most = 0, "house/text": some = 0, "house/text:tokens=2": few = 0 } = await shares(gateway, 400);
  expect([Math.abs(most - 240) < 30, Math.abs(some - 120) < 30, Math.abs(few - 40) < 20]).toEqual([true, true, true]);
});

test("a target of weight 0 is asked only when the others fail", async () => {
  const targets = ["house/echo", "house/fault.server-error"];
  const weights = { "house/echo": 0, "house/fault.server-error": 1 };
  const gateway = await open({ targets, strategy: "weighted", weights });
  expect((await run(gateway, "unary", "any")).attempts.at(-1)).toBe("house/echo SUCCEEDED 200");
  expect((await decide(gateway)).targets).toEqual(["house/fault.server-error", "house/echo"]);
});

test.each([
  ["user", { userId: "u-7" }],
  ["session", { sessionId: "s-7" }],
  ["tenant", { metadata: { tenant: "t-7" } }],
  ["metadata.plan", { metadata: { plan: "pro" } }],
])("calls of one %s go to one target, others elsewhere", async (stickyBy, attribution) => {
  const gateway = await open({ strategy: "weighted", sticky_by: stickyBy }, {}, { random: createRandom(2) });
  const sticky = await shares(gateway, 12, () => ({ attribution }));
  expect(Object.values(sticky)).toEqual([12]);
  expect((await decide(gateway, { attribution })).reason).toBe("weighted:sticky");
  expect(Object.keys(await shares(gateway, 40)).length).toBe(3);
  expect((await decide(gateway)).reason).toBe("weighted:random");
});

const PRICES = {
  "house/echo": { input: 10, output: 1 },
  "house/text": { input: 1, output: 10 },
};

test("cheapest asks by the price of this call: long prompts and long answers make others cheap", async () => {
  const gateway = await open({ strategy: "cheapest" }, { prices: PRICES });
  const text = (length: number) => [{ role: 2, parts: [{ content: { case: "text", value: "x".repeat(length) } }] }];
  const long = { prompt: { messages: text(40_000), maxOutputTokens: 16 } };
  const short = { prompt: { messages: text(40), maxOutputTokens: 4096 } };
  expect(await decide(gateway, long)).toMatchObject({
    reason: "cheapest",
    targets: ["house/text", "house/echo", "house/text:tokens=2"],
  });
  expect((await decide(gateway, short)).targets).toEqual(["house/echo", "house/text", "house/text:tokens=2"]);
});

test("cheapest keeps the configured order where no price is known", async () => {
  const gateway = await open({ strategy: "cheapest" });
  expect(await decide(gateway)).toMatchObject({ reason: "cheapest:unpriced", targets: TARGETS });
});

test("a strategy chooses only among targets that can do what is asked", async () => {
  const capabilities = { "house/text": { input: ["text"], tools: false } };
  const gateway = await open({ strategy: "cheapest" }, { prices: PRICES, capabilities });
  const decision = await decide(gateway, { prompt: { tools: [{ name: "look" }], maxOutputTokens: 1 } });
  expect(decision).toMatchObject({
    targets: ["house/echo", "house/text:tokens=2"],
    skipped: ["house/text: prompt.tools calls no tools; leave it out or choose another model"],
  });
});

test("callers choose what the configuration lets them", async () => {
  const gateway = await open({ allow_callers: ["strategy", "sticky_key"] }, {}, { random: createRandom(3) });
  const wishes = { strategy: "weighted", stickyKey: "thread-4" };
  expect((await decide(gateway, { wishes })).reason).toBe("weighted:sticky");
  expect(Object.values(await shares(gateway, 12, () => ({ wishes })))).toEqual([12]);
  expect((await decide(gateway, { wishes: { strategy: "cheapest" } })).reason).toBe("cheapest:unpriced");
});

test("a wish that the configuration does not allow is refused, and each is named", async () => {
  const gateway = await open({ allow_callers: ["sticky_key"] });
  const [both, direct] = [{ strategy: "cheapest", stickyKey: "k" }, "house/echo"];
  expect(await violationsOf(decide(gateway, { wishes: both }))).toEqual([3, ["handling.routing.strategy"]]);
  expect(await violationsOf(gateway.client.complete({ ...ask(direct), handling: { routing: { ...both } } }))).toEqual([
    3,
    ["handling.routing.strategy", "handling.routing.sticky_key"],
  ]);
});

test("the line of a call says how it was routed, of an alias only", async () => {
  const gateway = await open({ strategy: "cheapest" }, { prices: PRICES });
  await run(gateway, "unary", "any");
  await run(gateway, "unary", "house/echo");
  expect(callLines(gateway).map(({ model, routing }) => [model, routing])).toEqual([
    ["any", "cheapest"],
    ["house/echo", undefined],
  ]);
});

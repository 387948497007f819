/** Rules of an alias, seen from outside: which calls they take, and where these go. */
import { expect, test } from "vitest";
import { createRandom } from "../routing/random.ts";
import { ask, type TestGateway, type TestGatewayOptions } from "../support/gateway.ts";
import { callLines, run, serve, simulate } from "./support.ts";

type Block = Readonly<Record<string, unknown>>;

/** A gateway whose alias `any` has these rules, beside the aliases `other` and `picky`. */
async function open(rules: readonly Block[], options: TestGatewayOptions = {}) {
  const simulator = await simulate();
  const models = {
    any: { targets: ["house/echo"], rules },
    other: {
      targets: ["house/text", "house/text:tokens=2"],
      strategy: "weighted",
      sticky_by: "user",
      rules: [{ name: "back", model: "any" }],
    },
    picky: { targets: ["house/deaf"] },
  };
  const capabilities = { "house/deaf": { tools: false } };
  return serve({ providers: { house: simulator.url }, models, capabilities }, options);
}

async function decide(gateway: TestGateway, attribution: Block = {}, wishes: Block = {}) {
  const asked = ask("any");
  const { routing } = await gateway.client.complete({
    ...asked,
    attribution: { ...asked.attribution, ...attribution },
    handling: { routing: { ...wishes, explain: true } },
  });
  return { overridden: routing?.overriddenModel, reason: routing?.reason, targets: routing?.targets };
}

const TAKEN = { overridden: "house/text", reason: "rule:one cascade", targets: ["house/text"] };
const LEFT = { overridden: "", reason: "cascade", targets: ["house/echo"] };

test.each<[string, Block, Block, Block]>([
  ["feature", { features: ["chat", "search*"] }, { feature: "search-web" }, { feature: "chats" }],
  ["tenant", { tenants: ["acme"] }, { metadata: { tenant: "acme" } }, { metadata: { tenant: "other" } }],
  ["user", { users: ["u-*"] }, { userId: "u-1" }, {}],
  [
    "metadata",
    {
      metadata: [
        { key: "plan", values: ["pro", "team*"] },
        { key: "region", values: ["eu"] },
      ],
    },
    { metadata: { plan: "team-5", region: "eu" } },
    { metadata: { plan: "pro", region: "us" } },
  ],
])("a rule takes calls by their %s", async (_, conditions, taken, left) => {
  const gateway = await open([{ name: "one", ...conditions, model: "house/text" }]);
  expect([await decide(gateway, taken), await decide(gateway, left)]).toEqual([TAKEN, LEFT]);
});

test("a percentage takes its share of the calls", async () => {
  const gateway = await open([{ name: "one", percentage: 25, model: "house/text" }], { random: createRandom(1) });
  let taken = 0;
  for (let n = 0; n < 200; n++) if ((await decide(gateway)).reason === "rule:one:random cascade") taken++;
  expect(Math.abs(taken - 50)).toBeLessThan(20);
});

test("a sticky percentage takes all calls of a user or none", async () => {
  const rules = [{ name: "one", percentage: 50, sticky_by: "user", model: "house/text" }];
  const gateway = await open(rules, { random: createRandom(1) });
  const reasons = new Map<string, Set<unknown>>();
  for (let n = 0; n < 90; n++) {
    const userId = `u-${n % 9}`;
    const seen = reasons.get(userId) ?? new Set();
    reasons.set(userId, seen.add((await decide(gateway, { userId })).reason));
  }
  expect([...reasons.values()].map(({ size }) => size)).toEqual(Array.from({ length: 9 }, () => 1));
  const all = new Set([...reasons.values()].flatMap((seen) => [...seen]));
  expect(all).toEqual(new Set(["rule:one:user cascade", "cascade"]));
});

test("the first rule that takes a call decides", async () => {
  const gateway = await open([
    { name: "none", percentage: 0, model: "picky" },
    { name: "one", model: "house/text" },
    { name: "two", model: "picky" },
  ]);
  expect(await decide(gateway)).toEqual(TAKEN);
});

test("a rule leads to another alias with its strategy, whose own rules are not looked at", async () => {
  const gateway = await open([{ name: "one", model: "other" }]);
  const { overridden, reason } = await decide(gateway, { userId: "u-1" });
  expect([overridden, reason]).toEqual(["other", "rule:one weighted:sticky"]);
});

test("a rule has targets, weights and a strategy of its own", async () => {
  const targets = ["house/text", "house/echo"];
  const weights = { "house/text": 0, "house/echo": 1 };
  const weighted = await open([{ name: "one", targets, weights }]);
  expect(await decide(weighted)).toEqual({
    overridden: "house/text, house/echo",
    reason: "rule:one weighted:random",
    targets: ["house/echo", "house/text"],
  });
  const changed = await open([{ name: "one", strategy: "cheapest" }]);
  expect(await decide(changed)).toEqual({
    overridden: "",
    reason: "rule:one cheapest:unpriced",
    targets: ["house/echo"],
  });
});

test("what a caller may choose is what the model that it asks for says", async () => {
  const gateway = await open([{ name: "one", model: "other" }]);
  await expect(decide(gateway, {}, { strategy: "cascade" })).rejects.toThrow("handling.routing.strategy");
});

test("the line of a call shows the model that was asked for and the one that a rule put in its place", async () => {
  const gateway = await open([{ name: "one", model: "house/text" }]);
  await run(gateway, "unary", "any");
  expect(callLines(gateway)).toEqual([
    expect.objectContaining({ model: "any", overridden_model: "house/text", routing: "rule:one cascade" }),
  ]);
});

test("also the line of a call that a rule led where it cannot be answered", async () => {
  const gateway = await open([{ name: "one", model: "picky" }]);
  await run(gateway, "unary", "any", { prompt: { tools: [{ name: "look" }] } });
  expect(callLines(gateway)).toEqual([
    expect.objectContaining({ outcome: "failed", overridden_model: "picky", routing: "rule:one" }),
  ]);
});

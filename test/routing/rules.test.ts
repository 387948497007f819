import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compileRules, type Facts, type Rule } from "../../src/routing/rules.ts";
import { createRandom } from "./random.ts";

const nobody: Facts = { feature: "chat", tenant: "", user: "", session: "", metadata: {} };

/** What the rules say of a call with these facts. */
function decide(rules: readonly Partial<Rule<string>>[], facts: Partial<Facts> = {}, random = 0.5) {
  const named = rules.map((rule, n) => ({ name: `r${n}`, route: `route ${n}`, ...rule }));
  return compileRules(named)({ ...nobody, ...facts }, () => random);
}

describe("a rule takes a call", () => {
  test.each<[string, Partial<Rule<string>>, Partial<Facts>]>([
    ["without conditions", {}, {}],
    ["of its feature", { features: ["search", "chat"] }, {}],
    ["of a feature that begins so", { features: ["support-*"] }, { feature: "support-chat" }],
    ["of a feature that is the beginning", { features: ["support*"] }, { feature: "support" }],
    ["of its tenant", { tenants: ["acme"] }, { tenant: "acme" }],
    ["of its user", { users: ["u-1*"] }, { user: "u-12" }],
    ["of any user that is there", { users: ["*"] }, { user: "u" }],
    ["with its metadata", { metadata: { plan: ["pro", "team-*"] } }, { metadata: { plan: "team-9" } }],
    ["with all its metadata", { metadata: { a: ["1"], b: ["*"] } }, { metadata: { a: "1", b: "x", c: "y" } }],
    ["with metadata that is called oddly", { metadata: { constructor: ["*"] } }, { metadata: { constructor: "x" } }],
  ])("%s", (_, rule, facts) => {
    expect(decide([rule], facts)).toEqual({ route: "route 0", reason: "rule:r0" });
  });
});

describe("a rule leaves a call", () => {
  test.each<[string, Partial<Rule<string>>, Partial<Facts>]>([
    ["of another feature", { features: ["search"] }, {}],
    ["of a feature that only begins as its own", { features: ["cha"] }, {}],
    ["with a star in the middle", { features: ["c*t"] }, {}],
    ["where its list is empty", { features: [] }, {}],
    ["without a user", { users: ["*"] }, {}],
    ["without a tenant", { tenants: [""] }, {}],
    ["without the metadata", { metadata: { plan: ["*"] } }, {}],
    ["with one condition that fails", { features: ["chat"], tenants: ["acme"] }, { tenant: "other" }],
    ["for metadata that every object has", { metadata: { constructor: ["*"], toString: ["*"] } }, {}],
    ["at no per cent", { percentage: 0 }, {}],
  ])("%s", (_, rule, facts) => {
    expect(decide([rule], facts, 0)).toBeUndefined();
  });
});

test("the first rule that takes a call decides", () => {
  const rules = [{ features: ["search"] }, { users: ["vip-*"] }, {}];
  expect(decide(rules, { user: "vip-1" })?.route).toBe("route 1");
  expect(decide(rules)?.route).toBe("route 2");
  expect(decide([])).toBeUndefined();
});

describe("a percentage", () => {
  const takes = (rule: Partial<Rule<string>>, user: string): boolean =>
    decide([{ stickyBy: "user", ...rule }], { user })?.route === "route 0";
  const users = Array.from({ length: 10_000 }, (_, n) => `user-${n}`);

  test("takes the same users each time, about as many as it says", () => {
    const taken = users.filter((user) => takes({ percentage: 10 }, user));
    expect(taken.length / users.length).toBeCloseTo(0.1, 2);
    expect(users.filter((user) => takes({ percentage: 10 }, user))).toEqual(taken);
  });

  test("that grows keeps those that it had", () => {
    const before = users.filter((user) => takes({ percentage: 5 }, user));
    expect(before.every((user) => takes({ percentage: 6 }, user))).toBe(true);
    expect(users.every((user) => takes({ percentage: 100 }, user))).toBe(true);
  });

  test("of another rule takes other users", () => {
    const one = users.filter((user) => takes({ percentage: 10, name: "one" }, user));
    const both = one.filter((user) => takes({ percentage: 10, name: "two" }, user));
    expect(both.length / one.length).toBeCloseTo(0.1, 1);
  });

  test("says how it was drawn", () => {
    const rule = { percentage: 100, name: "canary" };
    expect(decide([{ ...rule, stickyBy: "user" }], { user: "u" })?.reason).toBe("rule:canary:user");
    expect(decide([{ ...rule, stickyBy: "user" }])?.reason).toBe("rule:canary:random");
    expect(decide([rule], { user: "u" })?.reason).toBe("rule:canary:random");
  });

  test.each<[Rule<string>["stickyBy"], Partial<Facts>]>([
    ["user", { user: "k" }],
    ["session", { session: "k" }],
    ["tenant", { tenant: "k" }],
    ["metadata.device", { metadata: { device: "k" } }],
  ])("sticks to the %s, whatever is random", (stickyBy, facts) => {
    const rule = { percentage: 50, stickyBy };
    const drawn = [0, 0.3, 0.6, 0.999].map(
      (random) => decide([rule as Partial<Rule<string>>], facts, random) !== undefined,
    );
    expect(new Set(drawn).size).toBe(1);
  });

  test("is random without a key", () => {
    const rule: Partial<Rule<string>> = { percentage: 25, stickyBy: "session" };
    expect([0.2499, 0.25].map((random) => decide([rule], {}, random) !== undefined)).toEqual([true, false]);
  });

  test("that does not take a call leaves it to the next rule", () => {
    expect(decide([{ percentage: 10 }, {}], {}, 0.5)?.route).toBe("route 1");
  });
});

test("rules never throw, and take nothing that a single one of them would leave", () => {
  const patterns = fc.array(fc.oneof(fc.string(), fc.constantFrom("*", "a*", "a", "")), { maxLength: 3 });
  const rules = fc.array(
    fc.record(
      {
        features: patterns,
        users: patterns,
        metadata: fc.dictionary(fc.constantFrom("a", "__proto__", "toString"), patterns),
        percentage: fc.integer({ min: 0, max: 100 }),
      },
      { requiredKeys: [] },
    ),
    { maxLength: 5 },
  );
  const text = fc.oneof(fc.string(), fc.constantFrom("a", "ab", ""));
  const facts = fc.record({ feature: text, user: text, metadata: fc.dictionary(fc.constantFrom("a", "b"), text) });
  fc.assert(
    fc.property(rules, facts, fc.integer(), (all, given, seed) => {
      const random = createRandom(seed)();
      const first = all.findIndex((rule) => decide([rule], given, random) !== undefined);
      expect(decide(all, given, random)?.route).toBe(first === -1 ? undefined : `route ${first}`);
    }),
  );
});

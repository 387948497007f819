import { create } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import type { Call } from "../../src/domain/call.ts";
import { CompleteRequestSchema, ErrorReason } from "../../src/domain/contract.ts";
import type { GatewayError } from "../../src/domain/error.ts";
import { type Alias, type Routes, route, toRoute } from "../../src/pipeline/route.ts";
import { TargetSwitches } from "../../src/pipeline/target-switches.ts";
import { Provider } from "../../src/provider/provider.ts";
import { findDialect } from "../../src/provider/registry.ts";
import type { Target } from "../../src/provider/upstream.ts";
import { unwatched } from "../support/unwatched.ts";
import { createManualClock } from "./manual-clock.ts";

function provider(name: string): Provider {
  const dialect = findDialect(undefined, "openai-chat");
  if (dialect === undefined) throw new Error("The dialect is missing.");
  const made = new Provider({
    name,
    dialect,
    clock: createManualClock(),
    baseUrl: "http://127.0.0.1:9/v1",
    key: undefined,
    keyHeader: "authorization",
    vendor: "house",
    catalogueProvider: undefined,
    propagatesTrace: false,
    headers: {},
    apiVersion: undefined,
    connectTimeoutMs: 100,
    maxConnections: 1,
    limits: { maxResponseBytes: 1, maxEventBytes: 1 },
  });
  onTestFinished(() => made.close());
  return made;
}

function alias(name: string, ...targets: readonly Target[]): [string, Alias] {
  return [name, { ...toRoute(targets), rules: () => undefined, allows: new Set() }];
}

function routes(): Routes {
  const openai = provider("openai");
  const groq = provider("groq");
  return {
    switches: new TargetSwitches(),
    providers: new Map([
      ["openai", openai],
      ["groq", groq],
    ]),
    aliases: new Map([
      alias("fast", { provider: groq, model: "llama" }),
      alias("openai/gpt", { provider: groq, model: "stand-in" }),
      alias("smart", { provider: openai, model: "gpt" }, { provider: groq, model: "llama" }),
    ]),
  };
}

/** Targets of a call, as `provider/model`; or the error. */
async function find(
  model: string,
  providerOptions: Record<string, Record<string, number>> = {},
  from = routes(),
): Promise<unknown> {
  const { prompt, attribution } = create(CompleteRequestSchema, {
    attribution: { feature: "test" },
    prompt: { model, providerOptions },
  });
  if (prompt === undefined || attribution === undefined) throw new Error("The request has no prompt.");
  const call: Call = {
    id: "id",
    attribution,
    prompt,
    handling: undefined,
    delivery: "unary",
    signal: new AbortController().signal,
    deadline: 0,
    attempts: [],
    arrivedAt: 0,
    waits: { upstreamMs: 0, retryMs: 0, queueMs: 0 },
    watch: unwatched,
  };
  let found: unknown;
  const handler = route(
    from,
    () => 0,
  )(async (routed) => {
    found = routed.candidates.map((target) => `${target.provider.name}/${target.model}`);
    return { first: [], rest: undefined };
  });
  try {
    await handler(call);
  } catch (error) {
    const { reason, message } = error as GatewayError;
    return [reason, message];
  }
  return found;
}

test("takes a provider and a model of it", async () => {
  expect(await find("openai/gpt-6")).toEqual(["openai/gpt-6"]);
});

test("leaves slashes, colons and letters of the model as they are", async () => {
  expect(await find("openai/accounts/x/Model:v1@2")).toEqual(["openai/accounts/x/Model:v1@2"]);
});

test("takes an alias with its targets in order", async () => {
  expect(await find("smart")).toEqual(["openai/gpt", "groq/llama"]);
});

test("takes an alias before a provider of the same spelling", async () => {
  expect(await find("openai/gpt")).toEqual(["groq/stand-in"]);
});

test.each([
  ["fats", 'No model "fats": give an alias from the configuration or "provider/model"; did you mean "fast"?'],
  [
    "zzzzzzzzzzzzz",
    'No model "zzzzzzzzzzzzz": give an alias from the configuration or "provider/model"; there are "fast", "openai/gpt", "smart".',
  ],
  ["opnai/gpt-6", 'No model "opnai/gpt-6": no provider "opnai" is configured; did you mean "openai"?'],
  ["__proto__/x", 'No model "__proto__/x": no provider "__proto__" is configured; there are "openai", "groq".'],
])("names the nearest for %s", async (model, message) => {
  expect(await find(model)).toEqual([ErrorReason.MODEL_NOT_FOUND, message]);
});

test("says of a provider without a model what is missing, not that it is unknown", async () => {
  const [reason, said] = (await find("openai/")) as [number, string];
  expect(reason).toBe(ErrorReason.MODEL_NOT_FOUND);
  expect(said).not.toContain('no provider "openai" is configured');
});

test("shows no more than the start of a name that is long", async () => {
  const [reason, said] = (await find("x".repeat(10_000))) as [number, string];
  expect(reason).toBe(ErrorReason.MODEL_NOT_FOUND);
  expect(said.length).toBeLessThan(300);
});

test("says that there are no names where there are none", async () => {
  const empty = { providers: new Map(), aliases: new Map(), switches: new TargetSwitches() };
  expect(await find("gpt", {}, empty)).toEqual([
    ErrorReason.MODEL_NOT_FOUND,
    'No model "gpt": give an alias from the configuration or "provider/model"; there are none.',
  ]);
});

test("refuses options for a provider that is not configured", async () => {
  expect(await find("openai/gpt-6", { opnai: { a: 1 } })).toEqual([
    ErrorReason.INVALID_REQUEST,
    'prompt.provider_options["opnai"]: no provider of this name is configured; did you mean "openai"?',
  ]);
});

test("takes options for a configured provider that is not asked", async () => {
  expect(await find("openai/gpt-6", { groq: { a: 1 } })).toEqual(["openai/gpt-6"]);
});

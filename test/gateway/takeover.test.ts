/** What a new configuration takes over of the one before: providers that are configured as they were, secrets included. */
import { expect, onTestFinished, test } from "vitest";
import { Assembly } from "../../src/assembly.ts";
import { readCapabilities } from "../../src/capabilities.ts";
import { parseConfig } from "../../src/config/load.ts";
import { toProviderSettings } from "../../src/config/providers.ts";
import { toSettings } from "../../src/config/settings.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { createAdmission } from "../../src/overload.ts";
import { readPrices } from "../../src/prices.ts";
import { known } from "../../src/provider/registry.ts";
import { createLog } from "../../src/telemetry/log.ts";

const random = () => 0;
const log = createLog("error", { write() {} });

function assemble(yaml: string, environment: Readonly<Record<string, string>>, previous?: Assembly): Assembly {
  const config = parseConfig(yaml);
  const providers = toProviderSettings(config, known, environment, []);
  const prices = readPrices(config.prices, [], []);
  const capabilities = readCapabilities(config.capabilities, { providers: [], catalogueProviders: new Map() }, []);
  const settings = toSettings(config, { grpc: "127.0.0.1:0", http: "127.0.0.1:0", admin: "off", logLevel: undefined });
  const plan = { config, settings, providers, packages: new Map(), models: config.models, prices, capabilities };
  const gates = { admission: createAdmission(settings.overload, systemClock, random, log), slots: undefined };
  const assembly = new Assembly(plan, gates, systemClock, random, log, previous);
  onTestFinished(() => assembly.close());
  return assembly;
}

const house = 'providers: { house: { dialect: openai-chat, base_url: "http://127.0.0.1:9", api_key: env:KEY } }';
const bedrock = "providers: { house: { preset: bedrock, aws: { region: us-east-1 } } }";
const keys = { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "s3cret", AWS_SESSION_TOKEN: "t0ken" };

test.each([
  ["its key", house, { KEY: "one" }, { KEY: "two" }],
  ["AWS's key id", bedrock, keys, { ...keys, AWS_ACCESS_KEY_ID: "AKIB" }],
  ["AWS's secret key", bedrock, keys, { ...keys, AWS_SECRET_ACCESS_KEY: "other" }],
  ["AWS's session token", bedrock, keys, { ...keys, AWS_SESSION_TOKEN: "other" }],
  ["the absence of AWS's session token", bedrock, keys, { ...keys, AWS_SESSION_TOKEN: "" }],
])("a provider is made anew for another value of %s, and for nothing else", (_, yaml, before, after) => {
  const first = assemble(yaml, before);
  const same = assemble(yaml, before, first);
  const other = assemble(yaml, after, same);
  expect(same.providers.get("house")).toBe(first.providers.get("house"));
  expect(other.providers.get("house")).not.toBe(first.providers.get("house"));
});

/** What a new configuration takes over of the one before: providers that are configured as they were, secrets included. */
import { expect, onTestFinished, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { toProviderSettings } from "../../src/config/providers.ts";
import { toSettings } from "../../src/config/settings.ts";
import { systemClock } from "../../src/domain/clock.ts";
import { type Made, makeProvider } from "../../src/made-provider.ts";
import { known } from "../../src/provider/registry.ts";

type Environment = Readonly<Record<string, string>>;

function makeOnly(yaml: string, environment: Environment, previous?: Made): Made {
  const config = parseConfig(yaml);
  const [given] = toProviderSettings(config, known, environment, []);
  if (given === undefined) throw new Error("There is no provider.");
  const flags = { grpc: "127.0.0.1:0", http: "127.0.0.1:0", admin: "off", logLevel: undefined };
  const plan = { settings: toSettings(config, flags), packages: new Map(), prices: { catalogueProviders: new Map() } };
  const made = makeProvider(given, plan, systemClock, { warn() {} }, previous);
  onTestFinished(() => made.provider.close());
  return made;
}

const house = 'providers: { house: { dialect: openai-chat, base_url: "http://127.0.0.1:9", api_key: env:KEY } }';
const bedrock = "providers: { house: { preset: bedrock, aws: { region: us-east-1 } } }";
const keys = { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "s3cret", AWS_SESSION_TOKEN: "t0ken" };

test.each([
  ["its key", house, { KEY: "one" }, { KEY: "two" }],
  ["AWS's key id", bedrock, keys, { ...keys, AWS_ACCESS_KEY_ID: "AKIB" }],
  ["AWS's secret key", bedrock, keys, { ...keys, AWS_SECRET_ACCESS_KEY: "other" }],
  ["AWS's session token", bedrock, keys, { ...keys, AWS_SESSION_TOKEN: "other" }],
  ["no session token of AWS's", bedrock, keys, { ...keys, AWS_SESSION_TOKEN: "" }],
])("a provider is made anew for %s that is another one, and for nothing else", (_, yaml, before, after) => {
  const first = makeOnly(yaml, before);
  const same = makeOnly(yaml, before, first);
  const other = makeOnly(yaml, after, same);
  expect(same.provider).toBe(first.provider);
  expect(other.provider).not.toBe(first.provider);
});

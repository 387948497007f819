/** Providers that packages of the AI SDK speak for: what the configuration says of them. */
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError, type Problem } from "../../src/config/problem.ts";
import { type ProviderSettings, toProviderSettings } from "../../src/config/providers.ts";
import { loadPackages } from "../../src/packages.ts";
import { known } from "../../src/provider/registry.ts";

const environment = { KEY: "k-1", SECRET: "s-1" };

function read(provider: unknown) {
  const problems: Problem[] = [];
  const config = parseConfig(JSON.stringify({ providers: { some: provider } }));
  return { providers: toProviderSettings(config, known, environment, problems), problems };
}

function problemsOf(provider: unknown): string[] {
  try {
    return read(provider).problems.map(({ path, message }) => `${path}: ${message}`);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
    throw error;
  }
}

function reveal({ key, aiSdk, ...rest }: ProviderSettings) {
  const secrets = Object.entries(aiSdk?.secrets ?? {}).map(([name, secret]) => [name, secret.reveal()]);
  return { ...rest, key: key?.reveal(), aiSdk: { ...aiSdk, secrets: Object.fromEntries(secrets) } };
}

describe("a provider of a package", () => {
  test("has its package's options, with its secrets found", () => {
    const given = {
      ai_sdk: {
        package: "@ai-sdk/amazon-bedrock",
        factory: "createAmazonBedrock",
        options: { region: "us-east-1", deep: { list: [1, null, true] } },
        secrets: { secretAccessKey: "env:SECRET" },
        options_name: "bedrock",
      },
      api_key: "env:KEY",
    };
    expect(read(given).providers.map(reveal)).toEqual([
      {
        name: "some",
        preset: undefined,
        dialect: undefined,
        baseUrl: "",
        key: "k-1",
        headers: {},
        apiVersion: undefined,
        maxConnections: 256,
        propagatesTrace: undefined,
        aws: undefined,
        aiSdk: {
          package: "@ai-sdk/amazon-bedrock",
          factory: "createAmazonBedrock",
          options: { region: "us-east-1", deep: { list: [1, null, true] } },
          secrets: { secretAccessKey: "s-1" },
          optionsName: "bedrock",
          vendor: "bedrock",
        },
      },
    ]);
  });

  test.each([
    [{ package: "@ai-sdk/mistral" }, "mistral"],
    [{ package: "@ai-sdk/google" }, "gemini"],
    [{ package: "somebody-elses-provider" }, undefined],
    [{ package: "somebody-elses-provider", vendor: "groq" }, "groq"],
  ])("%j is of the vendor %s", (given, vendor) => {
    expect(read({ ai_sdk: given }).providers[0]?.aiSdk?.vendor).toBe(vendor);
  });

  test.each([
    [
      { ai_sdk: { package: "x", options: { apiKey: "k" } } },
      "providers.some.ai_sdk.options.apiKey: belongs in api_key",
    ],
    [
      { ai_sdk: { package: "x", options: { authToken: "t" } } },
      "providers.some.ai_sdk.options.authToken: belongs in secrets, as a reference such as env:NAME",
    ],
    [
      { ai_sdk: { package: "x", secrets: { token: "env:MISSING" } } },
      "providers.some.ai_sdk.secrets.token: the environment variable MISSING is not set",
    ],
    [
      { ai_sdk: { package: "x", options: { a: 1 }, secrets: { a: "env:KEY" } } },
      "providers.some.ai_sdk.secrets.a: is in options, too; leave out one",
    ],
    [
      { ai_sdk: { package: "x" }, dialect: "openai-chat" },
      "providers.some.dialect: is not used beside ai_sdk; leave one of them out",
    ],
    [{ ai_sdk: { factory: "createX" } }, "providers.some.ai_sdk.package: "],
    [{ ai_sdk: { package: "../../etc/x" } }, "providers.some.ai_sdk.package: "],
    [{ ai_sdk: { package: "x", vendor: "nobody" } }, "providers.some.ai_sdk.vendor: no such preset"],
    [{ ai_sdk: { package: "x", options: [1] } }, "providers.some.ai_sdk.options: must be a block of keys"],
  ])("%j cannot be", (given, problem) => {
    expect(problemsOf(given).join("\n")).toContain(problem);
  });

  test.each([
    ["@ai-sdk/none-of-that-name", undefined, ' is not installed; run "npm install @ai-sdk/none-of-that-name"'],
    ["@ai-sdk/mistral", "createNothing", " has no factory createNothing; there are createMistral"],
    ["undici", undefined, " name the factory; it has none that begins with create"],
  ])("needs a package that can be used: %s %s", async (name, factory, message) => {
    const problems: Problem[] = [];
    const { providers } = read({ ai_sdk: { package: name, ...(factory === undefined ? {} : { factory }) } });
    const packages = await loadPackages(providers, problems);
    expect(packages.size).toBe(0);
    expect(problems).toEqual([{ path: "providers.some.ai_sdk.package", message: `${name}${message}` }]);
  });
});

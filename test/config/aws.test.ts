/** Providers of Amazon: where their requests go, and what signs them. */
import { describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import type { Problem } from "../../src/config/problem.ts";
import { type ProviderSettings, providersFromEnvironment, toProviderSettings } from "../../src/config/providers.ts";
import { known } from "../../src/provider/registry.ts";

type Environment = Readonly<Record<string, string>>;

function read(yaml: string, environment: Environment = {}) {
  const problems: Problem[] = [];
  const providers = toProviderSettings(parseConfig(yaml), known, environment, problems);
  return { providers: providers.map(reveal), problems: problems.map(({ path, message }) => `${path}: ${message}`) };
}

/** What matters here of a provider, with its secrets shown. */
function reveal({ baseUrl, key, aws }: ProviderSettings) {
  const signed = aws?.key;
  return {
    baseUrl,
    key: key?.reveal(),
    region: aws?.region,
    profile: aws?.profile,
    signedWith: signed && [signed.accessKeyId, signed.secretAccessKey.reveal(), signed.sessionToken?.reveal()],
    files: aws && [aws.credentialsFile, aws.configFile],
  };
}

const KEYS = { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "s3cret" };
const BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com";
const nothing = { key: undefined, region: undefined, profile: undefined, signedWith: undefined, files: undefined };
const noFiles = [undefined, undefined];

describe("a provider of Amazon", () => {
  test("signs with the keys of the environment, in its region", () => {
    const environment = { ...KEYS, AWS_SESSION_TOKEN: "t0ken", AWS_DEFAULT_REGION: "us-east-1", HOME: "/home/me" };
    expect(read("providers: { bedrock: { preset: bedrock } }", environment).providers).toEqual([
      {
        ...nothing,
        baseUrl: BEDROCK,
        region: "us-east-1",
        signedWith: ["AKIA", "s3cret", "t0ken"],
        files: ["/home/me/.aws/credentials", "/home/me/.aws/config"],
      },
    ]);
  });

  test("takes the region and the profile of the configuration before those of the environment", () => {
    const environment = { ...KEYS, AWS_REGION: "us-east-1", AWS_PROFILE: "other", AWS_BEARER_TOKEN_BEDROCK: "bearer" };
    const yaml = "providers: { bedrock: { preset: bedrock, aws: { region: eu-west-1, profile: mine } } }";
    expect(read(yaml, environment).providers).toEqual([
      {
        ...nothing,
        baseUrl: "https://bedrock-runtime.eu-west-1.amazonaws.com",
        region: "eu-west-1",
        profile: "mine",
        files: noFiles,
      },
    ]);
  });

  test("takes the profile of the environment where it has no keys, and files that lie elsewhere", () => {
    const environment = {
      AWS_REGION: "us-east-1",
      AWS_PROFILE: "other",
      AWS_SHARED_CREDENTIALS_FILE: "/etc/aws/credentials",
      AWS_CONFIG_FILE: "/etc/aws/config",
    };
    expect(read("providers: { bedrock: { preset: bedrock } }", environment).providers).toEqual([
      {
        ...nothing,
        baseUrl: BEDROCK,
        region: "us-east-1",
        profile: "other",
        files: ["/etc/aws/credentials", "/etc/aws/config"],
      },
    ]);
  });

  test.each([
    ["providers: { bedrock: { preset: bedrock } }", { AWS_BEARER_TOKEN_BEDROCK: "bearer" }],
    [
      "providers: { bedrock: { preset: bedrock, api_key: env:MINE } }",
      { MINE: "bearer", AWS_BEARER_TOKEN_BEDROCK: "x" },
    ],
  ])("sends a key where it has one: %s", (yaml, environment) => {
    expect(read(yaml, { ...KEYS, ...environment, AWS_REGION: "us-east-1" }).providers).toEqual([
      { ...nothing, baseUrl: BEDROCK, key: "bearer" },
    ]);
  });

  test("may have an address of its own, and without its preset sends nothing unless told to sign", () => {
    const yaml =
      'providers: { a: { dialect: bedrock-converse, base_url: "http://127.0.0.1:9" }, ' +
      'b: { dialect: bedrock-converse, base_url: "http://127.0.0.1:9", aws: { region: x-1 } } }';
    expect(read(yaml, KEYS).providers).toEqual([
      { ...nothing, baseUrl: "http://127.0.0.1:9" },
      {
        ...nothing,
        baseUrl: "http://127.0.0.1:9",
        region: "x-1",
        signedWith: ["AKIA", "s3cret", undefined],
        files: noFiles,
      },
    ]);
  });

  test.each([
    [
      "providers: { bedrock: { preset: bedrock } }",
      "providers.bedrock.aws.region: is required here, or the variable AWS_REGION",
    ],
    [
      "providers: { groq: { preset: groq, api_key: env:K, aws: { region: x-1 } } }",
      "providers.groq.aws: is for providers of Amazon: preset bedrock, or dialect bedrock-converse",
    ],
    [
      "providers: { bedrock: { preset: bedrock, api_key: env:K, aws: { region: x-1, profile: p } } }",
      "providers.bedrock.aws.profile: is not used beside api_key; leave out one",
    ],
  ])("is refused: %s", (yaml, problem) => {
    expect(read(yaml, { K: "key" })).toEqual({ providers: [], problems: [problem] });
  });
});

describe("without a configuration", () => {
  function names(environment: Environment) {
    const problems: Problem[] = [];
    const providers = providersFromEnvironment(known, environment, problems);
    expect(problems).toEqual([]);
    return providers.map(({ name, baseUrl }) => [name, baseUrl]);
  }

  test("Bedrock is there with its key and a region, and not with one of them", () => {
    const bearer = { AWS_BEARER_TOKEN_BEDROCK: "bearer" };
    expect(names({ ...bearer, AWS_REGION: "us-east-1" })).toEqual([["bedrock", BEDROCK]]);
    expect(names(bearer)).toEqual([]);
    expect(names({ ...KEYS, AWS_REGION: "us-east-1" })).toEqual([]);
  });
});

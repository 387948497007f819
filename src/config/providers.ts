import type { Secret } from "../domain/secret.ts";
import { type AiSdkSettings, toAiSdkSettings } from "./ai-sdk.ts";
import { type AwsSettings, awsRegion, toAwsSettings } from "./aws.ts";
import { type GoogleSettings, googleBaseUrl, toGoogleSettings } from "./google.ts";
import { checkHeaders } from "./headers.ts";
import { findKeys, type NamedKey } from "./keys.ts";
import type { Config } from "./load.ts";
import type { Problem, Report } from "./problem.ts";
import { type Environment, resolveSecret } from "./secrets.ts";
import { type ProviderTimeouts, toProviderTimeouts } from "./timeouts.ts";

/** What the configuration must know of the table of known providers. */
interface KnownPreset {
  readonly baseUrl: string | undefined;
  readonly keyVariable: string | undefined;
  /** Another variable that is known for it, where the first is not set. */
  readonly otherKeyVariable?: string;
  readonly baseUrlVariable?: readonly [variable: string, suffix: string];
  readonly signing?: "aws" | "google";
}

export interface Known {
  readonly presets: Readonly<Record<string, KnownPreset>>;
  readonly dialects: readonly string[];
}

/** A provider as configured, with its secrets found. */
export interface ProviderSettings {
  readonly name: string;
  readonly preset: string | undefined;
  /** Undefined where the preset decides. */
  readonly dialect: string | undefined;
  /** Empty where a package knows it. */
  readonly baseUrl: string;
  /** The first of `keys`, where there are several. */
  readonly key: Secret | undefined;
  /** All keys, where there are several; they are taken in turn. */
  readonly keys?: readonly NamedKey[];
  readonly headers: Readonly<Record<string, string>>;
  readonly apiVersion: string | undefined;
  readonly maxConnections: number;
  /** Upstreams hear of callers' traces; undefined leaves it to the preset. */
  readonly propagatesTrace: boolean | undefined;
  /** Each request is signed; undefined where a key is sent, or nothing. */
  readonly aws: AwsSettings | undefined;
  /** Requests are let in by Google's access tokens. */
  readonly google?: GoogleSettings;
  /** A package speaks its wire, instead of a preset or a dialect. */
  readonly aiSdk?: AiSdkSettings;
  /** Waits that differ from those for all providers, ms. */
  readonly timeouts?: ProviderTimeouts;
}

const DEFAULT_MAX_CONNECTIONS = 256;

/** Dialects whose requests can be signed for Amazon. */
const AWS_DIALECTS: ReadonlySet<string> = new Set(["bedrock-converse"]);

/** Completes the configured providers from the table. Adds to `problems` what cannot be used. */
export function toProviderSettings(
  config: Config,
  known: Known,
  environment: Environment,
  problems: Problem[],
): ProviderSettings[] {
  return Object.entries(config.providers).flatMap(([name, given]): ProviderSettings[] => {
    const path = `providers.${name}`;
    const before = problems.length;
    const problem = (key: string, message: string): void => {
      problems.push({ path: `${path}${key}`, message });
    };
    if (given.aiSdk !== undefined) return toPackaged(name, given, given.aiSdk, known, environment, problems);
    const preset = Object.hasOwn(known.presets, given.preset) ? known.presets[given.preset] : undefined;
    if (given.preset !== "" && preset === undefined) {
      problem(".preset", `no such preset; there are ${Object.keys(known.presets).join(", ")}`);
    }
    if (given.preset !== "" && given.dialect !== "") problem(".dialect", "the preset says it; leave one of them out");
    if (given.preset === "" && given.dialect === "")
      problem("", "needs a preset, or a dialect with a base_url, or ai_sdk");
    if (given.dialect !== "" && !known.dialects.includes(given.dialect)) {
      problem(".dialect", `no such dialect; there are ${known.dialects.join(", ")}`);
    }
    const region = awsRegion(given.aws, environment);
    const baseUrl = given.baseUrl || baseUrlOf(preset, given, environment);
    const ofGoogle = preset?.signing === "google" || (preset === undefined && given.google !== undefined);
    const ofAws = preset?.signing === "aws" || given.aws !== undefined;
    if (given.google !== undefined && !ofGoogle) problem(".google", "is not for this preset");
    if (given.aws !== undefined && preset?.signing !== "aws" && !AWS_DIALECTS.has(given.dialect)) {
      problem(".aws", "is for providers of Amazon: preset bedrock, or dialect bedrock-converse");
    } else if (ofAws && region === undefined) {
      problem(".aws.region", "is required here, or the variable AWS_REGION");
    } else if (baseUrl === undefined && preset?.signing === "google") {
      problem(".google.project", "is required here, or the variable GOOGLE_CLOUD_PROJECT, or a base_url");
    } else if (baseUrl === undefined && (preset !== undefined || given.dialect !== "")) {
      problem(".base_url", "is required here");
    }
    const hasKeys = given.apiKey !== "" || given.apiKeys.length > 0;
    if (hasKeys && given.aws?.profile) problem(".aws.profile", "is not used beside api_key; leave out one");
    if (baseUrl !== undefined && !URL.canParse(baseUrl)) problem(".base_url", "is no URL");
    checkHeaders(given.headers, problem);
    const keys = findKeys(given, environment, problem);
    let key = keys[0]?.secret;
    try {
      // A profile that is named comes before a key that happens to be in the environment.
      if (!hasKeys && !given.aws?.profile) key = findKey(preset, environment);
    } catch (error) {
      problem(".api_key", error instanceof Error ? error.message : "cannot be read");
    }
    if (problems.length > before || baseUrl === undefined) return [];
    return [
      {
        name,
        baseUrl,
        key,
        ...(keys.length > 1 ? { keys } : {}),
        preset: given.preset || undefined,
        dialect: given.dialect || undefined,
        headers: given.headers,
        apiVersion: given.apiVersion || undefined,
        maxConnections: given.maxConnections || DEFAULT_MAX_CONNECTIONS,
        propagatesTrace: given.propagateTrace,
        aws: ofAws && key === undefined ? toAwsSettings(given.aws, region ?? "", environment) : undefined,
        ...toProviderTimeouts(given),
        ...(ofGoogle && key === undefined ? { google: toGoogleSettings(given.google, environment) } : {}),
      },
    ];
  });
}

/** A provider that a package speaks for: what presets and dialects need is not for it. */
function toPackaged(
  name: string,
  given: Config["providers"][string],
  aiSdk: NonNullable<Config["providers"][string]["aiSdk"]>,
  known: Known,
  environment: Environment,
  problems: Problem[],
): ProviderSettings[] {
  const before = problems.length;
  const problem: Report = (key, message) => problems.push({ path: `providers.${name}${key}`, message });
  const { preset, dialect, google, aws, apiVersion: api_version } = given;
  for (const [key, value] of Object.entries({ preset, dialect, google, aws, api_version })) {
    if (value !== undefined && value !== "") problem(`.${key}`, "is not used beside ai_sdk; leave one of them out");
  }
  if (given.apiKeys.length > 0) problem(".api_keys", "are not taken in turn by packages; give one api_key");
  const settings = toAiSdkSettings(aiSdk, known.presets, environment, (key, message) => {
    problem(`.ai_sdk${key}`, message);
  });
  checkHeaders(given.headers, problem);
  if (given.baseUrl !== "" && !URL.canParse(given.baseUrl)) problem(".base_url", "is no URL");
  let key: Secret | undefined;
  try {
    if (given.apiKey !== "") key = resolveSecret(given.apiKey, environment);
  } catch (error) {
    problem(".api_key", error instanceof Error ? error.message : "cannot be read");
  }
  if (problems.length > before) return [];
  return [
    {
      name,
      key,
      preset: undefined,
      dialect: undefined,
      baseUrl: given.baseUrl,
      headers: given.headers,
      apiVersion: undefined,
      maxConnections: given.maxConnections || DEFAULT_MAX_CONNECTIONS,
      propagatesTrace: given.propagateTrace,
      aws: undefined,
      aiSdk: settings,
      ...toProviderTimeouts(given),
    },
  ];
}

/** Without a configuration: every preset whose usual variable is set. Adds to `problems` what cannot be used. */
export function providersFromEnvironment(
  known: Known,
  environment: Environment,
  problems: Problem[],
): ProviderSettings[] {
  // Presets of one vendor share their variables: what is wrong with one is said once.
  const problem = (path: string, message: string): void => {
    if (!problems.some((said) => said.path === path && said.message === message)) problems.push({ path, message });
  };
  return Object.entries(known.presets).flatMap(([name, preset]): ProviderSettings[] => {
    const baseUrl = baseUrlOf(preset, {}, environment);
    const variable = keyVariableOf(preset, environment);
    if (variable === undefined || baseUrl === undefined || !environment[variable]) return [];
    if (!/^https?:\/\//.test(baseUrl) || !URL.canParse(baseUrl)) {
      problem(preset.baseUrlVariable?.[0] ?? name, "is no URL");
      return [];
    }
    try {
      return [
        {
          name,
          preset: name,
          dialect: undefined,
          baseUrl,
          key: resolveSecret(`env:${variable}`, environment),
          headers: {},
          apiVersion: undefined,
          maxConnections: DEFAULT_MAX_CONNECTIONS,
          propagatesTrace: undefined,
          aws: undefined,
        },
      ];
    } catch (error) {
      problem(variable, error instanceof Error ? error.message : "cannot be used");
      return [];
    }
  });
}

function findKey(preset: KnownPreset | undefined, environment: Environment): Secret | undefined {
  const variable = preset === undefined ? undefined : keyVariableOf(preset, environment);
  if (variable === undefined) return undefined;
  // Who signs needs no key.
  if (preset?.signing !== undefined && !environment[variable]) return undefined;
  return resolveSecret(`env:${variable}`, environment);
}

/** The variable that is set, or else the one that should be. */
function keyVariableOf({ keyVariable, otherKeyVariable }: KnownPreset, environment: Environment): string | undefined {
  const other = otherKeyVariable !== undefined && environment[otherKeyVariable] ? otherKeyVariable : undefined;
  return keyVariable !== undefined && environment[keyVariable] ? keyVariable : (other ?? keyVariable);
}

/** A preset's address, with the customer's places in it; undefined where something of it is not known. */
function baseUrlOf(
  preset: KnownPreset | undefined,
  given: Partial<Pick<Config["providers"][string], "aws" | "google">>,
  environment: Environment,
): string | undefined {
  if (preset?.baseUrl !== undefined) {
    if (preset.signing === "google") return googleBaseUrl(preset.baseUrl, given.google, environment);
    if (!preset.baseUrl.includes("{region}")) return preset.baseUrl;
    const region = awsRegion(given.aws, environment);
    return region === undefined ? undefined : preset.baseUrl.replace("{region}", region);
  }
  if (preset?.baseUrlVariable === undefined) return undefined;
  const [variable, suffix] = preset.baseUrlVariable;
  return environment[variable] ? environment[variable].replace(/\/+$/, "") + suffix : undefined;
}

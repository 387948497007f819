import type { Secret } from "../domain/secret.ts";
import { type AwsSettings, awsRegion, toAwsSettings } from "./aws.ts";
import type { Config } from "./load.ts";
import type { Problem } from "./problem.ts";
import { type Environment, resolveSecret } from "./secrets.ts";

/** What the configuration must know of the table of known providers. */
interface KnownPreset {
  readonly baseUrl: string | undefined;
  readonly keyVariable: string | undefined;
  readonly baseUrlVariable?: readonly [variable: string, suffix: string];
  readonly signing?: "aws";
}

export interface Known {
  readonly presets: Readonly<Record<string, KnownPreset>>;
  readonly dialects: readonly string[];
}

/** A provider as configured, with its secret found. */
export interface ProviderSettings {
  readonly name: string;
  readonly preset: string | undefined;
  /** Undefined where the preset decides. */
  readonly dialect: string | undefined;
  readonly baseUrl: string;
  readonly key: Secret | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly apiVersion: string | undefined;
  readonly maxConnections: number;
  /** Upstreams hear of callers' traces; undefined leaves it to the preset. */
  readonly propagatesTrace: boolean | undefined;
  /** Each request is signed; undefined where a key is sent, or nothing. */
  readonly aws: AwsSettings | undefined;
}

const DEFAULT_MAX_CONNECTIONS = 256;

/** Dialects whose requests can be signed for Amazon. */
const AWS_DIALECTS: ReadonlySet<string> = new Set(["bedrock-converse"]);

/** Headers that the gateway writes itself, or that would break the framing of requests. */
const OWN_HEADERS = new Set([
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
  "x-amz-date",
  "x-amz-security-token",
  "host",
  "content-length",
  "transfer-encoding",
  "connection",
]);

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
    const preset = Object.hasOwn(known.presets, given.preset) ? known.presets[given.preset] : undefined;
    if (given.preset !== "" && preset === undefined) {
      problem(".preset", `no such preset; there are ${Object.keys(known.presets).join(", ")}`);
    }
    if (given.preset !== "" && given.dialect !== "") problem(".dialect", "the preset says it; leave one of them out");
    if (given.preset === "" && given.dialect === "") problem("", "needs a preset, or a dialect with a base_url");
    if (given.dialect !== "" && !known.dialects.includes(given.dialect)) {
      problem(".dialect", `no such dialect; there are ${known.dialects.join(", ")}`);
    }
    const region = awsRegion(given.aws, environment);
    const baseUrl = given.baseUrl || baseUrlOf(preset, region, environment);
    const signs = preset?.signing === "aws" || given.aws !== undefined;
    if (given.aws !== undefined && preset?.signing !== "aws" && !AWS_DIALECTS.has(given.dialect)) {
      problem(".aws", "is for providers of Amazon: preset bedrock, or dialect bedrock-converse");
    } else if (signs && region === undefined) {
      problem(".aws.region", "is required here, or the variable AWS_REGION");
    } else if (baseUrl === undefined && (preset !== undefined || given.dialect !== "")) {
      problem(".base_url", "is required here");
    }
    if (given.apiKey !== "" && given.aws?.profile) problem(".aws.profile", "is not used beside api_key; leave out one");
    if (baseUrl !== undefined && !URL.canParse(baseUrl)) problem(".base_url", "is no URL");
    for (const [header, value] of Object.entries(given.headers)) {
      if (OWN_HEADERS.has(header.toLowerCase()) || !/^[A-Za-z0-9-]+$/.test(header)) {
        problem(`.headers.${header}`, "cannot be set; keys belong in api_key");
      } else if (!/^[\x20-\x7e]*$/.test(value)) {
        problem(`.headers.${header}`, "holds characters that no header can carry");
      }
    }
    let key: Secret | undefined;
    try {
      // A profile that is named comes before a key that happens to be in the environment.
      if (!given.aws?.profile) key = findKey(given.apiKey, preset, environment);
    } catch (error) {
      problem(".api_key", error instanceof Error ? error.message : "cannot be read");
    }
    if (problems.length > before || baseUrl === undefined) return [];
    return [
      {
        name,
        baseUrl,
        key,
        preset: given.preset || undefined,
        dialect: given.dialect || undefined,
        headers: given.headers,
        apiVersion: given.apiVersion || undefined,
        maxConnections: given.maxConnections || DEFAULT_MAX_CONNECTIONS,
        propagatesTrace: given.propagateTrace,
        aws: signs && key === undefined ? toAwsSettings(given.aws, region ?? "", environment) : undefined,
      },
    ];
  });
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
    const baseUrl = baseUrlOf(preset, awsRegion(undefined, environment), environment);
    const variable = preset.keyVariable;
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

function findKey(reference: string, preset: KnownPreset | undefined, environment: Environment): Secret | undefined {
  if (reference !== "") return resolveSecret(reference, environment);
  if (preset?.keyVariable === undefined) return undefined;
  // Who signs needs no key.
  if (preset.signing !== undefined && !environment[preset.keyVariable]) return undefined;
  return resolveSecret(`env:${preset.keyVariable}`, environment);
}

/** A preset's address, with the region where it has one; undefined where something of it is not known. */
function baseUrlOf(
  preset: KnownPreset | undefined,
  region: string | undefined,
  environment: Environment,
): string | undefined {
  if (preset?.baseUrl !== undefined) {
    if (!preset.baseUrl.includes("{region}")) return preset.baseUrl;
    return region === undefined ? undefined : preset.baseUrl.replace("{region}", region);
  }
  if (preset?.baseUrlVariable === undefined) return undefined;
  const [variable, suffix] = preset.baseUrlVariable;
  const base = environment[variable];
  return base ? base.replace(/\/+$/, "") + suffix : undefined;
}

/** Checks that every target's provider exists. */
export function checkModels(config: Config, providerNames: ReadonlySet<string>, problems: Problem[]): void {
  for (const [alias, { targets }] of Object.entries(config.models)) {
    for (const [at, target] of targets.entries()) {
      const provider = target.slice(0, target.indexOf("/"));
      if (!providerNames.has(provider)) {
        problems.push({
          path: `models.${alias}.targets[${at}]`,
          message: `no provider ${JSON.stringify(provider)} is configured`,
        });
      }
    }
  }
}

import type { Secret } from "../domain/secret.ts";
import type { Config } from "./load.ts";
import type { Problem } from "./problem.ts";
import { type Environment, resolveSecret } from "./secrets.ts";

/** What the configuration must know of the table of known providers. */
interface KnownPreset {
  readonly baseUrl: string | undefined;
  readonly keyVariable: string | undefined;
  readonly baseUrlVariable?: readonly [variable: string, suffix: string];
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
}

const DEFAULT_MAX_CONNECTIONS = 256;

/** Headers that the gateway writes itself, or that would break the framing of requests. */
const OWN_HEADERS = new Set([
  "authorization",
  "api-key",
  "x-api-key",
  "x-goog-api-key",
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
    const baseUrl = given.baseUrl || preset?.baseUrl || baseUrlOf(preset, environment);
    if (baseUrl === undefined && (preset !== undefined || given.dialect !== ""))
      problem(".base_url", "is required here");
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
      key = findKey(given.apiKey, preset, environment);
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
    const baseUrl = preset.baseUrl ?? baseUrlOf(preset, environment);
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
  return preset?.keyVariable === undefined ? undefined : resolveSecret(`env:${preset.keyVariable}`, environment);
}

function baseUrlOf(preset: KnownPreset | undefined, environment: Environment): string | undefined {
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

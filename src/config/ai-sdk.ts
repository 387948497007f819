import type { JsonObject } from "@bufbuild/protobuf";
import type { Secret } from "../domain/secret.ts";
import type { Report } from "./problem.ts";
import { type Environment, resolveSecret } from "./secrets.ts";

/** A package of the AI SDK, with its secrets found. */
export interface AiSdkSettings {
  readonly package: string;
  /** Undefined: the only export that can be one. */
  readonly factory: string | undefined;
  readonly options: JsonObject;
  readonly secrets: Readonly<Record<string, Secret>>;
  readonly optionsName: string | undefined;
  /** Preset whose prices and vendor's name its models have. */
  readonly vendor: string | undefined;
}

interface GivenAiSdk {
  readonly package: string;
  readonly factory: string;
  readonly options?: JsonObject | undefined;
  readonly secrets: Readonly<Record<string, string>>;
  readonly optionsName: string;
  readonly vendor: string;
}

/** Options that have a place of their own. */
const PLACES: Readonly<Record<string, string>> = {
  apiKey: "belongs in api_key",
  baseURL: "belongs in base_url",
  headers: "belongs in headers",
  fetch: "is the gateway's own",
};

/** Names of options that hold secrets in some package. */
const SECRET_LIKE = /key|secret|token|password|credential/i;

/** Packages whose vendor's preset has another name than they. */
const presetNames: Readonly<Record<string, string>> = {
  google: "gemini",
  "google-vertex": "vertex",
  "amazon-bedrock": "bedrock",
  togetherai: "together",
  azure: "azure-openai",
};

/** Reads what the configuration says of a package. Reports what cannot be used. */
export function toAiSdkSettings(
  given: GivenAiSdk,
  presets: Readonly<Record<string, unknown>>,
  environment: Environment,
  problem: Report,
): AiSdkSettings {
  if (given.package === "") problem(".package", "is required");
  const options = given.options ?? {};
  for (const [name, value] of Object.entries(options)) {
    const place = Object.hasOwn(PLACES, name) ? PLACES[name] : undefined;
    if (place !== undefined) problem(`.options.${name}`, place);
    else if (typeof value === "string" && SECRET_LIKE.test(name)) {
      problem(`.options.${name}`, "belongs in secrets, as a reference such as env:NAME");
    }
  }
  const secrets: Record<string, Secret> = {};
  for (const [name, reference] of Object.entries(given.secrets)) {
    const place = Object.hasOwn(PLACES, name) ? PLACES[name] : undefined;
    try {
      if (place !== undefined) problem(`.secrets.${name}`, place);
      else if (Object.hasOwn(options, name)) problem(`.secrets.${name}`, "is in options, too; leave out one");
      else secrets[name] = resolveSecret(reference, environment);
    } catch (error) {
      problem(`.secrets.${name}`, error instanceof Error ? error.message : "cannot be read");
    }
  }
  if (given.vendor !== "" && !Object.hasOwn(presets, given.vendor)) {
    problem(".vendor", `no such preset; there are ${Object.keys(presets).join(", ")}`);
  }
  return {
    package: given.package,
    factory: given.factory || undefined,
    options,
    secrets,
    optionsName: given.optionsName || undefined,
    vendor: aiSdkVendor(given, presets),
  };
}

/** The preset that is named, or that the package is named after. */
export function aiSdkVendor(
  given: { readonly package: string; readonly vendor: string },
  presets: Readonly<Record<string, unknown>>,
): string | undefined {
  const own = /^@ai-sdk\/(.+)$/.exec(given.package)?.[1] ?? "";
  const name = given.vendor || (presetNames[own] ?? own);
  return Object.hasOwn(presets, name) ? name : undefined;
}

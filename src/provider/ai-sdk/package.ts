import { findPackageJSON } from "node:module";
import type { SdkModel, Version } from "./wire-types.ts";

/** Makes the providers of a package: `createXyz` of `@ai-sdk/xyz`. */
export interface Factory {
  readonly name: string;
  readonly create: (options: Readonly<Record<string, unknown>>) => unknown;
}

/**
 * Imports a package and finds its factory. `name` is that of the export; without it, the only one that begins with
 * `create`. Throws an `Error` that says what to do.
 */
export async function loadFactory(packageName: string, name: string | undefined): Promise<Factory> {
  if (!isInstalled(packageName)) throw new Error(`is not installed; run "npm install ${packageName}"`);
  let exported: Readonly<Record<string, unknown>>;
  try {
    exported = (await import(packageName)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new Error(`cannot be loaded: ${error instanceof Error ? error.message.split("\n", 1)[0] : "it throws"}`);
  }
  const known = Object.keys(exported).filter((key) => key.startsWith("create") && isFactory(exported[key]));
  const wanted = name ?? (known.length === 1 ? known[0] : undefined);
  const create = wanted === undefined ? undefined : exported[wanted];
  if (wanted !== undefined && isFactory(create)) return { name: wanted, create };
  const there = known.length === 0 ? "it has none that begins with create" : `there are ${known.join(", ")}`;
  throw new Error(`${wanted === undefined ? "name the factory" : `has no factory ${wanted}`}; ${there}`);
}

/** Without an import, which would run it. */
function isInstalled(packageName: string): boolean {
  try {
    return findPackageJSON(packageName, import.meta.url) !== undefined;
  } catch {
    return false;
  }
}

function isFactory(value: unknown): value is Factory["create"] {
  return typeof value === "function";
}

const VERSIONS: ReadonlySet<unknown> = new Set<Version>(["v2", "v3", "v4"]);

/** Finds a model of a package's provider by its name. Throws what the package does. */
export type FindModel = (name: string) => unknown;

/** How to find the models of what a factory made. Throws an `Error` where it makes none. */
export function modelsOf(provider: unknown): FindModel {
  const languageModel: unknown = isObject(provider) ? Reflect.get(provider, "languageModel") : undefined;
  const find = typeof languageModel === "function" ? languageModel : provider;
  if (typeof find !== "function") throw new Error("it makes no language models");
  return (name) => Reflect.apply(find, provider, [name]);
}

/** A model, looked at. Throws an `Error` where it is none that can be used. */
export function toModel(model: unknown): SdkModel {
  const version: unknown = isObject(model) ? Reflect.get(model, "specificationVersion") : undefined;
  if (!isObject(model) || !VERSIONS.has(version)) {
    throw new Error(`it implements version ${String(version)} of the specification; v2, v3 and v4 are known`);
  }
  const known = model as unknown as Omit<SdkModel, "version">;
  return {
    version: version as Version,
    provider: known.provider,
    doGenerate: (options) => known.doGenerate(options),
    doStream: (options) => known.doStream(options),
  };
}

function isObject(value: unknown): value is object {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

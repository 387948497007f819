import { readFileSync } from "node:fs";
import type { Capabilities, Feature } from "./capabilities.ts";
import type { Finder } from "./look-up.ts";

/** A model as the file has it. Features are parted by spaces. */
interface ModelData {
  readonly id: string;
  readonly window?: number;
  readonly output?: number;
  readonly can?: string;
  readonly cannot?: string;
}

/** The file `catalogue.json`, written by `npm run models:refresh`. */
export interface ModelCatalogueData {
  /** What the data is from, with versions. */
  readonly source: string;
  /** Day of the newest of it, `2026-11-10`. */
  readonly date: string;
  readonly providers: readonly {
    readonly id: string;
    /** Providers whose models it has too. */
    readonly fallbacks?: readonly string[];
    readonly models: readonly ModelData[];
  }[];
}

/** Models and what they can do, by the names of `CATALOGUE_PROVIDERS`. */
export interface ModelCatalogue extends Finder<Capabilities> {
  readonly source: string;
  readonly date: string;
}

interface Provider {
  readonly fallbacks: readonly string[];
  readonly models: ReadonlyMap<string, ModelData>;
}

/** The catalogue that came with this version. Reads a file; keep what it returns. */
export function loadModelCatalogue(): ModelCatalogue {
  const text = readFileSync(new URL("catalogue.json", import.meta.url), "utf8");
  return createModelCatalogue(JSON.parse(text) as ModelCatalogueData);
}

export function createModelCatalogue({ source, date, providers: given }: ModelCatalogueData): ModelCatalogue {
  const providers = new Map(
    given.map(({ id, fallbacks = [], models }): [string, Provider] => [
      id,
      { fallbacks, models: new Map(models.map((model) => [model.id.toLowerCase(), model])) },
    ]),
  );
  return {
    source,
    date,
    providerIds: [...providers.keys()],
    modelIds: (provider) => Array.from(providers.get(provider)?.models.values() ?? [], ({ id }) => id),
    findModel(providerId, name) {
      const provider = providers.get(providerId);
      if (provider === undefined) return undefined;
      for (const models of [provider, ...provider.fallbacks.map((id) => providers.get(id))]) {
        const found = models?.models.get(name);
        if (found !== undefined) return toCapabilities(found);
      }
      return undefined;
    },
  };
}

function toCapabilities({ window, output, can, cannot }: ModelData): Capabilities {
  return { contextWindow: window, maxOutputTokens: output, can: toFeatures(can), cannot: toFeatures(cannot) };
}

function toFeatures(words: string | undefined): ReadonlySet<Feature> {
  return new Set(words?.split(" ") as Feature[] | undefined);
}

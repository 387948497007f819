import { CATALOGUE_PROVIDERS, splitRouted } from "./catalogue-providers.ts";
import { candidateNames } from "./names.ts";

/** Something that knows models by the names that providers' APIs have for them. */
export interface Finder<Model> {
  readonly providerIds: readonly string[];
  /** Ids of the models of a provider, without those of others that it sells. */
  modelIds(providerId: string): readonly string[];
  findModel(providerId: string, name: string): Model | undefined;
}

/** Finds a model by a name as it is reported, given or configured; `provider` is the catalogues' name. */
export function resolve<Model>(catalogue: Finder<Model>, provider: string, model: string): Model | undefined {
  for (const candidate of candidateNames(model)) {
    const routed = splitRouted(provider, candidate);
    const found = catalogue.findModel(routed.provider, routed.name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Finds a model by `provider/model`, where the provider is one of the catalogues' or the name of a preset. */
export function findNamed<Model>(catalogue: Finder<Model>, name: string): Model | undefined {
  const slash = name.indexOf("/");
  if (slash < 0) return undefined;
  const provider = name.slice(0, slash);
  const known = Object.hasOwn(CATALOGUE_PROVIDERS, provider) ? CATALOGUE_PROVIDERS[provider] : provider;
  return known === undefined ? undefined : resolve(catalogue, known, name.slice(slash + 1));
}

/** Says that a catalogue has no model of this name, and which are near. */
export function explainUnknown(
  catalogue: Finder<unknown>,
  name: string,
  findNearest: (wrong: string, names: Iterable<string>) => readonly string[],
): string {
  const nearest = findNearest(name, allNames(catalogue));
  const hint = nearest.length === 0 ? "give it as provider/model" : `did you mean ${nearest.join(", ")}?`;
  return `the catalogue has no model ${JSON.stringify(name)}; ${hint}`;
}

/** Every model of a catalogue as `provider/model`, by its providers' names and those of presets. */
function allNames(catalogue: Finder<unknown>): string[] {
  const presets = Object.entries(CATALOGUE_PROVIDERS).filter(([preset, id]) => id !== undefined && preset !== id);
  return [...catalogue.providerIds.map((id) => [id, id] as const), ...presets].flatMap(([name, id = ""]) =>
    catalogue.modelIds(id).map((model) => `${name}/${model}`),
  );
}

/** What an operator says of models: of one, or with `*` at the end of its name, of all that begin so. */
interface Override {
  /** Name of the provider, as configured. */
  readonly provider: string;
  readonly model: string;
}

/** What was said of these models: by their names first, then by beginnings of names, the longest first. */
export function overridesOf<O extends Override>(
  overrides: readonly O[],
  provider: string,
  models: readonly string[],
): readonly O[] {
  const own = overrides.filter((override) => override.provider === provider);
  const exact = models.flatMap((model) => own.filter((override) => override.model === model));
  const beginnings = own
    .filter(({ model }) => model.endsWith("*") && models.some((one) => one.startsWith(model.slice(0, -1))))
    .sort((a, b) => b.model.length - a.model.length);
  return [...exact, ...beginnings];
}

import type { Capabilities, Feature } from "./capabilities.ts";
import type { ModelCatalogue } from "./catalogue.ts";
import { findNamed, overridesOf, resolve } from "./look-up.ts";

/** What an operator says of models. What is left undefined is left to the catalogue. */
export interface CapabilityOverride {
  /** Name of the provider, as configured. */
  readonly provider: string;
  /** Name of the model there; with `*` at its end, all that begin so. */
  readonly model: string;
  /** `provider/model` of the catalogue, instead of what the name resolves to. */
  readonly sameAs: string | undefined;
  readonly contextWindow: number | undefined;
  readonly maxOutputTokens: number | undefined;
  /** Yes or no, each feature of which something was said. */
  readonly features: ReadonlyMap<Feature, boolean>;
}

/** What is known of the models of configured providers. */
export interface CapabilityBook {
  /** By the provider's and the model's names, as configured or asked for. */
  find(provider: string, model: string): Capabilities;
  /** Names of models of a provider that something is known of, without those that begin so only. */
  modelNames(provider: string): readonly string[];
}

const UNKNOWN: Capabilities = {
  contextWindow: undefined,
  maxOutputTokens: undefined,
  can: new Set(),
  cannot: new Set(),
};

/** Names of each provider that were looked up lately. Callers may send any name, so the number is bounded. */
const MAX_REMEMBERED = 2048;

/** OpenRouter's ways that change what a model can do: one that is not in the catalogue by itself is not known. */
const CHANGING = /:(?:extended|thinking|beta)$/i;

/** Deployments at Azure have names of their own, so that the catalogue's are no names to call. */
const NAMED_BY_CUSTOMER: ReadonlySet<string> = new Set(["azure"]);

export function createCapabilityBook(options: {
  readonly catalogue: ModelCatalogue;
  readonly overrides: readonly CapabilityOverride[];
  /** By a provider's configured name, its name in the catalogue. */
  readonly catalogueProviders: ReadonlyMap<string, string>;
}): CapabilityBook {
  const { catalogue, overrides, catalogueProviders } = options;
  const remembered = new Map<string, Map<string, Capabilities>>();

  function find(known: string, model: string): Capabilities | undefined {
    if (CHANGING.test(model)) return catalogue.findModel(known, model.toLowerCase());
    return resolve(catalogue, known, model);
  }

  function look(provider: string, model: string): Capabilities {
    const said = overridesOf(overrides, provider, [model]);
    const sameAs = said.find((one) => one.sameAs !== undefined)?.sameAs;
    const known = catalogueProviders.get(provider);
    const found =
      sameAs !== undefined ? findNamed(catalogue, sameAs) : known === undefined ? undefined : find(known, model);
    return said.reduceRight(apply, found ?? UNKNOWN);
  }

  return {
    find(provider, model) {
      let models = remembered.get(provider);
      if (models === undefined) {
        models = new Map();
        remembered.set(provider, models);
      }
      let found = models.get(model);
      if (found === undefined) {
        found = look(provider, model);
        const [oldest] = models.size < MAX_REMEMBERED ? [] : models.keys();
        if (oldest !== undefined) models.delete(oldest);
        models.set(model, found);
      }
      return found;
    },
    modelNames(provider) {
      const known = catalogueProviders.get(provider);
      const catalogued = known === undefined || NAMED_BY_CUSTOMER.has(known) ? [] : catalogue.modelIds(known);
      const configured = overrides.filter((one) => one.provider === provider && !one.model.endsWith("*"));
      return [...new Set([...catalogued, ...configured.map(({ model }) => model)])];
    },
  };
}

function apply(known: Capabilities, said: CapabilityOverride): Capabilities {
  const can = new Set(known.can);
  const cannot = new Set(known.cannot);
  for (const [feature, yes] of said.features) {
    (yes ? can : cannot).add(feature);
    (yes ? cannot : can).delete(feature);
  }
  return {
    contextWindow: said.contextWindow ?? known.contextWindow,
    maxOutputTokens: said.maxOutputTokens ?? known.maxOutputTokens,
    can,
    cannot,
  };
}

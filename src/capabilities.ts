import { type CapabilityBook, createCapabilityBook } from "./models/capability-book.ts";
import { loadModelCatalogue } from "./models/catalogue.ts";
import { type CapabilitySetting, toCapabilityOverrides } from "./models/overrides.ts";
import { findNearest } from "./routing/nearest.ts";

/** Opens the catalogue and puts what the configuration says over it. Adds to `problems` what cannot be used. */
export function readCapabilities(
  settings: Readonly<Record<string, CapabilitySetting>>,
  options: {
    /** Names of the configured providers. */
    readonly providers: readonly string[];
    /** By a provider's configured name, its name in the catalogues. */
    readonly catalogueProviders: ReadonlyMap<string, string>;
  },
  problems: { path: string; message: string }[],
): CapabilityBook {
  const { catalogueProviders } = options;
  const catalogue = loadModelCatalogue();
  const context = { catalogue, findNearest, providers: new Set(options.providers) };
  const overrides = toCapabilityOverrides(settings, context, problems);
  return createCapabilityBook({ catalogue, overrides, catalogueProviders });
}

import { aiSdkVendor } from "./config/ai-sdk.ts";
import { CATALOGUE_PROVIDERS, findCatalogueProvider } from "./models/catalogue-providers.ts";
import { type Catalogue, loadCatalogue } from "./pricing/catalogue.ts";
import { type PriceSetting, toPriceOverrides } from "./pricing/overrides.ts";
import { createPriceBook, type PriceBook } from "./pricing/price-book.ts";
import { findNearest } from "./routing/nearest.ts";

/** The price book as configured, and what it is made of. */
export interface Prices {
  readonly book: PriceBook;
  readonly catalogue: Catalogue;
  /** By a provider's configured name, its name in the catalogue; without those that it has no prices of. */
  readonly catalogueProviders: ReadonlyMap<string, string>;
  /** Models that the configuration has prices of, each as `provider/model`. */
  readonly named: readonly string[];
}

export interface PricedProvider {
  readonly name: string;
  readonly preset: string | undefined;
  readonly baseUrl: string | undefined;
}

/** Opens the catalogue and puts what the configuration says over it. Adds to `problems` what cannot be used. */
export function readPrices(
  settings: Readonly<Record<string, PriceSetting>>,
  providers: readonly PricedProvider[],
  problems: { path: string; message: string }[],
): Prices {
  const catalogue = loadCatalogue();
  const context = { catalogue, findNearest, providers: new Set(providers.map(({ name }) => name)) };
  const overrides = toPriceOverrides(settings, context, problems);
  const catalogueProviders = providers.flatMap(({ name, ...provider }) => {
    const found = findCatalogueProvider(catalogue, provider);
    return found === undefined ? [] : [[name, found] as const];
  });
  return {
    catalogue,
    book: createPriceBook({ catalogue, overrides }),
    catalogueProviders: new Map(catalogueProviders),
    named: Object.keys(settings).filter((name) => !name.endsWith("*")),
  };
}

interface ConfiguredProvider {
  readonly preset: string;
  readonly baseUrl: string;
  readonly aiSdk?: { readonly package: string; readonly vendor: string } | undefined;
}

/** The providers as a configuration has them, whether the rest of it can be used or not. */
export function pricedProviders(configured: Readonly<Record<string, ConfiguredProvider>>): PricedProvider[] {
  return Object.entries(configured).map(([name, { preset, baseUrl, aiSdk }]) => ({
    name,
    preset: aiSdk === undefined ? preset || undefined : aiSdkVendor(aiSdk, CATALOGUE_PROVIDERS),
    baseUrl: baseUrl || undefined,
  }));
}

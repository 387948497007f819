import { readFileSync } from "node:fs";
import { compileMatch, type Match, type Matcher } from "./match.ts";
import type { RateTable } from "./rates.ts";

/** A price, and when it holds. Without `from` and `between` it holds always. */
export interface DatedPrice extends RateTable {
  /** First day, UTC: `2026-08-17`. */
  readonly from?: string;
  /** Seconds of each UTC day, the second excluded; across midnight where the first is the larger. */
  readonly between?: readonly [start: number, end: number];
}

interface CatalogueModel {
  readonly id: string;
  /** The last that holds counts, and the first where none does. Empty where the catalogue knows the name only. */
  readonly prices: readonly DatedPrice[];
}

/** The file `catalogue.json`, written by `npm run prices:refresh`. */
export interface CatalogueData {
  readonly source: string;
  readonly version: string;
  /** Day of the data, `2026-09-23`. */
  readonly date: string;
  readonly providers: readonly {
    readonly id: string;
    /** Matches the beginning of the provider's URLs. */
    readonly urls: string;
    /** Providers whose models it sells at their price. */
    readonly fallbacks?: readonly string[];
    readonly models: readonly {
      readonly id: string;
      readonly match: Match;
      readonly prices: readonly (Omit<DatedPrice, "tiers"> & { readonly tiers?: DatedPrice["tiers"] })[];
    }[];
  }[];
}

export interface Catalogue {
  /** What the data is, for people: `genai-prices 2026-09-23`. */
  readonly source: string;
  readonly version: string;
  readonly date: string;
  readonly providerIds: readonly string[];
  /** Finds the provider whose API is at this URL. */
  findProvider(url: string): string | undefined;
  /** Finds a model by a name as the provider's API has it. */
  findModel(providerId: string, name: string): FoundModel | undefined;
  /** Ids of the models of a provider, without those of others that it sells. */
  modelIds(providerId: string): readonly string[];
}

/** A model of the catalogue; `provider` is who sets the price, which may be another than was asked for. */
interface FoundModel extends CatalogueModel {
  readonly provider: string;
}

interface Provider {
  readonly id: string;
  readonly urls: RegExp;
  readonly fallbacks: readonly string[];
  readonly models: readonly { readonly matches: Matcher; readonly found: FoundModel }[];
}

/** The catalogue that came with this version. Reads a file; keep what it returns. */
export function loadCatalogue(): Catalogue {
  return createCatalogue(JSON.parse(readFileSync(new URL("catalogue.json", import.meta.url), "utf8")) as CatalogueData);
}

export function createCatalogue(data: CatalogueData): Catalogue {
  const providers = new Map(
    data.providers.map(({ id, urls, fallbacks = [], models }): [string, Provider] => [
      id,
      {
        id,
        fallbacks,
        urls: new RegExp(`^(?:${urls})`),
        models: models.map(({ id: model, match, prices }) => ({
          matches: compileMatch(match),
          found: { provider: id, id: model, prices: prices.map((price) => ({ tiers: [], ...price })) },
        })),
      },
    ]),
  );

  function findModel(providerId: string, name: string): FoundModel | undefined {
    const provider = providers.get(providerId);
    const own = provider?.models.find(({ matches }) => matches(name))?.found;
    if (own !== undefined || provider === undefined) return own;
    for (const fallback of provider.fallbacks) {
      const found = providers.get(fallback)?.models.find(({ matches }) => matches(name))?.found;
      if (found !== undefined) return found;
    }
    return undefined;
  }

  return {
    findModel,
    source: `${data.source} ${data.date}`,
    version: data.version,
    date: data.date,
    providerIds: [...providers.keys()],
    findProvider: (url) => [...providers.values()].find(({ urls }) => urls.test(url))?.id,
    modelIds: (providerId) => (providers.get(providerId)?.models ?? []).map(({ found }) => found.id),
  };
}

const DAY_MS = 86_400_000;

/** The price that holds at a time (ms since 1970). */
export function priceAt<P extends DatedPrice>(prices: readonly P[], atMs: number): P | undefined {
  return prices.findLast((price) => holdsAt(price, atMs)) ?? prices[0];
}

function holdsAt({ from, between }: DatedPrice, atMs: number): boolean {
  if (from !== undefined) return atMs >= Date.parse(from);
  if (between === undefined) return true;
  const [start, end] = between;
  const second = (atMs % DAY_MS) / 1000;
  return start <= end ? second >= start && second < end : second >= start || second < end;
}

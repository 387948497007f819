/** Says in lines of text how two catalogues differ. */
import type { CatalogueData } from "../src/pricing/catalogue.ts";
import { formatUsd, RATE_NAMES, type Rates } from "../src/pricing/rates.ts";

type ModelData = CatalogueData["providers"][number]["models"][number];
type PriceData = ModelData["prices"][number];

/** One line for each model that was added, removed, or changed in price or in the names it is known by. */
export function comparePrices(before: CatalogueData, after: CatalogueData): string[] {
  const old = modelsOf(before);
  const now = modelsOf(after);
  const added = [...now].filter(([name]) => !old.has(name)).map(([name, model]) => `+ ${name} ${showPrices(model)}`);
  const removed = [...old].filter(([name]) => !now.has(name)).map(([name, model]) => `- ${name} ${showPrices(model)}`);
  const changed = [...now].flatMap(([name, model]) => {
    const earlier = old.get(name);
    if (earlier === undefined) return [];
    const [from, to] = [showPrices(earlier), showPrices(model)];
    if (from !== to) return [`~ ${name} ${from} → ${to}`];
    return JSON.stringify(earlier.match) === JSON.stringify(model.match) ? [] : [`~ ${name} matches other names`];
  });
  return [
    `${before.version} of ${before.date} → ${after.version} of ${after.date}: ` +
      `${added.length} models added, ${removed.length} removed, ${changed.length} changed`,
    ...added,
    ...removed,
    ...changed,
  ];
}

function modelsOf({ providers }: CatalogueData): Map<string, ModelData> {
  return new Map(providers.flatMap(({ id, models }) => models.map((model) => [`${id}/${model.id}`, model] as const)));
}

function showPrices({ prices }: ModelData): string {
  return prices.length === 0 ? "(no price)" : prices.map(showPrice).join("; ");
}

function showPrice({ from, between, rates, tiers = [] }: PriceData): string {
  const when = from === undefined ? "" : `from ${from} `;
  const hours = between === undefined ? "" : `between ${between.join(" and ")} s of the day `;
  const above = tiers.map((tier) => `, above ${tier.above} tokens ${showRates(tier.rates)}`);
  return `${when}${hours}${showRates(rates)}${above.join("")}`;
}

function showRates(rates: Rates): string {
  return RATE_NAMES.flatMap((name) => {
    const rate = rates[name];
    return rate === undefined ? [] : [`${name} ${formatUsd(rate)}`];
  }).join(", ");
}

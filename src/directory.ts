import { create } from "@bufbuild/protobuf";
import { Modality, ModelPriceSchema, type ModelTarget, ModelTargetSchema } from "./domain/contract.ts";
import type { Capabilities, Feature } from "./models/capabilities.ts";
import type { CapabilityBook } from "./models/capability-book.ts";
import type { Prices } from "./prices.ts";
import type { KnownPrice } from "./pricing/price-book.ts";
import { discounted } from "./pricing/rates.ts";
import type { ListedModel, ModelDirectory } from "./service/model-service.ts";

interface DirectoryOptions {
  /** Names of the configured providers. */
  readonly providers: readonly string[];
  /** Targets of each alias, as `provider/model`. */
  readonly aliases: Readonly<Record<string, { readonly targets: readonly string[] }>>;
  readonly capabilities: CapabilityBook;
  readonly prices: Prices;
  /** ms since 1970. */
  readonly now: () => number;
}

/** Lists what a configuration lets be called. */
export function createDirectory(options: DirectoryOptions): ModelDirectory {
  const { capabilities, prices, now } = options;
  let models: readonly ListedModel[] | undefined;
  return {
    providers: new Set(options.providers),
    models() {
      models ??= listModels(options);
      return models;
    },
    describe({ provider, model }) {
      const catalogueProvider = prices.catalogueProviders.get(provider);
      const price = prices.book.find({ provider, catalogueProvider, models: [model], atMs: now() });
      return toTarget(provider, model, capabilities.find(provider, model), price);
    },
  };
}

/** An alias comes before a model of the same name, as it does in calls. */
function listModels({ providers, aliases, capabilities, prices }: DirectoryOptions): readonly ListedModel[] {
  const targets = [
    ...providers.flatMap((provider) => capabilities.modelNames(provider).map((model) => `${provider}/${model}`)),
    ...prices.named,
    ...Object.values(aliases).flatMap((alias) => alias.targets),
  ];
  const models = new Map<string, ListedModel>();
  for (const name of targets) models.set(name, { name, isAlias: false, targets: [parseTarget(name)] });
  for (const [name, alias] of Object.entries(aliases)) {
    models.set(name, { name, isAlias: true, targets: alias.targets.map(parseTarget) });
  }
  return [...models.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function parseTarget(name: string) {
  const slash = name.indexOf("/");
  return { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

const INPUTS: readonly (readonly [feature: Feature, modality: Modality])[] = [
  ["image", Modality.IMAGE],
  ["audio", Modality.AUDIO],
  ["pdf", Modality.PDF],
];

const OUTPUTS: readonly (readonly [feature: Feature, modality: Modality])[] = [
  ["image_output", Modality.IMAGE],
  ["audio_output", Modality.AUDIO],
];

function toTarget(
  provider: string,
  model: string,
  { contextWindow, maxOutputTokens, can, cannot }: Capabilities,
  price: KnownPrice | undefined,
): ModelTarget {
  const modalities = (kinds: typeof INPUTS): Modality[] => {
    const known = kinds.filter(([feature]) => can.has(feature)).map(([, modality]) => modality);
    const isKnown = can.size > 0 || cannot.size > 0;
    return isKnown ? [Modality.TEXT, ...known] : [];
  };
  const knows = (feature: Feature): boolean | undefined =>
    can.has(feature) ? true : cannot.has(feature) ? false : undefined;
  return create(ModelTargetSchema, {
    provider,
    model,
    contextWindow,
    maxOutputTokens,
    tools: knows("tools"),
    structuredOutput: knows("structured_output"),
    reasoning: knows("reasoning"),
    sampling: knows("sampling"),
    price: price === undefined ? undefined : toPrice(price),
    inputModalities: modalities(INPUTS),
    outputModalities: modalities(OUTPUTS),
  });
}

function toPrice({ rates, discount, source }: KnownPrice) {
  const paid = (rate: number | undefined): bigint | undefined =>
    rate === undefined ? undefined : BigInt(discounted(rate, discount));
  return create(ModelPriceSchema, {
    inputNanoUsdPerMillion: paid(rates.input),
    cacheReadNanoUsdPerMillion: paid(rates.cacheRead),
    cacheWriteNanoUsdPerMillion: paid(rates.cacheWrite),
    outputNanoUsdPerMillion: paid(rates.output),
    reasoningNanoUsdPerMillion: paid(rates.reasoning),
    priceSource: source,
  });
}

/** Compiles what two collections say of models into the catalogue of capabilities. */
import { FEATURES, type Feature } from "../src/models/capabilities.ts";
import { createModelCatalogue, type ModelCatalogueData } from "../src/models/catalogue.ts";
import { resolve } from "../src/models/look-up.ts";
import { candidateNames } from "../src/models/names.ts";

type ProviderData = ModelCatalogueData["providers"][number];
type ModelData = ProviderData["models"][number];

/** A model of pi-ai: a file for each provider, in it API → key → model. */
export interface PiModel {
  readonly id: string;
  readonly type: string;
  readonly input: readonly string[];
  readonly reasoning?: boolean;
  readonly contextWindow?: number;
  readonly maxTokens?: number;
  readonly compat?: { readonly supportsTemperature?: boolean };
}

/** A model of LiteLLM: one file for all, by name. */
export type LiteModel = Readonly<Record<string, unknown>>;

/** Whose models each collection has for us, by its own names of providers. */
const SOURCES: readonly {
  readonly id: string;
  readonly pi: readonly string[];
  readonly lite: readonly string[];
  readonly fallbacks?: readonly string[];
}[] = [
  { id: "anthropic", pi: ["anthropic"], lite: ["anthropic"] },
  { id: "aws", pi: ["amazon-bedrock"], lite: ["bedrock", "bedrock_converse"] },
  { id: "azure", pi: ["azure"], lite: ["azure", "azure_ai"], fallbacks: ["openai"] },
  { id: "cerebras", pi: ["cerebras"], lite: ["cerebras"] },
  { id: "cohere", pi: [], lite: ["cohere", "cohere_chat"] },
  { id: "deepseek", pi: ["deepseek"], lite: ["deepseek"] },
  { id: "fireworks", pi: ["fireworks"], lite: ["fireworks_ai"] },
  {
    id: "google",
    pi: ["google", "google-vertex"],
    lite: ["gemini", "vertex_ai", "vertex_ai-language-models", "vertex_ai-anthropic_models"],
  },
  { id: "groq", pi: ["groq"], lite: ["groq"] },
  { id: "mistral", pi: ["mistral"], lite: ["mistral"] },
  { id: "moonshotai", pi: ["moonshotai"], lite: ["moonshot"] },
  { id: "openai", pi: ["openai"], lite: ["openai"] },
  { id: "openrouter", pi: ["openrouter"], lite: ["openrouter"] },
  { id: "perplexity", pi: [], lite: ["perplexity"] },
  { id: "together", pi: ["together"], lite: ["together_ai"] },
  { id: "x-ai", pi: ["xai"], lite: ["xai"] },
];

/** What begins the names of LiteLLM's models where it is no part of them. */
const LITE_PREFIX =
  /^(?:anthropic|bedrock(?:_converse)?|azure(?:_ai)?|cerebras|cohere(?:_chat)?|deepseek|fireworks_ai|gemini|vertex_ai|groq|mistral|moonshot|openai|openrouter|perplexity|together_ai|xai)\//;

/** Prices of a region, of a commitment and the like are entries of their own there, and no names of models. */
const LITE_VARIANT = /^(?:us|eu|global|us-gov|[a-z]{2}(?:-gov)?-[a-z]+-\d)\/|-commitment\/|^1k-/;

/** What chat models are in LiteLLM. */
const LITE_MODES: ReadonlySet<unknown> = new Set(["chat", "responses"]);

const LITE_FLAGS: readonly (readonly [flag: string, feature: Feature])[] = [
  ["supports_vision", "image"],
  ["supports_image_input", "image"],
  ["supports_audio_input", "audio"],
  ["supports_pdf_input", "pdf"],
  ["supports_audio_output", "audio_output"],
  ["supports_function_calling", "tools"],
  ["supports_response_schema", "structured_output"],
  ["supports_native_structured_output", "structured_output"],
  ["supports_reasoning", "reasoning"],
  ["supports_sampling_params", "sampling"],
];

/**
 * What must not be refused though a collection says no. A schema is followed by a forced tool where the model has no
 * schemas of its own; DeepSeek's reasoner calls tools since V3.2 ("Thinking mode" in its docs, read 2026-11); OpenRouter
 * reads documents for every model; Perplexity's router reasons for models of others.
 */
const DOUBTFUL: Readonly<Record<string, readonly Feature[]>> = {
  anthropic: ["structured_output"],
  aws: ["structured_output"],
  deepseek: ["tools"],
  openrouter: ["pdf"],
  perplexity: ["reasoning"],
};

/**
 * OpenAI's models that reason whether they are told to or not take no `temperature` but 1. Those from 5.1 on take it while
 * they don't reason. Sources: openai-community 1371738, ChatGPTNextWeb/NextChat#6120, read 2026-11.
 */
const FIXED_SAMPLING = /^(?:o[134](?:-mini|-pro)?|gpt-5(?:-mini|-nano|-pro)?)(?:-20\d\d-\d\d-\d\d)?$/;
const FIXED_SAMPLING_AT: ReadonlySet<string> = new Set(["openai", "azure"]);

/** Each model behind OpenRouter is at many providers, each with a limit of its own; the collections have that of one. */
const MANY_LIMITS: ReadonlySet<string> = new Set(["openrouter"]);

/** Nobody can ask for these, so that a no is of no use. */
const OUTPUTS: ReadonlySet<Feature> = new Set(["image_output", "audio_output"]);

/** Limit of answers that collections give where they know none; one alone is not believed. */
const PLACEHOLDER = 4096;

/** One collection's word on one model. */
interface Said {
  readonly collection: "pi" | "lite";
  readonly id: string;
  readonly window: number | undefined;
  readonly output: number | undefined;
  readonly features: ReadonlyMap<Feature, boolean>;
}

function fromPi({ id, input, reasoning, contextWindow, maxTokens, compat }: PiModel): Said {
  // The collection has chat models only that can call tools, as its readme says.
  const features = new Map<Feature, boolean>([
    ["image", input.includes("image")],
    ["tools", true],
  ]);
  if (reasoning !== undefined) features.set("reasoning", reasoning);
  if (compat?.supportsTemperature === false) features.set("sampling", false);
  return { collection: "pi", id, window: contextWindow, output: maxTokens, features };
}

function fromLite(name: string, model: LiteModel): Said {
  const features = new Map<Feature, boolean>();
  const say = (feature: Feature, can: boolean): void => {
    features.set(feature, can || features.get(feature) === true);
  };
  for (const [flag, feature] of LITE_FLAGS) {
    const can = model[flag];
    if (typeof can === "boolean") say(feature, can);
  }
  const kinds = (key: string): readonly unknown[] => (Array.isArray(model[key]) ? model[key] : []);
  for (const kind of ["image", "audio", "pdf"] as const) {
    if (kinds("supported_modalities").includes(kind)) say(kind, true);
  }
  for (const kind of ["image", "audio"] as const) {
    if (kinds("supported_output_modalities").includes(kind)) say(`${kind}_output`, true);
  }
  const count = (key: string): number | undefined => {
    const value = model[key];
    return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : undefined;
  };
  return {
    collection: "lite",
    id: name,
    window: count("max_input_tokens"),
    output: count("max_output_tokens"),
    features,
  };
}

function corrected(provider: string, said: Said): Said {
  if (MANY_LIMITS.has(provider)) return { ...said, output: undefined };
  if (FIXED_SAMPLING_AT.has(provider) && FIXED_SAMPLING.test(said.id)) {
    return { ...said, features: new Map([...said.features, ["sampling", false]]) };
  }
  return said;
}

/**
 * Where two say different things, the larger limit holds, and a yes before a no: a model that can is then never
 * refused, and one that cannot is refused by its provider.
 */
function merge(id: string, said: readonly Said[], doubtful: readonly Feature[]): ModelData {
  const most = (values: readonly number[]): number | undefined =>
    values.length === 0 ? undefined : Math.max(...values);
  const list = (wanted: (answers: readonly boolean[], feature: Feature) => boolean): string =>
    FEATURES.filter((feature) => {
      const answers = said.map(({ features }) => features.get(feature)).filter((answer) => answer !== undefined);
      return answers.length > 0 && wanted(answers, feature);
    }).join(" ");
  const window = most(said.map((one) => one.window).filter((limit) => limit !== undefined));
  const outputs = said.map((one) => one.output).filter((limit) => limit !== undefined);
  const output = most(outputs.length === 1 && outputs[0] === PLACEHOLDER ? [] : outputs);
  const can = list((answers) => answers.includes(true));
  const cannot = list(
    (answers, feature) => !answers.includes(true) && !doubtful.includes(feature) && !OUTPUTS.has(feature),
  );
  return {
    id,
    ...(window === undefined ? {} : { window }),
    ...(output === undefined ? {} : { output }),
    ...(can === "" ? {} : { can }),
    ...(cannot === "" ? {} : { cannot }),
  };
}

/** Compiles the providers' models, sorted. `pi`: by provider; `lite`: by name. */
export function compileModels(
  pi: ReadonlyMap<string, readonly PiModel[]>,
  lite: Readonly<Record<string, LiteModel>>,
): ProviderData[] {
  return SOURCES.map(({ id, pi: piNames, lite: liteNames, fallbacks }) => {
    const said = new Map<string, Said[]>();
    const add = (one: Said): void => {
      const key = one.id.toLowerCase();
      said.set(key, [...(said.get(key) ?? []), corrected(id, one)]);
    };
    for (const name of piNames) for (const model of pi.get(name) ?? []) if (model.type === "chat") add(fromPi(model));
    for (const [name, model] of Object.entries(lite)) {
      if (!liteNames.includes(String(model.litellm_provider)) || !LITE_MODES.has(model.mode)) continue;
      const bare = name.replace(LITE_PREFIX, "");
      if (!LITE_VARIANT.test(bare)) add(fromLite(bare, model));
    }
    const models = Array.from(said, ([key, all]) =>
      merge(all[0]?.id ?? "", completed(key, all, said), DOUBTFUL[id] ?? []),
    );
    const rest = fallbacks === undefined ? { id } : { id, fallbacks };
    const known = models.filter((model) => Object.keys(model).length > 1);
    return { ...rest, models: withoutRepeated(id, known).sort((a, b) => (a.id < b.id ? -1 : 1)) };
  });
}

/** Where a collection says nothing of a snapshot or a region's name, what it says of the model holds. */
function completed(key: string, own: readonly Said[], said: ReadonlyMap<string, readonly Said[]>): readonly Said[] {
  const missing = (["pi", "lite"] as const).filter((one) => own.every(({ collection }) => collection !== one));
  const others = candidateNames(key).slice(1);
  const ofModel = missing.flatMap((one) => {
    const saying = others.map((name) => said.get(name)?.filter(({ collection }) => collection === one) ?? []);
    return saying.find((found) => found.length > 0) ?? [];
  });
  return [...own, ...ofModel];
}

/** Leaves out names of regions and dates that would be found as the model without them, with the same to be said. */
function withoutRepeated(provider: string, models: readonly ModelData[]): ModelData[] {
  const catalogue = createModelCatalogue({ source: "", date: "", providers: [{ id: provider, models }] });
  const say = (model: ModelData): string => JSON.stringify({ ...model, id: "" });
  const byId = new Map(models.map((model) => [model.id.toLowerCase(), model]));
  return models.filter((model) => {
    if (resolve(catalogue, provider, model.id) === undefined) throw new Error(`${provider}/${model.id} is not found`);
    const next = candidateNames(model.id)
      .slice(1)
      .map((name) => byId.get(name))
      .find((found) => found !== undefined);
    return next === undefined || say(next) !== say(model);
  });
}

/** Writes the catalogue with one model a line, so that differences between versions can be read. */
export function formatModels({ providers, ...head }: ModelCatalogueData): string {
  const provider = ({ models, ...rest }: ProviderData): string => {
    const lines = models.map((model) => `   ${JSON.stringify(model)}`);
    return `  ${JSON.stringify(rest).slice(0, -1)},"models":[\n${lines.join(",\n")}\n  ]}`;
  };
  return `${JSON.stringify(head).slice(0, -1)},"providers":[\n${providers.map(provider).join(",\n")}\n]}\n`;
}

/**
 * Whose models a preset has, in the words of the catalogues of prices and of capabilities; undefined where they know
 * nobody, or nobody is paid.
 */
export const CATALOGUE_PROVIDERS: Readonly<Record<string, string | undefined>> = {
  openai: "openai",
  "openai-responses": "openai",
  "azure-openai": "azure",
  "azure-openai-responses": "azure",
  groq: "groq",
  mistral: "mistral",
  deepseek: "deepseek",
  xai: "x-ai",
  "xai-responses": "x-ai",
  together: "together",
  fireworks: "fireworks",
  openrouter: "openrouter",
  perplexity: "perplexity",
  cerebras: "cerebras",
  moonshot: "moonshotai",
  alibaba: undefined,
  huggingface: "huggingface",
  anthropic: "anthropic",
  "vertex-anthropic": "google",
  gemini: "google",
  vertex: "google",
  bedrock: "aws",
  cohere: "cohere",
  ollama: undefined,
  "ollama-native": undefined,
  vllm: undefined,
  llamacpp: undefined,
  lmstudio: undefined,
};

/** Finds whose models a provider has: by its preset, or where it has none by its address. */
export function findCatalogueProvider(
  catalogue: { findProvider(url: string): string | undefined },
  provider: { readonly preset: string | undefined; readonly baseUrl: string | undefined },
): string | undefined {
  const { preset, baseUrl } = provider;
  if (preset !== undefined) return Object.hasOwn(CATALOGUE_PROVIDERS, preset) ? CATALOGUE_PROVIDERS[preset] : undefined;
  return baseUrl === undefined ? undefined : catalogue.findProvider(baseUrl);
}

/**
 * Hugging Face's router sends calls on, and each provider behind it has prices of its own. `org/model:nebius` says
 * which; without a provider, or with a policy such as `:fastest`, the price is not known.
 */
export function splitRouted(provider: string, name: string): { readonly provider: string; readonly name: string } {
  if (provider !== "huggingface") return { provider, name };
  const colon = name.lastIndexOf(":");
  return { provider: `huggingface_${name.slice(colon + 1)}`, name: name.slice(0, Math.max(colon, 0)) };
}

import { known } from "../../src/provider/registry.ts";
import type { Row } from "./feature.ts";

function preset(name: string, model: string, folders: readonly string[] = [name], models?: RegExp): Row {
  const dialectName = known.presets[name]?.dialect;
  if (dialectName === undefined) throw new Error(`There is no preset ${name}.`);
  return { preset: name, dialectName, model, recorded: { folders, ...(models === undefined ? {} : { models }) } };
}

const withoutPreset: readonly Row[] = ["openai-chat", "openai-responses"].map((dialectName) => ({
  dialectName,
  model: "any",
  recorded: { folders: "all" },
}));

/** Every preset, with one model for each family that its dialect treats in its own way; servers without a preset last. */
export const rows: readonly Row[] = [
  preset("openai", "gpt-5"),
  preset("openai-responses", "gpt-5.6", ["openai"]),
  preset("azure-openai", "gpt-5"),
  preset("azure-openai-responses", "gpt-5", ["azure-openai"]),
  preset("anthropic", "claude-sonnet-4-5"),
  preset("anthropic", "claude-opus-4-8"),
  preset("anthropic", "claude-opus-5-5"),
  preset("vertex-anthropic", "claude-sonnet-4-5@20250929", ["anthropic"]),
  preset("gemini", "gemini-2.5-flash", ["gemini"], /gemini-2/),
  preset("gemini", "gemini-3-pro-preview", ["gemini"], /gemini-3/),
  preset("vertex", "gemini-2.5-flash"),
  preset("bedrock", "anthropic.claude-sonnet-4-5-20250929-v1:0", ["bedrock"], /claude/),
  preset("bedrock", "amazon.nova-2-lite-v1:0", ["bedrock"], /nova/),
  preset("bedrock", "openai.gpt-oss-120b-1:0", ["bedrock"], /gpt-oss/),
  preset("bedrock", "meta.llama3-3-70b-instruct-v1:0", ["bedrock"], /llama/),
  preset("cohere", "command-a-reasoning-08-2025"),
  preset("groq", "openai/gpt-oss-120b"),
  preset("mistral", "magistral-medium-latest"),
  preset("deepseek", "deepseek-reasoner"),
  preset("xai", "grok-4"),
  preset("xai-responses", "grok-4", ["xai"]),
  preset("together", "openai/gpt-oss-120b"),
  preset("fireworks", "accounts/fireworks/models/gpt-oss-120b"),
  preset("openrouter", "anthropic/claude-sonnet-4.5"),
  preset("perplexity", "sonar-reasoning-pro"),
  preset("cerebras", "gpt-oss-120b"),
  preset("moonshot", "kimi-k2.6", ["moonshotai"]),
  preset("alibaba", "qwen3-max"),
  preset("huggingface", "openai/gpt-oss-120b", ["hf-nebius", "hf-together"]),
  preset("ollama", "qwen3"),
  preset("ollama-native", "qwen3", ["ollama"]),
  preset("ollama-native", "gpt-oss:20b", ["ollama"], /gpt-oss/),
  preset("vllm", "openai/gpt-oss-120b"),
  preset("llamacpp", "gpt-oss-20b"),
  preset("lmstudio", "openai/gpt-oss-20b"),
  ...withoutPreset,
];

function embedding(name: string, ...models: readonly string[]): Row[] {
  return models.map((model) => preset(name, model));
}

/** Every preset, with one embedding model for each family that its dialect treats in its own way. */
export const embeddingRows: readonly Row[] = [
  ...embedding("openai", "text-embedding-3-small", "text-embedding-ada-002"),
  ...embedding("openai-responses", "text-embedding-3-small"),
  ...embedding("azure-openai", "text-embedding-3-small"),
  ...embedding("azure-openai-responses", "text-embedding-3-small"),
  ...embedding("anthropic", "any"),
  ...embedding("vertex-anthropic", "any"),
  ...embedding("gemini", "gemini-embedding-001", "gemini-embedding-2"),
  ...embedding("vertex", "text-embedding-005", "gemini-embedding-001", "gemini-embedding-2"),
  ...embedding("bedrock", "amazon.titan-embed-text-v2:0", "amazon.titan-embed-text-v1"),
  ...embedding("bedrock", "amazon.nova-2-multimodal-embeddings-v1:0", "cohere.embed-v4:0", "cohere.embed-english-v3"),
  ...embedding("cohere", "embed-v4.0", "embed-multilingual-v3.0", "embed-english-v2.0"),
  ...embedding("mistral", "mistral-embed", "codestral-embed"),
  ...embedding("alibaba", "text-embedding-v4", "text-embedding-v2"),
  ...["groq", "deepseek", "xai", "xai-responses", "together", "fireworks", "openrouter", "perplexity"],
  ...["cerebras", "moonshot", "huggingface", "ollama", "ollama-native", "vllm", "llamacpp", "lmstudio"],
  ...withoutPreset,
].flatMap((row) => (typeof row === "string" ? embedding(row, "any") : row));

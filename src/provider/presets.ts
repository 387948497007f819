/** Dialects that there are; each is a folder beside this file. */
export type DialectName =
  | "openai-chat"
  | "openai-responses"
  | "anthropic"
  | "gemini"
  | "bedrock-converse"
  | "cohere"
  | "ollama";

/** How a key is sent: `Authorization: Bearer`, or alone in a header of its own. */
export type KeyHeader = "authorization" | "api-key" | "x-api-key" | "x-goog-api-key";

/** Where a known provider is and how it wants its key. */
export interface Preset {
  readonly dialect: DialectName;
  /**
   * Undefined where each customer has their own: the configuration must give it. `{region}` stands for Amazon's region,
   * `{host}`, `{project}` and `{location}` for what Google Cloud calls so.
   */
  readonly baseUrl: string | undefined;
  /** Variable that usually holds the key; undefined for servers that need none. */
  readonly keyVariable: string | undefined;
  /** Another variable that is known for it. */
  readonly otherKeyVariable?: string;
  readonly keyHeader: KeyHeader;
  /** How requests are let in where there is no key. */
  readonly signing?: "aws" | "google";
  /** Variable that usually holds the customer's own address, and what is appended to it. */
  readonly baseUrlVariable?: readonly [variable: string, suffix: string];
  /** Its name in the OpenTelemetry GenAI conventions (1.45); where they have none, the preset's own. */
  readonly vendor: string;
  /** Whether it is told of the caller's trace: servers of one's own are, others learn nothing about their callers. */
  readonly propagatesTrace: boolean;
  /** Whether aborting a request stops the billing, by a router's published list (2026-11). */
  readonly cancelStopsBilling: "yes" | "no" | "unknown";
}

function hosted(
  vendor: string,
  baseUrl: string,
  keyVariable: string,
  cancelStopsBilling: Preset["cancelStopsBilling"],
): Preset {
  return {
    dialect: "openai-chat",
    baseUrl,
    keyVariable,
    keyHeader: "authorization",
    vendor,
    propagatesTrace: false,
    cancelStopsBilling,
  };
}

function local(vendor: string, baseUrl: string): Preset {
  return {
    dialect: "openai-chat",
    baseUrl,
    keyVariable: undefined,
    keyHeader: "authorization",
    vendor,
    propagatesTrace: true,
    cancelStopsBilling: "yes",
  };
}

const openai = hosted("openai", "https://api.openai.com/v1", "OPENAI_API_KEY", "yes");
const xai = hosted("x_ai", "https://api.x.ai/v1", "XAI_API_KEY", "yes");
const azureOpenai: Preset = {
  dialect: "openai-chat",
  baseUrl: undefined,
  keyVariable: "AZURE_OPENAI_API_KEY",
  keyHeader: "api-key",
  vendor: "azure.ai.openai",
  propagatesTrace: false,
  baseUrlVariable: ["AZURE_OPENAI_ENDPOINT", "/openai/v1"],
  cancelStopsBilling: "yes",
};

/** A key, where one is given, is an access token. */
const vertex: Preset = {
  dialect: "gemini",
  baseUrl: "https://{host}/v1/projects/{project}/locations/{location}",
  keyVariable: undefined,
  keyHeader: "authorization",
  signing: "google",
  vendor: "gcp.vertex_ai",
  propagatesTrace: false,
  cancelStopsBilling: "no",
};

/** The table of known providers. A preset is a row of data; what a dialect must know of it is in its quirks. */
export const presets: Readonly<Record<string, Preset>> = {
  openai,
  "openai-responses": { ...openai, dialect: "openai-responses" },
  "azure-openai": azureOpenai,
  "azure-openai-responses": { ...azureOpenai, dialect: "openai-responses" },
  anthropic: {
    ...hosted("anthropic", "https://api.anthropic.com", "ANTHROPIC_API_KEY", "yes"),
    dialect: "anthropic",
    keyHeader: "x-api-key",
  },
  "vertex-anthropic": { ...vertex, dialect: "anthropic" },
  gemini: {
    ...hosted("gcp.gemini", "https://generativelanguage.googleapis.com/v1beta", "GEMINI_API_KEY", "no"),
    dialect: "gemini",
    keyHeader: "x-goog-api-key",
    otherKeyVariable: "GOOGLE_API_KEY",
  },
  vertex,
  groq: hosted("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY", "no"),
  mistral: hosted("mistral_ai", "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "no"),
  deepseek: hosted("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "yes"),
  xai,
  "xai-responses": { ...xai, dialect: "openai-responses" },
  together: hosted("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY", "yes"),
  fireworks: hosted("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "yes"),
  openrouter: hosted("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "unknown"),
  perplexity: hosted("perplexity", "https://api.perplexity.ai", "PERPLEXITY_API_KEY", "no"),
  cerebras: hosted("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "unknown"),
  moonshot: hosted("moonshot", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "unknown"),
  alibaba: hosted("alibaba", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", "unknown"),
  huggingface: hosted("huggingface", "https://router.huggingface.co/v1", "HF_TOKEN", "unknown"),
  bedrock: {
    ...hosted("aws.bedrock", "https://bedrock-runtime.{region}.amazonaws.com", "AWS_BEARER_TOKEN_BEDROCK", "no"),
    dialect: "bedrock-converse",
    signing: "aws",
  },
  cohere: { ...hosted("cohere", "https://api.cohere.com", "CO_API_KEY", "yes"), dialect: "cohere" },
  ollama: local("ollama", "http://127.0.0.1:11434/v1"),
  "ollama-native": { ...local("ollama", "http://127.0.0.1:11434"), dialect: "ollama" },
  vllm: local("vllm", "http://127.0.0.1:8000/v1"),
  llamacpp: local("llamacpp", "http://127.0.0.1:8080/v1"),
  lmstudio: local("lmstudio", "http://127.0.0.1:1234/v1"),
};

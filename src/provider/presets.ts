/** Where a known provider is and how it wants its key. */
export interface Preset {
  readonly dialect: "openai-chat";
  /** Undefined where each customer has their own: the configuration must give it. */
  readonly baseUrl: string | undefined;
  /** Variable that usually holds the key; undefined for servers that need none. */
  readonly keyVariable: string | undefined;
  /** How the key is sent: `Authorization: Bearer`, or a header of its own. */
  readonly keyHeader: "authorization" | "api-key";
  /** Variable that usually holds the customer's own address, and what is appended to it. */
  readonly baseUrlVariable?: readonly [variable: string, suffix: string];
  /** Whether aborting a request stops the billing, by a router's published list (2026-11). */
  readonly cancelStopsBilling: "yes" | "no" | "unknown";
}

function hosted(baseUrl: string, keyVariable: string, cancelStopsBilling: Preset["cancelStopsBilling"]): Preset {
  return { dialect: "openai-chat", baseUrl, keyVariable, keyHeader: "authorization", cancelStopsBilling };
}

function local(baseUrl: string): Preset {
  return {
    dialect: "openai-chat",
    baseUrl,
    keyVariable: undefined,
    keyHeader: "authorization",
    cancelStopsBilling: "yes",
  };
}

/** The table of known providers. A preset is a row of data; what a dialect must know of it is in its quirks. */
export const presets: Readonly<Record<string, Preset>> = {
  openai: hosted("https://api.openai.com/v1", "OPENAI_API_KEY", "yes"),
  "azure-openai": {
    dialect: "openai-chat",
    baseUrl: undefined,
    keyVariable: "AZURE_OPENAI_API_KEY",
    keyHeader: "api-key",
    baseUrlVariable: ["AZURE_OPENAI_ENDPOINT", "/openai/v1"],
    cancelStopsBilling: "yes",
  },
  groq: hosted("https://api.groq.com/openai/v1", "GROQ_API_KEY", "no"),
  mistral: hosted("https://api.mistral.ai/v1", "MISTRAL_API_KEY", "no"),
  deepseek: hosted("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "yes"),
  xai: hosted("https://api.x.ai/v1", "XAI_API_KEY", "yes"),
  together: hosted("https://api.together.xyz/v1", "TOGETHER_API_KEY", "yes"),
  fireworks: hosted("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY", "yes"),
  openrouter: hosted("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "unknown"),
  perplexity: hosted("https://api.perplexity.ai", "PERPLEXITY_API_KEY", "no"),
  cerebras: hosted("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY", "unknown"),
  moonshot: hosted("https://api.moonshot.ai/v1", "MOONSHOT_API_KEY", "unknown"),
  alibaba: hosted("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "DASHSCOPE_API_KEY", "unknown"),
  huggingface: hosted("https://router.huggingface.co/v1", "HF_TOKEN", "unknown"),
  ollama: local("http://127.0.0.1:11434/v1"),
  vllm: local("http://127.0.0.1:8000/v1"),
  llamacpp: local("http://127.0.0.1:8080/v1"),
  lmstudio: local("http://127.0.0.1:1234/v1"),
};

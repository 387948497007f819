import { takesPrefill } from "../claude-prefill.ts";
import type { Continuation } from "../dialect.ts";
import type { JsonRecord } from "../json.ts";

/** How servers are told that the last message is the beginning of the answer. */
export interface ChatContinuation extends Continuation {
  /** Beside the message's role and content. */
  readonly message?: JsonRecord;
  /** Beside the body's other fields. */
  readonly body?: JsonRecord;
}

const unmarked: ChatContinuation = { echoes: false };
const partial: ChatContinuation = { echoes: false, message: { partial: true } };

function only(models: RegExp, found: ChatContinuation): (model: string) => ChatContinuation | undefined {
  return (model) => (models.test(model) ? found : undefined);
}

/**
 * By preset; servers that are not here answer anew, or are not known to go on. Models that think by themselves are left
 * out where their provider does not say what becomes of that. All read 2026-11.
 */
const byPreset: Readonly<Record<string, (model: string) => ChatContinuation | undefined>> = {
  // API reference, "AssistantMessage.prefix"; it repeats the beginning (SillyTavern#2557, vercel/ai#3256).
  mistral: only(/^(?!magistral)/, { echoes: true, message: { prefix: true } }),
  // "Chat Prefix Completion (Beta)": at the beta address alone. Its guide knows it for this model.
  deepseek: only(/^deepseek-chat$/, { echoes: false, message: { prefix: true }, baseEndsWith: "/beta" }),
  // Kimi API docs, "Partial Mode"; vercel/ai `@ai-sdk/moonshotai` 2.0.53.
  moonshot: only(/^(moonshot-v1-|kimi-k2-(0711|0905|turbo)-preview$)/, partial),
  // Model Studio, "Partial mode": its table of models, without those that think unasked.
  alibaba: only(/^(qwen-(max|plus|flash)|qwen3-max|qwen3-coder-(plus|flash))(-latest|-preview|-\d|$)/, partial),
  // By its chat templates ("OpenAI-Compatible Server", extra parameters of the chat API).
  vllm: () => ({ echoes: false, body: { continue_final_message: true, add_generation_prompt: false } }),
  // Unless its model thinks, which it then says (ggml-org/llama.cpp#13174).
  llamacpp: () => unmarked,
  // As Ollama's own chat, which this endpoint calls.
  ollama: () => unmarked,
  // "Assistant prefill" depends on the model and on who serves it: only where all do.
  openrouter: (model) =>
    model.startsWith("anthropic/") && takesPrefill(model) && !model.endsWith(":thinking") ? unmarked : undefined,
};

export function continuationFor(preset: string | undefined): (model: string) => ChatContinuation | undefined {
  return (preset === undefined ? undefined : byPreset[preset]) ?? (() => undefined);
}

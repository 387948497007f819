/**
 * `prompt_cache_breakpoint` is for GPT-5.6 and later, `openai/gpt-5.6` at OpenRouter and `openai.gpt-5.6` at Bedrock too.
 * Source: OpenAI, "Prompt caching", read 2026-11; recorded exchanges.
 */
export function takesBreakpoints(model: string): boolean {
  const [, major, minor] = /^(?:openai[./])?gpt-(\d+)(?:\.(\d+))?/.exec(model) ?? [];
  const version = Number(major ?? 0) * 1000 + Number(minor ?? 0);
  return version >= 5006;
}

/** What a content part that ends a prefix worth caching has more. */
export const BREAKPOINT = { prompt_cache_breakpoint: { mode: "explicit" } };

/**
 * `prompt_cache_breakpoint` is for GPT-5.6 and later, `openai/gpt-5.6` at OpenRouter and `openai.gpt-5.6` at Bedrock too.
 * Source: OpenAI, "Prompt caching", read 2026-11; recorded exchanges.
 */
export function takesBreakpoints(model: string): boolean {
  const [, major, minor] = /^(?:openai[./])?gpt-(\d+)(?:\.(\d+))?/.exec(model) ?? [];
  const version = Number(major ?? 0) * 1000 + Number(minor ?? 0);
  return version >= 5006;
}

/** Marks a content part as the end of what is worth caching. */
export const breakpoint = { prompt_cache_breakpoint: { mode: "explicit" } };

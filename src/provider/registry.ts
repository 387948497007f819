import type { Dialect } from "./dialect.ts";
import { openAiChatFor } from "./openai-chat/index.ts";
import { presets } from "./presets.ts";

const dialects: Readonly<Record<string, (preset: string | undefined) => Dialect>> = {
  "openai-chat": openAiChatFor,
};

/** What a configuration may name. */
export const known = { presets, dialects: Object.keys(dialects) };

/** The dialect of a provider: what the preset says, or what is named. */
export function findDialect(preset: string | undefined, name: string | undefined): Dialect | undefined {
  const wanted = preset === undefined ? name : presets[preset]?.dialect;
  return wanted === undefined ? undefined : dialects[wanted]?.(preset);
}

/** How a preset's servers want their key; a server without one takes the usual way. */
export function keyHeaderOf(preset: string | undefined): "authorization" | "api-key" {
  return (preset === undefined ? undefined : presets[preset]?.keyHeader) ?? "authorization";
}

/** The vendor's name for telemetry; undefined where there is no preset. */
export function vendorOf(preset: string | undefined): string | undefined {
  return preset === undefined ? undefined : presets[preset]?.vendor;
}

/** Whether such a provider hears of callers' traces unless the configuration says otherwise. */
export function propagatesTraceTo(preset: string | undefined): boolean {
  return (preset === undefined ? undefined : presets[preset]?.propagatesTrace) ?? true;
}

import { anthropicFor } from "./anthropic/index.ts";
import { bedrockConverse } from "./bedrock-converse/index.ts";
import { cohere } from "./cohere/index.ts";
import type { Dialect } from "./dialect.ts";
import { geminiFor } from "./gemini/index.ts";
import { ollama } from "./ollama/index.ts";
import { openAiChatFor } from "./openai-chat/index.ts";
import { openAiResponsesFor } from "./openai-responses/index.ts";
import { type DialectName, type KeyHeader, presets } from "./presets.ts";

interface Row {
  /** The dialect as a preset's servers speak it; without a preset, as the standard has it. */
  readonly create: (preset: string | undefined) => Dialect;
  /** How servers without a preset want their key. */
  readonly keyHeader: KeyHeader;
}

const dialects: Readonly<Record<DialectName, Row>> = {
  "openai-chat": { create: openAiChatFor, keyHeader: "authorization" },
  "openai-responses": { create: openAiResponsesFor, keyHeader: "authorization" },
  "bedrock-converse": { create: () => bedrockConverse, keyHeader: "authorization" },
  anthropic: { create: anthropicFor, keyHeader: "x-api-key" },
  gemini: { create: geminiFor, keyHeader: "x-goog-api-key" },
  cohere: { create: () => cohere, keyHeader: "authorization" },
  ollama: { create: () => ollama, keyHeader: "authorization" },
};

/** What a configuration may name. */
export const known = { presets, dialects: Object.keys(dialects) };

/** The dialect of a provider: what the preset says, or what is named. */
export function findDialect(preset: string | undefined, name: string | undefined): Dialect | undefined {
  return rowOf(preset, name)?.create(preset);
}

/** How a provider's servers want their key: as the preset says, or as is usual in their dialect. */
export function keyHeaderOf(preset: string | undefined, name: string | undefined): KeyHeader {
  const own = preset === undefined ? undefined : presets[preset]?.keyHeader;
  return own ?? rowOf(preset, name)?.keyHeader ?? "authorization";
}

function rowOf(preset: string | undefined, name: string | undefined): Row | undefined {
  const wanted = preset === undefined ? name : presets[preset]?.dialect;
  return wanted !== undefined && isDialect(wanted) ? dialects[wanted] : undefined;
}

function isDialect(name: string): name is DialectName {
  return Object.hasOwn(dialects, name);
}

/** The vendor's name for telemetry; undefined where there is no preset. */
export function vendorOf(preset: string | undefined): string | undefined {
  return preset === undefined ? undefined : presets[preset]?.vendor;
}

/** Whether such a provider hears of callers' traces unless the configuration says otherwise. */
export function propagatesTraceTo(preset: string | undefined): boolean {
  return (preset === undefined ? undefined : presets[preset]?.propagatesTrace) ?? true;
}

import type { JsonRecord } from "../json.ts";
import { takesBreakpoints } from "../openai-cache-marks.ts";
import { DIALECT } from "./decode.ts";

/** What a server of this dialect may lack, in the contract's names. */
export type Feature = "audio" | "file.data" | "tool_result.parts";

/** How the servers of this dialect differ. Data, one row for each preset; the default suits an unknown server. */
export interface Quirks {
  /**
   * Names the state on parts. What one vendor encrypted, another refuses: an answer that is given back to a target of
   * another vendor leaves it out.
   */
  readonly stateName: string;
  readonly unsupported: ReadonlySet<Feature>;
  /** Whether a model's reasoning is asked for in its encrypted form; models that do not reason may refuse the wish. */
  readonly encryptsReasoning: (model: string) => boolean;
  /** Whether a model takes marks for the prompt cache; the others cache by themselves. */
  readonly takesCacheMarks: (model: string) => boolean;
  /** Asks for log probabilities: an entry of `include`, or a field of the body. */
  readonly logprobs: { readonly include: string } | { readonly fields: JsonRecord };
  /** The server counts a prompt's tokens. */
  readonly counts: boolean;
}

/**
 * OpenAI's models that do not reason answer the wish with 400 "Encrypted content is not supported with this model"
 * (pydantic-ai issues 2865 and 3326, read 2026-11). Its open models say their reasoning openly. Models to come are taken
 * to reason.
 */
const PLAIN_MODEL = /^(ft:|openai[./])?(gpt-3|gpt-4|gpt-oss|chatgpt-)|-chat\b/;

export const defaultQuirks: Quirks = {
  stateName: DIALECT,
  unsupported: new Set(),
  encryptsReasoning: (model) => !PLAIN_MODEL.test(model),
  takesCacheMarks: takesBreakpoints,
  logprobs: { include: "message.output_text.logprobs" },
  counts: false,
};

/** OpenAI's wire has no sound: its content is text, pictures and files. */
const openai: Quirks = { ...defaultQuirks, unsupported: new Set(["audio"]) };

/** Quirks by preset. Sources: each provider's API reference and the recorded exchanges, 2026-11. */
export const quirksByPreset: Readonly<Record<string, Quirks>> = {
  "openai-responses": { ...openai, counts: true },
  "azure-openai-responses": { ...openai, stateName: "azure-openai-responses" },
  "xai-responses": {
    ...defaultQuirks,
    stateName: "xai-responses",
    unsupported: new Set(["audio", "file.data", "tool_result.parts"]),
    encryptsReasoning: () => true,
    takesCacheMarks: () => false,
    logprobs: { fields: { logprobs: true } },
  },
};

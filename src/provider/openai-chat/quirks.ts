import { ReasoningEffort } from "../../domain/contract.ts";
import type { CallIdRule } from "../call-ids.ts";
import type { JsonRecord } from "../json.ts";
import { BREAKPOINT, takesBreakpoints } from "../openai-cache-marks.ts";
import { effortWords } from "../openai-efforts.ts";

/** What a server of this dialect may lack, in the contract's names below `prompt`. */
export type Feature =
  | "top_k"
  | "seed"
  | "frequency_penalty"
  | "presence_penalty"
  | "logprobs"
  | "tools"
  | "tools.strict"
  | "tool_choice.required"
  | "tool_choice.none"
  | "tool_choice.tool_name"
  | "parallel_tool_calls"
  | "response_format.json_object"
  | "response_format.json_schema"
  | "image"
  | "image.uri"
  | "image.detail"
  | "audio"
  | "file";

/** How the servers of this dialect differ. Data, one row for each preset; the default suits an unknown server. */
export interface Quirks {
  readonly unsupported: ReadonlySet<Feature>;
  /** Field that bounds the answer's tokens. */
  readonly maxTokensField: "max_tokens" | "max_completion_tokens";
  readonly seedField: "seed" | "random_seed";
  /** Word for "some tool must be called". */
  readonly requiredWord: "required" | "any";
  /** Asks for usage in streams; where false, the server sends it unasked and may refuse the option. */
  readonly askForUsage: boolean;
  /** Text may be a list of parts; where false, parts are joined by line feeds. */
  readonly textLists: boolean;
  /** What is taken for a call's id; undefined where anything is. */
  readonly callIds: CallIdRule | undefined;
  /** Field that marks a content part for the prompt cache; undefined where caching needs no marks, or takes none there. */
  readonly cacheMark: (model: string, place: "prompt" | "answer") => JsonRecord | undefined;
  /** Results of tools may hold what a user's message may; elsewhere they are text. */
  readonly toolMedia: boolean;
  /** Has fields of its own for what an earlier answer held: `reasoning_details` and `images`. */
  readonly answerExtras: boolean;
  /** Field for an earlier turn's reasoning; undefined where the wire has no place for it. */
  readonly reasoningField: "reasoning_content" | "reasoning" | "thinking-part" | undefined;
  /** Body fields for each effort; an effort that is missing is not supported. */
  readonly efforts: { readonly [effort: number]: JsonRecord };
  /** Body fields for a budget of reasoning tokens; undefined where there is none. */
  readonly reasoningBudget: ((tokens: number) => JsonRecord) | undefined;
  /** Content part for a document by its address; undefined where documents are sent as bytes only. */
  readonly fileUri: ((uri: string, filename: string) => JsonRecord & { readonly type: string }) | undefined;
}

/** OpenAI's limit, "string too long. Expected a string with maximum length 40" (vercel/ai issue 5171, 2026-11). */
const SHORT_IDS: CallIdRule = { fits: /^.{1,40}$/s, length: 40 };

/** Mistral's "must be a-z, A-Z, 0-9, with a length of 9" (opencode issue 1680, 2026-11). */
const NINE_CHARACTERS: CallIdRule = { fits: /^[a-zA-Z0-9]{9}$/, length: 9 };

function eachEffort(fields: (word: string) => JsonRecord): Record<number, JsonRecord> {
  return Object.fromEntries(effortWords.map(([effort, word]) => [effort, fields(word)]));
}

const effortField = eachEffort((word) => ({ reasoning_effort: word }));

/** Servers that only turn reasoning on and off: the usual effort is on, others cannot be told apart. */
function toggle(off: JsonRecord, on: JsonRecord): Record<number, JsonRecord> {
  return { [ReasoningEffort.NONE]: off, [ReasoningEffort.MEDIUM]: on };
}

const cacheControl = { cache_control: { type: "ephemeral" } };

export const defaultQuirks: Quirks = {
  unsupported: new Set(),
  maxTokensField: "max_tokens",
  seedField: "seed",
  requiredWord: "required",
  askForUsage: true,
  textLists: true,
  callIds: undefined,
  cacheMark: () => undefined,
  toolMedia: false,
  answerExtras: false,
  reasoningField: "reasoning_content",
  efforts: effortField,
  reasoningBudget: undefined,
  fileUri: undefined,
};

function quirks(unsupported: readonly Feature[], more: Partial<Quirks> = {}): Quirks {
  return { ...defaultQuirks, ...more, unsupported: new Set(unsupported) };
}

/** OpenAI refuses `max_tokens` on reasoning models and takes the newer field on all; it hides reasoning. */
const openai = quirks(["top_k"], {
  maxTokensField: "max_completion_tokens",
  reasoningField: undefined,
  callIds: SHORT_IDS,
  cacheMark: (model, place) => (place === "prompt" && takesBreakpoints(model) ? BREAKPOINT : undefined),
});

/** Quirks by preset. Sources: each provider's API reference and the recorded exchanges, 2026-11. */
export const quirksByPreset: Readonly<Record<string, Quirks>> = {
  openai,
  "azure-openai": openai,
  groq: quirks(["top_k", "logprobs", "audio", "file"], {
    maxTokensField: "max_completion_tokens",
    reasoningField: "reasoning",
  }),
  mistral: quirks(["top_k", "logprobs"], {
    seedField: "random_seed",
    requiredWord: "any",
    askForUsage: false,
    callIds: NINE_CHARACTERS,
    reasoningField: "thinking-part",
    fileUri: (uri) => ({ type: "document_url", document_url: uri }),
  }),
  // Strict tools are for its beta address alone; this one passes over the wish (vercel/ai#19387, langchain#40029, 2026-08).
  deepseek: quirks(["top_k", "seed", "tools.strict", "response_format.json_schema", "image", "audio", "file"], {
    textLists: false,
    efforts: {
      ...eachEffort((word) => ({ thinking: { type: "enabled" }, reasoning_effort: word })),
      [ReasoningEffort.NONE]: { thinking: { type: "disabled" } },
    },
  }),
  xai: quirks(["top_k", "audio", "file"]),
  together: quirks(["audio", "file"], { reasoningField: "reasoning" }),
  fireworks: quirks(["audio", "file"]),
  openrouter: quirks([], {
    reasoningField: "reasoning",
    callIds: SHORT_IDS,
    cacheMark: () => cacheControl,
    toolMedia: true,
    answerExtras: true,
    efforts: eachEffort((word) => ({ reasoning: { effort: word } })),
    reasoningBudget: (tokens) => ({ reasoning: { max_tokens: tokens } }),
    fileUri: (uri, filename) => ({ type: "file", file: { filename, file_data: uri } }),
  }),
  perplexity: quirks(["seed", "logprobs", "tools", "parallel_tool_calls", "response_format.json_object", "audio"], {
    reasoningField: undefined,
    fileUri: (uri) => ({ type: "file_url", file_url: { url: uri } }),
  }),
  cerebras: quirks(["top_k", "frequency_penalty", "presence_penalty", "image", "audio", "file"], {
    maxTokensField: "max_completion_tokens",
    reasoningField: "reasoning",
  }),
  moonshot: quirks(["top_k", "seed", "logprobs", "tool_choice.required", "tool_choice.tool_name", "audio", "file"], {
    efforts: toggle({ thinking: { type: "disabled" } }, { thinking: { type: "enabled" } }),
  }),
  // With marks it caches for certain, without them by chance (Model Studio, "Context Cache", read 2026-11).
  alibaba: quirks(["file"], {
    cacheMark: (_, place) => (place === "prompt" ? cacheControl : undefined),
    efforts: toggle({ enable_thinking: false }, { enable_thinking: true }),
    reasoningBudget: (tokens) =>
      tokens === 0 ? { enable_thinking: false } : { enable_thinking: true, thinking_budget: tokens },
  }),
  // Ollama's compatible endpoint takes and ignores what it does not know: refused here, so that nothing is lost.
  ollama: quirks(
    [
      "top_k",
      "tools.strict",
      "tool_choice.required",
      "tool_choice.none",
      "tool_choice.tool_name",
      "parallel_tool_calls",
      "image.uri",
      "image.detail",
      "audio",
      "file",
    ],
    { reasoningField: "reasoning" },
  ),
  vllm: quirks(["file"]),
  llamacpp: quirks(["file"]),
  lmstudio: quirks(["audio", "file"]),
  huggingface: quirks(["top_k", "audio", "file"]),
};

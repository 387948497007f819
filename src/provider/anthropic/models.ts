import { ReasoningEffort } from "../../domain/contract.ts";

/** What differs between families of models. */
export interface Family {
  /** Longest answer, tokens: sent where the caller sets no limit, since the wire wants one. */
  readonly maxTokens: number;
  /** How thinking is asked for: not at all, by a budget of tokens, by effort (adaptive), or by either. */
  readonly thinking: "none" | "budget" | "effort" | "either";
  /** `thinking.type` that turns it off; undefined where that cannot be. */
  readonly off: "disabled" | "between_tools" | undefined;
  /** Thinking comes without its text unless a summary is asked for. */
  readonly hidesThinking: boolean;
  /** Words for efforts; where thinking is by budget alone, see `budgets`. */
  readonly efforts: { readonly [effort: number]: string };
  /** `temperature`, `top_p` and `top_k` are taken. */
  readonly sampling: boolean;
  /** … `temperature` and `top_p` in one request, too. */
  readonly bothSamplings: boolean;
  /** `output_config.format` and strict tools. */
  readonly schemas: boolean;
  /** A call of some or of one tool can be forced. */
  readonly forcedTools: boolean;
  /** System messages may come after the conversation's first message. */
  readonly lateSystem: boolean;
}

const words = {
  [ReasoningEffort.MINIMAL]: "low",
  [ReasoningEffort.LOW]: "low",
  [ReasoningEffort.MEDIUM]: "medium",
  [ReasoningEffort.HIGH]: "high",
};
const upToMax = { ...words, [ReasoningEffort.XHIGH]: "max" };
const upToXhigh = { ...words, [ReasoningEffort.XHIGH]: "xhigh" };

/**
 * Tokens of thinking for an effort, where the wire has no words for it: from the API's minimum to the most that its
 * guide recommends outside of batches. At most half of the answer's limit is used for it.
 */
export const budgets: { readonly [effort: number]: number } = {
  [ReasoningEffort.MINIMAL]: 1024,
  [ReasoningEffort.LOW]: 4096,
  [ReasoningEffort.MEDIUM]: 10_000,
  [ReasoningEffort.HIGH]: 16_000,
  [ReasoningEffort.XHIGH]: 32_000,
};

export const MIN_BUDGET = 1024;

const claude3: Family = {
  maxTokens: 4096,
  thinking: "none",
  off: undefined,
  hidesThinking: false,
  efforts: {},
  sampling: true,
  bothSamplings: true,
  schemas: false,
  forcedTools: true,
  lateSystem: false,
};
const claude35: Family = { ...claude3, maxTokens: 8192 };
const claude4: Family = { ...claude3, maxTokens: 64_000, thinking: "budget", off: "disabled" };
const opus4: Family = { ...claude4, maxTokens: 32_000 };
const claude45: Family = { ...claude4, bothSamplings: false, schemas: true };
const claude46: Family = { ...claude45, maxTokens: 128_000, thinking: "either", efforts: upToMax };
const opus47: Family = { ...claude46, thinking: "effort", hidesThinking: true, efforts: upToXhigh, sampling: false };
const opus48: Family = { ...opus47, lateSystem: true };
const fable5: Family = { ...opus48, off: undefined };
const fable51: Family = { ...fable5, forcedTools: false };

/** Anthropic's next models: asked for what the newest can do; what they cannot, the API refuses. */
const newest: Family = { ...opus48, maxTokens: 64_000, sampling: true, bothSamplings: true };

/** Models of others, behind servers that speak this dialect. */
const foreign: Family = { ...claude3, maxTokens: 8192, thinking: "budget", off: "disabled" };

/**
 * Families by the names of their models, with all dots as hyphens; the first that fits. Sources: Claude API docs,
 * "Models overview", "Extended thinking", "Adaptive thinking", "Effort", "Structured outputs", "Mid-conversation system
 * messages" and the migration guides; for 5.5 also the model table of `@ai-sdk/anthropic` 4.0.105; read 2026-11.
 */
const families: readonly (readonly [name: RegExp, family: Family])[] = [
  [/sonnet-5-5/, { ...opus47, off: "between_tools", forcedTools: false }],
  [/opus-5-5/, fable51],
  [/haiku-5-5/, opus47],
  [/(fable|mythos)-5-[12](?!\d)/, fable51],
  [/fable-5|mythos/, fable5],
  [/opus-4-8|opus-5/, opus48],
  [/opus-4-7|sonnet-5/, opus47],
  [/(opus|sonnet)-4-6/, claude46],
  [/(opus|sonnet|haiku)-4-5/, claude45],
  [/opus-4-1/, { ...opus4, bothSamplings: false }],
  [/opus-4/, opus4],
  [/sonnet-4|3-7-sonnet/, claude4],
  [/3-5-(sonnet|haiku)/, claude35],
  [/claude-(3|2|v2|instant)/, claude3],
  [/claude/, newest],
];

export function familyOf(model: string): Family {
  const name = model.toLowerCase().replaceAll(".", "-");
  return families.find(([pattern]) => pattern.test(name))?.[1] ?? foreign;
}

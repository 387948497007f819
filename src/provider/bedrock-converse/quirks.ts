import { ReasoningEffort } from "../../domain/contract.ts";
import type { JsonRecord } from "../json.ts";

/**
 * How models behind Converse differ: it passes `additionalModelRequestFields` on to them as they are, and refuses what
 * a model does not know. Data, one row for each family.
 */
export interface Family {
  /** Marks for the prompt cache are understood; others cache by themselves or not at all, and refuse the marks. */
  readonly cachePoints: boolean;
  /** `outputConfig.textFormat` holds the answer to a schema; where false, a forced tool does. */
  readonly schemas: boolean;
  /** A tool can be forced. */
  readonly forcesTools: boolean;
  /** Reasoning and a forced tool exclude each other. */
  readonly reasonsFreely: boolean;
  /** Fields for `top_k`; undefined where there are none. */
  readonly topK: ((k: number) => JsonRecord) | undefined;
  /** Fields for each effort; one that is missing is not supported. */
  readonly efforts: { readonly [effort: number]: JsonRecord };
  /** Fields for a budget of reasoning tokens; undefined for a budget that cannot be set. */
  readonly budget: (tokens: number) => JsonRecord | undefined;
  /** Fields that allow one tool call at a time; undefined where nothing does. */
  readonly oneCall: JsonRecord | undefined;
}

const plain: Family = {
  cachePoints: false,
  schemas: true,
  forcesTools: true,
  reasonsFreely: true,
  topK: undefined,
  efforts: {},
  budget: () => undefined,
  oneCall: undefined,
};

const words: readonly (readonly [ReasoningEffort, string])[] = [
  [ReasoningEffort.NONE, "none"],
  [ReasoningEffort.LOW, "low"],
  [ReasoningEffort.MEDIUM, "medium"],
  [ReasoningEffort.HIGH, "high"],
  [ReasoningEffort.XHIGH, "xhigh"],
];

function efforts(known: readonly string[], fields: (word: string) => JsonRecord): Record<number, JsonRecord> {
  return Object.fromEntries(
    words.filter(([, word]) => known.includes(word)).map(([effort, word]) => [effort, fields(word)]),
  );
}

const thinkingOff = { thinking: { type: "disabled" } };

function thinkingBudget(tokens: number): JsonRecord {
  return tokens === 0 ? thinkingOff : { thinking: { type: "enabled", budget_tokens: tokens } };
}

function adaptive(...known: string[]): Record<number, JsonRecord> {
  return efforts(known, (word) =>
    word === "none" ? thinkingOff : { thinking: { type: "adaptive" }, output_config: { effort: word } },
  );
}

const claude: Family = {
  ...plain,
  cachePoints: true,
  schemas: false,
  reasonsFreely: false,
  topK: (k) => ({ top_k: k }),
};

/** Claude from 4.5 on: one call at a time is a setting, in this form (BerriAI/litellm#34347, 2026-07). */
const newerClaude: Family = {
  ...claude,
  oneCall: { tool_choice: { type: "auto", disable_parallel_tool_use: true } },
};

/** Thinks by a budget of tokens only; an effort is one of none. */
const budgeted: Pick<Family, "efforts" | "budget"> = { efforts: adaptive("none"), budget: thinkingBudget };

/** Answers and calls tools, and can be told nothing more. */
const simple: Family = { ...plain, schemas: false, forcesTools: false };

/**
 * Rows are tried in order, against a model's id or ARN. Sources: Bedrock user guide, "Adaptive thinking", "Get
 * validated JSON results", "Prompt caching", "Tool use"; Amazon Nova user guides; recorded exchanges; for OpenAI's models
 * anomalyco/opencode#48195. All read 2026-11.
 */
const families: readonly (readonly [pattern: RegExp, family: Family])[] = [
  // They always think, and only their effort can be set.
  [/claude-(fable|mythos)/, { ...newerClaude, efforts: adaptive("low", "medium", "high", "xhigh") }],
  [
    /claude-(opus|sonnet|haiku)-4-6/,
    { ...newerClaude, ...budgeted, schemas: true, efforts: adaptive("none", "low", "medium", "high") },
  ],
  // Converse has no schemas for these (truefoundry/models#1314, vercel/ai#19988, 2026-08).
  [
    /claude-((opus|sonnet|haiku)-4-[7-9]|(opus|sonnet|haiku)-([5-9]|\d\d)\b)/,
    { ...newerClaude, efforts: adaptive("none", "low", "medium", "high", "xhigh") },
  ],
  [/claude-(opus|sonnet|haiku)-4-5/, { ...newerClaude, ...budgeted, schemas: true }],
  [/claude-opus-4-1/, { ...claude, ...budgeted, schemas: true }],
  [/claude-(3-7|(opus|sonnet)-4)/, { ...claude, ...budgeted }],
  [/claude-3-5-(haiku|sonnet-20241022)/, claude],
  [/claude/, { ...claude, cachePoints: false }],
  [
    /amazon\.nova-2/,
    {
      ...plain,
      cachePoints: true,
      schemas: false,
      topK: (k) => ({ inferenceConfig: { topK: k } }),
      efforts: efforts(["none", "low", "medium", "high"], (word) => ({
        reasoningConfig: word === "none" ? { type: "disabled" } : { type: "enabled", maxReasoningEffort: word },
      })),
      budget: (tokens) => (tokens === 0 ? { reasoningConfig: { type: "disabled" } } : undefined),
    },
  ],
  [/amazon\.nova/, { ...plain, cachePoints: true, schemas: false, topK: (k) => ({ inferenceConfig: { topK: k } }) }],
  [
    /openai\.gpt-oss/,
    { ...plain, efforts: efforts(["low", "medium", "high"], (word) => ({ reasoning_effort: word })) },
  ],
  [
    /openai\.gpt/,
    {
      ...plain,
      efforts: efforts(["none", "low", "medium", "high", "xhigh"], (word) => ({ reasoning: { effort: word } })),
    },
  ],
  [/mistral\.(mistral-7b|mixtral|mistral-(large|small)-24|pixtral)/, { ...plain, schemas: false, topK: mistralTopK }],
  [/cohere\.command/, { ...simple, topK: (k) => ({ k }) }],
  [/(meta\.llama|ai21\.|amazon\.titan|deepseek\.r1)/, simple],
  // The ARN hides the model: what cannot be told is left to the service to refuse.
  [/(application-inference-profile|provisioned-model|custom-model|prompt-router)/, { ...plain, cachePoints: true }],
];

function mistralTopK(k: number): JsonRecord {
  return { top_k: k };
}

export function findFamily(model: string): Family {
  return families.find(([pattern]) => pattern.test(model))?.[1] ?? plain;
}

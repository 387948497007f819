import { ReasoningEffort } from "../../domain/contract.ts";
import type { JsonRecord } from "../json.ts";

/** How a family of models is told how much to think. An effort that is missing is not supported. */
export interface Family {
  readonly name: RegExp;
  /** Fields of `thinkingConfig` for each effort. */
  readonly efforts: { readonly [effort: number]: JsonRecord };
  /** Takes a budget in tokens; `0` only where `canStop`. */
  readonly budget: boolean;
  readonly canStop: boolean;
  /** Calls must bring their signature back, or a stand-in for it; and results of tools may hold pictures. */
  readonly generation3: boolean;
}

const off = { thinkingBudget: 0 };

/** Google's own mapping of efforts, for its OpenAI-compatible endpoint; the highest is the model's limit. */
function budgets(most: number): Record<number, JsonRecord> {
  return {
    [ReasoningEffort.MINIMAL]: { thinkingBudget: 1024 },
    [ReasoningEffort.LOW]: { thinkingBudget: 1024 },
    [ReasoningEffort.MEDIUM]: { thinkingBudget: 8192 },
    [ReasoningEffort.HIGH]: { thinkingBudget: 24_576 },
    [ReasoningEffort.XHIGH]: { thinkingBudget: most },
  };
}

/** "As little" and "as much as it can" are the ends of what a model has. */
function levels(least: "MINIMAL" | "LOW", medium = true): Record<number, JsonRecord> {
  return {
    [ReasoningEffort.MINIMAL]: { thinkingLevel: least },
    [ReasoningEffort.LOW]: { thinkingLevel: "LOW" },
    ...(medium ? { [ReasoningEffort.MEDIUM]: { thinkingLevel: "MEDIUM" } } : {}),
    [ReasoningEffort.HIGH]: { thinkingLevel: "HIGH" },
    [ReasoningEffort.XHIGH]: { thinkingLevel: "HIGH" },
  };
}

const none = { efforts: {}, budget: false, canStop: false, generation3: false };
const third = { budget: true, canStop: false, generation3: true };

/**
 * The first whose name fits. Generation 3 has levels and still takes budgets; it cannot be told to stop thinking.
 * Sources: "Thinking" in the docs of the Gemini API and of Vertex AI, and their guides to each model, 2026-11.
 */
const families: readonly Family[] = [
  { ...none, name: /^(gemini-(1|2\.0|2\.5-flash-image|2\.5-[a-z-]*tts)|gemma|learnlm)/ },
  {
    name: /^gemini-2\.5-pro|^gemini-2\.5-computer-use/,
    efforts: budgets(32_768),
    budget: true,
    canStop: false,
    generation3: false,
  },
  {
    name: /^gemini-(2\.5|robotics-er-1)/,
    efforts: { ...budgets(24_576), [ReasoningEffort.NONE]: off },
    budget: true,
    canStop: true,
    generation3: false,
  },
  { ...third, name: /^gemini-3-pro-image/, efforts: {}, budget: false },
  { ...third, name: /^gemini-3-pro/, efforts: levels("LOW", false) },
  { ...third, name: /^gemini-(\d[\d.]*-pro|pro-latest|3\.[78]-flash(?!-lite))/, efforts: levels("LOW") },
];

/** What comes next is like the newest that there is. */
const newest: Family = { ...third, name: /(?:)/, efforts: levels("MINIMAL") };

/** The family of a model, whatever collection its name begins with. */
export function familyOf(model: string): Family {
  const name = model.slice(model.lastIndexOf("/") + 1);
  return families.find((family) => family.name.test(name)) ?? newest;
}

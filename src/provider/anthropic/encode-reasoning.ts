import { ReasoningEffort } from "../../domain/contract.ts";
import type { JsonRecord } from "../json.ts";
import { unsupported } from "../unsupported.ts";
import { budgets, MIN_BUDGET } from "./models.ts";
import type { Scope } from "./scope.ts";

export interface Thinking {
  readonly thinking?: JsonRecord;
  /** For `output_config.effort`. */
  readonly effort?: string;
  /** Thinking by a budget: it bars some other fields. */
  readonly budgeted: boolean;
}

const UNSAID: Thinking = { budgeted: false };

export function encodeReasoning(scope: Scope): Thinking {
  const amount = scope.prompt.reasoning?.amount;
  switch (amount?.case) {
    case "effort":
      return amount.value === ReasoningEffort.NONE
        ? off("prompt.reasoning.effort", scope)
        : byEffort(amount.value, scope);
    case "budgetTokens":
      return amount.value === 0 ? off("prompt.reasoning.budget_tokens", scope) : byBudget(amount.value, scope);
    default:
      return UNSAID;
  }
}

function off(field: string, { family, target }: Scope): Thinking {
  if (family.thinking === "none") return UNSAID;
  if (family.off === undefined) {
    throw unsupported(field, target, "this model always thinks: ask for less or choose another model");
  }
  return { thinking: { type: family.off }, budgeted: false };
}

function byEffort(effort: ReasoningEffort, { family, target, maxTokens }: Scope): Thinking {
  const field = "prompt.reasoning.effort";
  const word = family.efforts[effort];
  if (word !== undefined) {
    return {
      thinking: { type: "adaptive", ...(family.hidesThinking ? { display: "summarized" } : {}) },
      effort: word,
      budgeted: false,
    };
  }
  const tokens = budgets[effort];
  if (family.thinking === "none" || tokens === undefined) throw unsupported(field, target);
  if (maxTokens <= MIN_BUDGET) {
    throw unsupported(field, target, `set prompt.max_output_tokens above ${MIN_BUDGET} or leave it out`);
  }
  return budgeted(Math.max(MIN_BUDGET, Math.min(tokens, Math.floor(maxTokens / 2))));
}

function byBudget(tokens: number, { family, target, maxTokens }: Scope): Thinking {
  const field = "prompt.reasoning.budget_tokens";
  if (family.thinking === "none") throw unsupported(field, target);
  if (family.thinking === "effort") throw unsupported(field, target, "give an effort instead or choose another model");
  if (tokens < MIN_BUDGET) throw unsupported(field, target, `give at least ${MIN_BUDGET}, or 0 to turn it off`);
  if (tokens >= maxTokens) throw unsupported(field, target, `give less than prompt.max_output_tokens (${maxTokens})`);
  return budgeted(tokens);
}

function budgeted(tokens: number): Thinking {
  return { thinking: { type: "enabled", budget_tokens: tokens }, budgeted: true };
}

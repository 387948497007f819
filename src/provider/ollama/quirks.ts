import { ReasoningEffort } from "../../domain/contract.ts";

/** `think` for each effort; an effort that is missing is not supported. */
type Efforts = { readonly [effort: number]: boolean | string };

/** Models whose thinking has levels and cannot be turned off. A level that a model does not know is its default. */
const levels: Efforts = {
  [ReasoningEffort.LOW]: "low",
  [ReasoningEffort.MEDIUM]: "medium",
  [ReasoningEffort.HIGH]: "high",
};

/** All others think or don't: the usual effort is on, others cannot be told apart. */
const toggle: Efforts = { [ReasoningEffort.NONE]: false, [ReasoningEffort.MEDIUM]: true };

/** Source: Ollama docs, "Thinking", read 2026-11. Names may have a namespace before and a tag after. */
const byModel: readonly (readonly [model: RegExp, efforts: Efforts])[] = [[/(^|\/)gpt-oss\b/i, levels]];

export function effortsOf(model: string): Efforts {
  return byModel.find(([pattern]) => pattern.test(model))?.[1] ?? toggle;
}

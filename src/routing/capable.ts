import { ErrorReason, type Prompt } from "../domain/contract.ts";
import { GatewayError } from "../domain/error.ts";
import type { Capabilities, Feature } from "../models/capabilities.ts";
import type { CapabilityBook } from "../models/capability-book.ts";
import type { Target } from "../provider/upstream.ts";
import { type Demands, readDemands } from "./demands.ts";
import { boundLeastTokens } from "./least-tokens.ts";

/** A prompt counts as too long only where its least tokens pass the window by this factor. */
const MARGIN = 1.1;

/** Hears of a target that is left out. */
type OnLack = (target: Target, lack: GatewayError) => void;

/**
 * Leaves the targets that can do what a prompt asks for, in their order; the given list itself where that is all. Throws
 * `FEATURE_UNSUPPORTED` or `CONTEXT_LENGTH_EXCEEDED`, telling what the first one lacks, where there is none.
 */
export function capableTargets(
  targets: readonly Target[],
  prompt: Prompt,
  book: CapabilityBook,
  onLack?: OnLack,
): readonly Target[] {
  const demands = readDemands(prompt);
  let firstLack: GatewayError | undefined;
  let capable: Target[] | undefined;
  for (let at = 0; at < targets.length; at++) {
    const target = targets[at];
    if (target === undefined) continue;
    const lack = findLack(target, prompt, demands, book);
    if (lack === undefined) {
      capable?.push(target);
    } else {
      firstLack ??= lack;
      onLack?.(target, lack);
      capable ??= targets.slice(0, at);
    }
  }
  if (firstLack !== undefined && capable?.length === 0) throw targets.length === 1 ? firstLack : ofAll(firstLack);
  return capable ?? targets;
}

function ofAll(firstLack: GatewayError): GatewayError {
  return firstLack.reworded((message) => `${message} No other target of this model can do all that is asked either.`);
}

/** What a target is known to lack of what is asked; undefined where it has everything, or nobody knows. */
function findLack(target: Target, prompt: Prompt, demands: Demands, book: CapabilityBook): GatewayError | undefined {
  const { provider, model } = target;
  const capabilities = book.find(provider.name, model);
  for (const [feature, field] of demands.features) {
    if (capabilities.cannot.has(feature)) {
      return refusal(
        ErrorReason.FEATURE_UNSUPPORTED,
        field,
        target,
        `${LACKS[feature]}; leave it out or choose another model`,
      );
    }
  }
  // Options of the provider's own can widen its limits, or have it shorten the prompt.
  if (Object.hasOwn(prompt.providerOptions, provider.name)) return undefined;
  return findExcess(target, demands, capabilities);
}

function findExcess(
  target: Target,
  demands: Demands,
  { contextWindow, maxOutputTokens }: Capabilities,
): GatewayError | undefined {
  const asked = demands.maxOutputTokens;
  if (asked !== undefined && maxOutputTokens !== undefined && asked > maxOutputTokens) {
    return refusal(
      ErrorReason.FEATURE_UNSUPPORTED,
      "prompt.max_output_tokens",
      target,
      `answers with at most ${maxOutputTokens} tokens; ask for no more, or choose another model`,
    );
  }
  if (contextWindow === undefined || boundLeastTokens(demands.length) <= contextWindow) return undefined;
  const tokens = demands.leastTokens();
  if (tokens <= contextWindow * MARGIN) return undefined;
  return refusal(
    ErrorReason.CONTEXT_LENGTH_EXCEEDED,
    "prompt.messages",
    target,
    `takes prompts of at most ${contextWindow} tokens, and this one has at least ${tokens}; shorten it or choose another model`,
  );
}

const LACKS: Readonly<Record<Feature, string>> = {
  image: "takes no pictures",
  audio: "takes no sound",
  pdf: "takes no PDFs",
  image_output: "draws no pictures",
  audio_output: "speaks no sound",
  tools: "calls no tools",
  structured_output: "follows no JSON schema",
  reasoning: "does not reason",
  sampling: "lets nobody set this",
};

function refusal(reason: ErrorReason, field: string, { provider, model }: Target, lacks: string): GatewayError {
  return new GatewayError(reason, `${field}: ${provider.name}/${model} ${lacks}.`, {
    metadata: { provider: provider.name, model },
    violations: [{ field, description: lacks }],
  });
}

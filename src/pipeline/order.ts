import type { Answer, Stage } from "../domain/call.ts";
import type { Clock, Random } from "../domain/clock.ts";
import type { Prompt, RoutingDecision } from "../domain/contract.ts";
import { computeCost } from "../pricing/cost.ts";
import type { PriceBook } from "../pricing/price-book.ts";
import { type Target, targetName } from "../provider/upstream.ts";
import { cascade, cheapest, fastest, type Order, type Strategy, weighted } from "../routing/balance.ts";
import { guessPromptTokens } from "./prompt-tokens.ts";
import type { OrderedCall, Ordering, ResolvedCall } from "./stages.ts";

/**
 * How long a call of so many output tokens (undefined: it does not say) is expected to wait for its first token at a
 * target, ms; 0 where nothing is known. As `Latency.score` of the routing room has it.
 */
type ScoreOf = (target: Target, maxOutputTokens: number | undefined) => number;

export interface OrderOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly prices: PriceBook;
  readonly scoreOf: ScoreOf;
}

/** Tokens of an answer whose call sets no bound. */
const USUAL_OUTPUT_TOKENS = 500;

/**
 * Puts the targets that can do what a call asks into the order that its strategy wants, and says so: to those who
 * watch, and to a caller that wants to know.
 */
export function order(options: OrderOptions): Stage<ResolvedCall, OrderedCall> {
  return (next) => (call) => {
    const { candidates, ordering, decision } = call;
    const { targets, reason } = strategies[ordering.strategy](candidates, call, options);
    const explains = call.handling?.routing?.explain === true;
    if (call.isAlias || explains) {
      // Where there is nothing to choose, nothing was chosen.
      const words = call.isAlias ? reason : "direct";
      decision.reason = decision.reason === "" ? words : `${decision.reason} ${words}`;
      decision.targets = targets.map(targetName);
      if (call.isAlias) call.watch.routed(decision);
    }
    const answer = next({ ...call, targets });
    return explains ? answer.then((begun) => explain(begun, decision)) : answer;
  };
}

type Strategist = (candidates: readonly Target[], call: ResolvedCall, options: OrderOptions) => Order<Target>;

const strategies: { readonly [S in Strategy]: Strategist } = {
  cascade: (candidates) => cascade(candidates),
  weighted: (candidates, { ordering }, { random }) => byWeight(candidates, ordering, random),
  cheapest: (candidates, { prompt }, options) => byCost(candidates, prompt, options),
  fastest: (candidates, { prompt }, { scoreOf, random }) =>
    fastest(candidates, (target) => scoreOf(target, prompt.maxOutputTokens), random),
};

function byWeight(candidates: readonly Target[], { weights, stickyKey }: Ordering, random: Random): Order<Target> {
  const choices = candidates.map((target) => {
    const name = targetName(target);
    return { target, name, weight: weights === undefined ? 1 : (weights.get(name) ?? 0) };
  });
  return weighted(choices, stickyKey, random);
}

/** The same tokens for each target, counted once and roughly: what differs is their price. */
function byCost(candidates: readonly Target[], prompt: Prompt, { prices, clock }: OrderOptions): Order<Target> {
  const inputTokens = guessPromptTokens(prompt);
  const outputTokens = prompt.maxOutputTokens ?? USUAL_OUTPUT_TOKENS;
  const usage = { $typeName: "sluice.v1.Usage", inputTokens, outputTokens, estimated: true } as const;
  const atMs = clock.wallNow();
  return cheapest(candidates, ({ provider, model }) => {
    const { name, catalogueProvider } = provider;
    const price = prices.find({ provider: name, catalogueProvider, models: [model], atMs });
    const cost = price === undefined ? undefined : computeCost(price, usage);
    return cost === undefined ? undefined : Number(cost.totalNanoUsd);
  });
}

/** The start of an answer is among what comes first. */
function explain(answer: Answer, decision: RoutingDecision): Answer {
  for (const event of answer.first) if (event.case === "start") event.value.routing = decision;
  return answer;
}

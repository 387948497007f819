import type { Clock } from "../domain/clock.ts";
import { AttemptOutcome, type Cost, ErrorReason, type Prompt, type Usage } from "../domain/contract.ts";
import { computeCost, type Price } from "../pricing/cost.ts";
import { createTokenCounter, estimateTokens } from "../pricing/estimate.ts";
import type { PriceBook } from "../pricing/price-book.ts";
import type { Target } from "../provider/upstream.ts";
import type { Delivered } from "./delivered.ts";
import { countPromptTokens } from "./prompt-tokens.ts";

/** How an attempt ended, as far as money goes. */
export interface Billing {
  readonly target: Target;
  readonly prompt: Prompt;
  readonly outcome: AttemptOutcome;
  readonly reason: ErrorReason;
  /** HTTP status of the upstream's answer; 0 where there was none. */
  readonly status: number;
  /** As the upstream reported it; empty where it did not. */
  readonly servedModel: string;
  /** Reported so far. */
  readonly usage: Usage | undefined;
  /** What the provider bills, where it reported that apart. */
  readonly billed: Usage | undefined;
  /** The reports are the last word: the model was done. */
  readonly usageIsFinal: boolean;
  readonly delivered: Delivered;
}

export interface InputBilling extends Pick<Billing, "target" | "outcome" | "reason" | "status" | "servedModel"> {
  readonly usage: Usage | undefined;
  /** Tokens of what was given, for where nothing was reported. */
  readonly count: () => number;
}

export interface Account {
  /** Undefined where the upstream did nothing that it would bill. */
  readonly usage: Usage | undefined;
  /** Undefined where nobody knows the price, or there is nothing to pay. */
  readonly cost: Cost | undefined;
}

/** Settles what attempts used and cost: by the upstream's report or, failing that, by the gateway's own count. */
export class Accounts {
  readonly #prices: PriceBook;
  readonly #clock: Clock;

  constructor(prices: PriceBook, clock: Clock) {
    this.#prices = prices;
    this.#clock = clock;
  }

  /** What a target is likely to take for this prompt, nano-USD; undefined where its price is not known. */
  estimate(target: Target, prompt: Prompt): number | undefined {
    const price = this.#findPrice(target, [target.model]);
    if (price === undefined) return undefined;
    const inputTokens = countPromptTokens(prompt, target.model);
    const outputTokens = prompt.maxOutputTokens ?? USUAL_OUTPUT_TOKENS;
    const cost = computeCost(price, { $typeName: "sluice.v1.Usage", inputTokens, outputTokens, estimated: true });
    return cost === undefined ? undefined : Number(cost.totalNanoUsd);
  }

  settle(billing: Billing): Account {
    const usage = toUsage(billing);
    return this.#price(billing, usage, billing.usageIsFinal ? (billing.billed ?? usage) : usage);
  }

  /** Settles a request for vectors: what it was given is all that is paid for. */
  settleInput(billing: InputBilling): Account {
    const usage = toInputUsage(billing);
    return this.#price(billing, usage, usage);
  }

  /** `counts`: what is paid for. */
  #price(
    { target, servedModel }: InputBilling | Billing,
    usage: Usage | undefined,
    counts: Usage | undefined,
  ): Account {
    if (usage === undefined || counts === undefined) return NOTHING;
    const price = this.#findPrice(target, [servedModel, target.model]);
    return { usage, cost: price === undefined ? undefined : computeCost(price, counts) };
  }

  #findPrice({ provider }: Target, models: readonly string[]): Price | undefined {
    const { name, catalogueProvider } = provider;
    return this.#prices.find({ provider: name, catalogueProvider, models, atMs: this.#clock.wallNow() });
  }
}

/** Of an answer whose length nobody bounds: what is usual. */
const USUAL_OUTPUT_TOKENS = 500;

const NOTHING: Account = { usage: undefined, cost: undefined };

/** Failures before which no model began, where they come before the head of an answer: nothing was used. */
const unbilled: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.FEATURE_UNSUPPORTED,
  ErrorReason.INVALID_REQUEST,
  ErrorReason.UPSTREAM_UNAUTHENTICATED,
  ErrorReason.UPSTREAM_MODEL_NOT_FOUND,
  ErrorReason.UPSTREAM_UNREACHABLE,
  ErrorReason.UPSTREAM_TLS_FAILED,
  ErrorReason.UPSTREAM_REDIRECTED,
]);

function toUsage({ target, prompt, outcome, reason, status, usage, usageIsFinal, delivered }: Billing) {
  if (usage !== undefined && usageIsFinal && usage.inputTokens !== undefined && usage.outputTokens !== undefined) {
    return usage;
  }
  if (usage === undefined && usedNothing({ outcome, reason, status })) return undefined;
  const counted = countTokens(delivered, target.model);
  const estimated: Usage = {
    $typeName: "sluice.v1.Usage",
    ...usage,
    inputTokens: usage?.inputTokens ?? countPromptTokens(prompt, target.model),
    outputTokens: usageIsFinal ? (usage?.outputTokens ?? counted) : Math.max(usage?.outputTokens ?? 0, counted),
    estimated: true,
  };
  return estimated;
}

function toInputUsage({ usage, count, ...ending }: InputBilling): Usage | undefined {
  if (usage !== undefined) return usage;
  if (usedNothing(ending)) return undefined;
  return { $typeName: "sluice.v1.Usage", inputTokens: count(), estimated: true };
}

/** An upstream that broke off before its head may have begun; one that said no, or was never there, has not. */
function usedNothing({ outcome, reason, status }: Pick<Billing, "outcome" | "reason" | "status">): boolean {
  if (outcome === AttemptOutcome.SUCCEEDED) return false;
  const refused = status !== 0 && (status < 200 || status >= 300);
  return refused || (status === 0 && unbilled.has(reason));
}

function countTokens({ text, scale, toolCalls }: Delivered, model: string): number {
  const framing = createTokenCounter(model);
  for (let call = 0; call < toolCalls; call++) framing.addToolCall();
  return Math.ceil(estimateTokens(text, model) * scale) + framing.total();
}

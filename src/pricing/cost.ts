import type { Cost, Usage } from "../domain/contract.ts";
import type { Rates, RateTable } from "./rates.ts";

/** What a call of one model costs, and who says so. */
export interface Price extends RateTable {
  /** Where the figures are from: `genai-prices 2026-09-23 openai/gpt-4o`. */
  readonly source: string;
  /** Taken off every rate, in millionths of a percent point. */
  readonly discount: number;
}

const HUNDRED_PERCENT = 100_000_000n;
const MILLION = 1_000_000n;

/**
 * What the usage costs. Each part is rounded once, half up, to whole nano-USD; the total is their sum. Undefined where
 * neither the prompt's nor the answer's tokens are known. A count that says more than the count around it is cut.
 */
export function computeCost(price: Price, usage: Usage): Cost | undefined {
  if (usage.inputTokens === undefined && usage.outputTokens === undefined) return undefined;
  const read = usage.cacheReadTokens ?? 0;
  const write = usage.cacheWriteTokens ?? 0;
  const tokens = splitTokens(usage, usage.inputTokens ?? read + write, read, write);
  const rates = ratesFor(price, tokens.prompt);
  const { input = 0, output = 0 } = rates;
  const { cacheRead = input, cacheWrite = input, inputAudio = input, inputImage = input } = rates;

  const parts = new Parts(price.discount);
  const inputNanoUsd = parts.add(
    [tokens.input, input],
    [tokens.inputAudio, inputAudio],
    [tokens.inputImage, inputImage],
  );
  const cacheReadNanoUsd = parts.add(
    [tokens.cacheRead, cacheRead],
    [tokens.cacheReadAudio, rates.cacheReadAudio ?? cacheRead],
    [tokens.cacheReadImage, rates.cacheReadImage ?? cacheRead],
  );
  const cacheWriteNanoUsd = parts.add(
    [tokens.cacheWrite, cacheWrite],
    [tokens.cacheWrite1h, rates.cacheWrite1h ?? cacheWrite],
  );
  const outputNanoUsd = parts.add(
    [tokens.output, output],
    [tokens.reasoning, rates.reasoning ?? output],
    [tokens.outputAudio, rates.outputAudio ?? output],
    [tokens.outputImage, rates.outputImage ?? output],
  );
  const otherNanoUsd = parts.add([1, rates.request ?? 0]);
  return {
    $typeName: "sluice.v1.Cost",
    totalNanoUsd: parts.total,
    inputNanoUsd,
    cacheReadNanoUsd,
    cacheWriteNanoUsd,
    outputNanoUsd,
    otherNanoUsd,
    priceSource: price.source,
    estimated: usage.estimated,
  };
}

/** The rates of a prompt of this many tokens. */
function ratesFor({ rates, tiers }: RateTable, promptTokens: number): Rates {
  let found = rates;
  for (const tier of tiers) {
    if (promptTokens > tier.above) found = tier.rates;
  }
  return found;
}

/**
 * Splits the counts, which include each other, into ones that don't. How many cached tokens were sound or pictures is
 * not reported: as few as the sums allow.
 */
function splitTokens(usage: Usage, prompt: number, reported: number, written: number) {
  const cacheRead = Math.min(reported, prompt);
  const cacheWrite = Math.min(written, prompt - cacheRead);
  const cacheWrite1h = Math.min(usage.cacheWrite1hTokens ?? 0, cacheWrite);
  const fresh = prompt - cacheRead - cacheWrite;
  const audio = Math.min(usage.inputAudioTokens ?? 0, prompt);
  const image = Math.min(usage.inputImageTokens ?? 0, prompt - audio);
  const inputAudio = Math.min(audio, fresh);
  const inputImage = Math.min(image, fresh - inputAudio);
  const cacheReadAudio = Math.min(audio - inputAudio, cacheRead);
  const cacheReadImage = Math.min(image - inputImage, cacheRead - cacheReadAudio);

  const answer = usage.outputTokens ?? 0;
  const reasoning = Math.min(usage.reasoningTokens ?? 0, answer);
  const outputAudio = Math.min(usage.outputAudioTokens ?? 0, answer - reasoning);
  const outputImage = Math.min(usage.outputImageTokens ?? 0, answer - reasoning - outputAudio);
  return {
    prompt,
    inputAudio,
    inputImage,
    input: fresh - inputAudio - inputImage,
    cacheReadAudio,
    cacheReadImage,
    cacheRead: cacheRead - cacheReadAudio - cacheReadImage,
    cacheWrite1h,
    cacheWrite: cacheWrite - cacheWrite1h,
    reasoning,
    outputAudio,
    outputImage,
    output: answer - reasoning - outputAudio - outputImage,
  };
}

class Parts {
  readonly #paid: bigint;
  total = 0n;

  constructor(discount: number) {
    this.#paid = HUNDRED_PERCENT - BigInt(discount);
  }

  /** Adds a part: the sum of tokens, each by its rate for a million. */
  add(...counts: readonly (readonly [tokens: number, rate: number])[]): bigint {
    let sum = 0n;
    for (const [tokens, rate] of counts) {
      if (tokens > 0 && rate > 0) sum += BigInt(tokens) * BigInt(rate);
    }
    if (sum === 0n) return 0n;
    const [paid, unit] =
      this.#paid === HUNDRED_PERCENT ? [sum, MILLION] : [sum * this.#paid, MILLION * HUNDRED_PERCENT];
    const part = (paid + unit / 2n) / unit;
    this.total += part;
    return part;
  }
}

import type { Attempt, Cost } from "../domain/contract.ts";

/**
 * What several attempts cost together. Undefined where none used anything, or where one did whose price nobody knows:
 * a sum that leaves something out would look like the whole.
 */
export function addCosts(attempts: readonly Attempt[]): Cost | undefined {
  let total: Cost | undefined;
  for (const { usage, cost } of attempts) {
    if (cost !== undefined) total = total === undefined ? { ...cost } : add(total, cost);
    else if (usage !== undefined) return undefined;
  }
  return total;
}

function add(a: Cost, b: Cost): Cost {
  return {
    $typeName: "sluice.v1.Cost",
    totalNanoUsd: a.totalNanoUsd + b.totalNanoUsd,
    inputNanoUsd: a.inputNanoUsd + b.inputNanoUsd,
    cacheReadNanoUsd: a.cacheReadNanoUsd + b.cacheReadNanoUsd,
    cacheWriteNanoUsd: a.cacheWriteNanoUsd + b.cacheWriteNanoUsd,
    outputNanoUsd: a.outputNanoUsd + b.outputNanoUsd,
    otherNanoUsd: a.otherNanoUsd + b.otherNanoUsd,
    priceSource: a.priceSource === b.priceSource ? a.priceSource : `${a.priceSource}; ${b.priceSource}`,
    estimated: a.estimated || b.estimated,
  };
}

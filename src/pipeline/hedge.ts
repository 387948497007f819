import type { Clock } from "../domain/clock.ts";
import { toGatewayError } from "../domain/error.ts";
import type { Target } from "../provider/upstream.ts";
import { findHedgeDelay, HEDGE_DEFAULTS, type HedgePolicy, HedgeSpend, pickHedge } from "../routing/hedge.ts";
import type { Accounts } from "./account.ts";
import type { AttemptRun, ChatRequest } from "./attempt-run.ts";
import type { Leave } from "./leaves.ts";
import type { Begin, Begun } from "./pursuit.ts";
import type { RoutedCall } from "./stages.ts";

/** When and where a second target is asked before the first one failed. */
export interface Hedging {
  readonly policy: HedgePolicy;
  /** Undefined: as much as the retry budget allows. */
  readonly spend: HedgeSpend | undefined;
  /** What one more request for this call may cost, nano-USD; undefined where no price is known. */
  readonly costOf: (call: RoutedCall, target: Target) => number | undefined;
}

const HOUR_MS = 3_600_000;

/** `delayMs`: undefined for the target's own; `maxUsdPerHour`: for all hedges of the model together. */
export function createHedging(
  { delayMs, maxUsdPerHour }: { readonly delayMs: number | undefined; readonly maxUsdPerHour: number | undefined },
  accounts: Accounts,
  clock: Clock,
): Hedging {
  return {
    policy: { ...HEDGE_DEFAULTS, delayMs },
    spend: maxUsdPerHour === undefined ? undefined : new HedgeSpend(maxUsdPerHour * 1e9, HOUR_MS, clock),
    costOf: (call, target) => accounts.estimate(target, call.prompt),
  };
}

/** Begins attempts one at a time. */
export const beginAlone: Begin = async (run) => ({ run, answer: await run.begin() });

/**
 * Begins an attempt and, where it has nothing to show after a while, a second one at another target. The first to
 * speak wins, and the other one's request ends at once; both are in the call's accounts. Fails once both have failed.
 */
export function beginHedged(call: RoutedCall, { policy, spend, costOf }: Hedging): Begin {
  return async (first, pursuit) => {
    if (call.handling?.notIdempotent === true) return await beginAlone(first, pursuit);
    const delayMs = findHedgeDelay(policy, pursuit.healthOf(first.target).times[call.delivery]);
    if (delayMs === undefined || delayMs >= call.deadline - pursuit.clock.now())
      return await beginAlone(first, pursuit);
    return await new Promise<Begun>((resolve, reject) => {
      let running = 1;
      let second: AttemptRun | undefined;
      const follow = (run: AttemptRun): void => {
        const wins = (): void => {
          timer.cancel();
          (run === first ? second : first)?.lose();
        };
        run.begin(wins).then(
          (answer) => resolve({ run, answer }),
          (error: unknown) => {
            running--;
            timer.cancel();
            if (running === 0) reject(toGatewayError(error));
          },
        );
      };
      const timer = pursuit.clock.schedule(delayMs, () => {
        const leave = findLeave();
        if (leave === undefined) return;
        running++;
        second = pursuit.start(leave, "hedge");
        follow(second);
      });
      follow(first);
    });

    function findLeave(): Leave<ChatRequest> | undefined {
      const target = pickHedge({
        targets: pursuit.candidates,
        asked: [...pursuit.asked],
        isHealthy: (one) => {
          const { breaker, notBefore } = pursuit.healthOf(one);
          return breaker.state === "closed" && notBefore.waitMs === 0 && pursuit.attemptsLeft > 0;
        },
        budgetOf: (one) => pursuit.healthOf(one).budget,
        costOf: (one) => costOf(call, one),
        spend,
      });
      try {
        return target === undefined ? undefined : pursuit.enter(target);
      } catch {
        // It cannot do what is asked: the call waits for the first one.
        return undefined;
      }
    }
  };
}

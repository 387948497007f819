import fc from "fast-check";
import { beforeEach, describe, expect, test } from "vitest";
import {
  FirstTokenTimes,
  findHedgeDelay,
  HEDGE_DEFAULTS,
  type HedgeChoice,
  HedgeSpend,
  pickHedge,
} from "../../src/routing/hedge.ts";
import { RETRY_BUDGET_DEFAULTS, RetryBudget } from "../../src/routing/retry-budget.ts";
import { createManualClock, type ManualClock } from "../pipeline/manual-clock.ts";
import { createRandom } from "./random.ts";

let clock: ManualClock;
let times: FirstTokenTimes;

beforeEach(() => {
  clock = createManualClock();
  times = new FirstTokenTimes(clock);
});

describe("times to first token", () => {
  test("have no quantile before the first", () => {
    expect([times.count, times.quantile(0.95)]).toEqual([0, undefined]);
  });

  test("have quantiles that are at most 9.1 % too long, never too short", () => {
    const ms = fc.double({ min: 1, max: 1_000_000, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(ms, { minLength: 1, maxLength: 300 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (all, q) => {
          times = new FirstTokenTimes(clock);
          for (const each of all) times.observe(each);
          const exact = all.toSorted((a, b) => a - b)[Math.max(1, Math.ceil(q * all.length)) - 1] ?? 0;
          expect(times.quantile(q)).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
          expect(times.quantile(q)).toBeLessThanOrEqual(exact * 1.0906);
        },
      ),
    );
  });

  test("take what no answer takes for the nearest that one does", () => {
    for (const odd of [0, -5, 0.2]) times.observe(odd);
    expect(times.quantile(1)).toBe(1);
    times.observe(1e12);
    expect(times.quantile(1)).toBe(2 ** 20);
  });

  test("are forgotten after one to two minutes", () => {
    times.observe(100);
    clock.advance(60_000);
    times.observe(900);
    expect(times.count).toBe(2);
    clock.advance(60_000);
    expect([times.count, times.quantile(0)]).toEqual([1, 2 ** (79 / 8)]);
    clock.advance(60_000);
    expect([times.count, times.quantile(0.5)]).toEqual([0, undefined]);
  });

  test("are all forgotten after a long rest", () => {
    times.observe(100);
    clock.advance(500_000);
    expect([times.count, times.quantile(0.5)]).toEqual([0, undefined]);
  });
});

describe("the delay", () => {
  test("is the fixed one, where there is one, whatever is known", () => {
    expect(findHedgeDelay({ ...HEDGE_DEFAULTS, delayMs: 250 }, times)).toBe(250);
  });

  test("is not known from fewer than twenty", () => {
    for (let n = 0; n < 19; n++) times.observe(100);
    expect(findHedgeDelay(HEDGE_DEFAULTS, times)).toBeUndefined();
    times.observe(100);
    expect(findHedgeDelay(HEDGE_DEFAULTS, times)).toBe(2 ** (54 / 8));
  });

  test("is at least ten milliseconds", () => {
    for (let n = 0; n < 20; n++) times.observe(1);
    expect(findHedgeDelay(HEDGE_DEFAULTS, times)).toBe(10);
  });

  test("on a target of which one in twenty is twenty times slower, lets fewer than a tenth of calls be hedged", () => {
    const random = createRandom(1);
    const slow = Array.from({ length: 2000 }, () => (random() < 0.05 ? 20 : 1) * (80 + random() * 40));
    let hedged = 0;
    for (const ms of slow) {
      const delay = findHedgeDelay(HEDGE_DEFAULTS, times);
      if (delay !== undefined && ms > delay) hedged++;
      times.observe(ms);
    }
    expect(hedged / slow.length).toBeLessThan(0.1);
    expect(hedged).toBeGreaterThan(0);
  });
});

test("hedges never cost more in a window than they may", () => {
  const spends = fc.array(fc.tuple(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: 0, max: 400 })));
  fc.assert(
    fc.property(spends, (all) => {
      clock = createManualClock();
      const spend = new HedgeSpend(1000, 10_000, clock);
      const spent: { at: number; cost: number }[] = [];
      for (const [afterMs, cost] of all) {
        clock.advance(afterMs);
        if (!spend.fits(cost)) continue;
        spend.add(cost);
        spent.push({ at: clock.now(), cost });
        const inside = spent.filter(({ at }) => at > clock.now() - 10_000);
        expect(inside.reduce((sum, one) => sum + one.cost, 0)).toBeLessThanOrEqual(1000);
      }
    }),
  );
});

test("what a hedge cost counts for the whole of the window", () => {
  const spend = new HedgeSpend(100, 6000, clock);
  clock.advance(199);
  spend.add(100);
  clock.advance(5999);
  expect(spend.fits(1)).toBe(false);
  clock.advance(102);
  expect(spend.fits(100)).toBe(true);
});

describe("the hedge", () => {
  let budgets: Record<string, RetryBudget>;
  let costs: Record<string, number | undefined>;

  beforeEach(() => {
    const budget = (): RetryBudget => new RetryBudget({ ...RETRY_BUDGET_DEFAULTS, perSecond: 0.1 }, clock);
    budgets = { a: budget(), b: budget(), c: budget() };
    costs = { a: 1, b: 10, c: 100 };
  });

  function pick(more: Partial<HedgeChoice<string>> = {}): string | undefined {
    return pickHedge({
      targets: ["a", "b", "c"],
      asked: ["a"],
      isHealthy: () => true,
      budgetOf: (name) => budgets[name] as RetryBudget,
      costOf: (name) => costs[name],
      spend: undefined,
      ...more,
    });
  }

  test("goes to the next target, and charges its budget", () => {
    expect(pick()).toBe("b");
    expect([budgets.a?.balance, budgets.b?.balance, budgets.c?.balance]).toEqual([1, 0, 1]);
  });

  test("never goes to one that was asked", () => {
    expect(pick({ targets: ["a"] })).toBeUndefined();
    expect(pick({ asked: ["a", "b"] })).toBe("c");
    expect(pick({ asked: ["a", "b", "c"] })).toBeUndefined();
  });

  test("passes over one that is not well, and one whose budget is used up", () => {
    expect(pick({ isHealthy: (name) => name !== "b" })).toBe("c");
    expect([pick(), pick()]).toEqual(["b", undefined]);
  });

  test("passes over what would cost too much, without charging its budget", () => {
    const spend = new HedgeSpend(50, 60_000, clock);
    expect(pick({ asked: ["a", "b"], spend })).toBeUndefined();
    expect(budgets.c?.balance).toBe(1);
    expect(pick({ spend })).toBe("b");
    expect([spend.fits(40), spend.fits(41)]).toEqual([true, false]);
  });

  test("does not charge the limit where the budget refuses", () => {
    const spend = new HedgeSpend(50, 60_000, clock);
    budgets.b?.tryWithdraw();
    expect(pick({ targets: ["a", "b"], spend })).toBeUndefined();
    expect(spend.fits(50)).toBe(true);
  });

  test("goes to one without a price only where nothing is limited", () => {
    costs = {};
    expect(pick({ spend: new HedgeSpend(50, 60_000, clock) })).toBeUndefined();
    expect(pick()).toBe("b");
  });
});

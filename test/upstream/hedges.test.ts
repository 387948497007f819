/** A second target is asked where the first one has nothing to show: whoever speaks first answers. */
import { beforeEach, describe, expect, test } from "vitest";
import type { Simulator } from "../../src/simulator/server.ts";
import { callLines, type Delivery, PATIENT_LIMITS, QUICK_LIMITS, run, serve, simulate } from "./support.ts";

let simulator: Simulator;

beforeEach(async () => {
  simulator = await simulate();
});

const SILENT = "fault.no-response";
const GOOD = "text:tokens=3";
const SLOW = "text:tokens=3:ttft=250ms";
const deliveries: Delivery[] = ["unary", "stream"];
const hedged = (targets: readonly string[], hedge: object = { after: "0.05s" }) => ({
  providers: { house: simulator.url },
  models: { both: { targets: targets.map((model) => `house/${model}`), hedge } },
  limits: PATIENT_LIMITS,
});

describe.each(deliveries)("%s", (delivery) => {
  test("the second one answers for a silent first, whose request ends at once", async () => {
    const gateway = await serve(hedged([SILENT, GOOD]));
    const { code, attempts } = await run(gateway, delivery, "both");
    expect({ code, attempts }).toEqual({
      code: "OK",
      attempts: [`house/${SILENT} CANCELLED CANCELLED 0`, `house/${GOOD} SUCCEEDED 200`],
    });
    await simulator.idle();
    expect(callLines(gateway)[0]?.attempts).toMatchObject([{ outcome: "cancelled" }, { outcome: "succeeded" }]);
  });

  test("the first one answers where it is faster after all", async () => {
    const gateway = await serve(hedged([SLOW, SILENT]));
    const { code, attempts } = await run(gateway, delivery, "both");
    expect([code, attempts.length, attempts.at(-1)]).toEqual(["OK", 2, `house/${SLOW} SUCCEEDED 200`]);
    await simulator.idle();
  });

  test("no second one is asked where the first is in time, or may not be repeated", async () => {
    const gateway = await serve(hedged([SLOW, GOOD], { after: "5s" }));
    expect((await run(gateway, delivery, "both")).attempts).toEqual([`house/${SLOW} SUCCEEDED 200`]);
    const eager = await serve(hedged([SLOW, GOOD]));
    const once = await run(eager, delivery, "both", { handling: { notIdempotent: true } });
    expect(once.attempts).toEqual([`house/${SLOW} SUCCEEDED 200`]);
  });

  test("fails once both have failed, and tells of both", async () => {
    const gateway = await serve({
      ...hedged([SILENT, "fault.server-error"]),
      limits: QUICK_LIMITS,
      retry: { max_attempts: 2 },
    });
    const { code, attempts } = await run(gateway, delivery, "both");
    expect([code, attempts.length]).toEqual(["Unavailable", 2]);
  });
});

test("hedges stop where they would cost more than they may", async () => {
  const gateway = await serve({
    ...hedged([SLOW, GOOD], { after: "0.05s", max_usd_per_hour: 0.000_001 }),
    prices: { "house/*": { input: 1000, output: 1000 } },
  });
  expect((await run(gateway, "unary", "both")).attempts).toEqual([`house/${SLOW} SUCCEEDED 200`]);
});

/** A stream that breaks after it showed something begins anew, for calls that want it. */
import { beforeEach, expect, test } from "vitest";
import { OnStreamFailure } from "../../src/domain/contract.ts";
import type { Simulator } from "../../src/simulator/server.ts";
import { PLAIN } from "./fault-table.ts";
import { follow, restarts } from "./follow.ts";
import { PATIENT_LIMITS, serve, simulate } from "./support.ts";

let simulator: Simulator;

beforeEach(async () => {
  simulator = await simulate();
});

const { RESTART } = OnStreamFailure;
const CUT = "fault.cut-mid-stream:events=3";

test("answers whole from the next target, after a restart", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    limits: PATIENT_LIMITS,
    models: { both: [`house/${CUT}`, "house/flaky:fail=0"] },
  });
  const followed = await follow(gateway, "both", RESTART);
  expect([followed.code, followed.text, restarts(followed)]).toEqual(["OK", PLAIN, 1]);
});

test("begins anew on the same target where there is no other, and fails after the last attempt", async () => {
  const gateway = await serve({ providers: { house: simulator.url }, limits: PATIENT_LIMITS });
  const followed = await follow(gateway, `house/${CUT}`, RESTART);
  expect([followed.code, restarts(followed), simulator.calls.length]).toEqual(["Unavailable", 2, 3]);
});

test("does not begin anew for a call that does not want it", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    limits: PATIENT_LIMITS,
    models: { both: [`house/${CUT}`, "house/flaky:fail=0"] },
  });
  const followed = await follow(gateway, "both", OnStreamFailure.FAIL);
  expect([followed.code, restarts(followed), simulator.calls.length]).toEqual(["Unavailable", 0, 1]);
});

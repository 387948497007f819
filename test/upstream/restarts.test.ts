/** A stream that breaks after it showed something begins anew, for calls that want it. */
import { beforeEach, expect, test } from "vitest";
import { OnStreamFailure } from "../../src/domain/contract.ts";
import type { Simulator } from "../../src/simulator/server.ts";
import { ask, type TestGateway } from "../support/gateway.ts";
import { PLAIN } from "./fault-table.ts";
import { PATIENT_LIMITS, serve, simulate } from "./support.ts";

let simulator: Simulator;

beforeEach(async () => {
  simulator = await simulate();
});

const CUT = "fault.cut-mid-stream:events=3";

/** Follows a stream as a front end does: what is to be forgotten is. */
async function follow(gateway: TestGateway, model: string, onStreamFailure: OnStreamFailure = OnStreamFailure.RESTART) {
  const seen: { sequence: number; text: string }[] = [];
  const cases: string[] = [];
  let code = "OK";
  try {
    for await (const { sequence, event } of gateway.client.stream({ ...ask(model), handling: { onStreamFailure } })) {
      expect(sequence).toBe(cases.length + 1);
      cases.push(String(event.case));
      if (event.case === "blockDelta") seen.push({ sequence, text: event.value.text });
      if (event.case === "restart") {
        const from = event.value.discardFromSequence;
        seen.splice(0, seen.length, ...seen.filter((one) => one.sequence < from));
      }
    }
  } catch (error) {
    code = String((error as { code: number }).code);
  }
  return { code, text: seen.map(({ text }) => text).join(""), cases };
}

test("answers whole from the next target, after a restart", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    limits: PATIENT_LIMITS,
    models: { both: [`house/${CUT}`, "house/flaky:fail=0"] },
  });
  const { code, text, cases } = await follow(gateway, "both");
  expect([code, text, cases.filter((one) => one === "restart").length]).toEqual(["OK", PLAIN, 1]);
  expect(cases.filter((one) => one === "start").length).toBe(1);
});

test("begins anew on the same target where there is no other, and fails after the last attempt", async () => {
  const gateway = await serve({ providers: { house: simulator.url }, limits: PATIENT_LIMITS });
  const { code, cases } = await follow(gateway, `house/${CUT}`);
  expect([code, cases.filter((one) => one === "restart").length, simulator.calls.length]).toEqual(["14", 2, 3]);
});

test("does not begin anew for a call that does not want it", async () => {
  const gateway = await serve({
    providers: { house: simulator.url },
    limits: PATIENT_LIMITS,
    models: { both: [`house/${CUT}`, "house/flaky:fail=0"] },
  });
  const { code, cases } = await follow(gateway, "both", OnStreamFailure.FAIL);
  expect([code, cases.includes("restart"), simulator.calls.length]).toEqual(["14", false, 1]);
});

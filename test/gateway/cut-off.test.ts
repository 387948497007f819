/** Calls that are ended together, because their gateway stops, are told of themselves and not of each other. */
import { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CallFailureSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway } from "../support/gateway.ts";

let simulator: Simulator;

beforeAll(async () => {
  simulator = await openSimulator();
});

afterAll(() => simulator.close());

test("every call that is cut off hears of its own attempts", async () => {
  const gateway = await startGateway(houseConfig(simulator.url));
  const calls = Array.from({ length: 10 }, async () => {
    let id: string | undefined;
    const stream = gateway.client.stream(ask("house/fault.stall-mid-stream"));
    const iterator = stream[Symbol.asyncIterator]();
    const { event } = (await iterator.next()).value;
    if (event.case === "start") id = event.value.requestId;
    const outcome = (async () => {
      try {
        while ((await iterator.next()).done !== true);
      } catch (thrown) {
        return ConnectError.from(thrown).findDetails(CallFailureSchema)[0]?.requestId;
      }
      return undefined;
    })();
    return { id, outcome };
  });
  const begun = await Promise.all(calls);
  await gateway.close();
  expect(await Promise.all(begun.map(({ outcome }) => outcome))).toEqual(begun.map(({ id }) => id));
});

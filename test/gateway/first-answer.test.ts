import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";

let simulator: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  simulator = await openSimulator();
  gateway = await startGateway(houseConfig(simulator.url));
});

afterAll(async () => {
  await gateway.close();
  await simulator.close();
});

describe.each(["client", "connectClient", "webClient"] as const)("the first answer, through %s", (door) => {
  test("comes whole", async () => {
    const response = await gateway[door].complete(ask("house/echo", "Hello there"));
    expect(response.parts.map((part) => part.content)).toEqual([{ case: "text", value: "Hello there" }]);
  });

  test("comes as a stream with an end", async () => {
    const cases: (string | undefined)[] = [];
    let text = "";
    for await (const { sequence, event } of gateway[door].stream(ask("house/echo", "Hello there"))) {
      expect(sequence).toBe(cases.length + 1);
      cases.push(event.case);
      if (event.case === "blockDelta") text += event.value.text;
    }
    expect(text).toBe("Hello there");
    expect(cases).toEqual(["start", "blockStart", "blockDelta", "blockDelta", "blockEnd", "end"]);
  });
});

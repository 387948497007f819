/** What nobody caught: it is logged, running calls get a moment, and the process ends with 1. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig } from "../support/gateway.ts";
import { clientsOf, spawnGateway } from "./spawn.ts";

let simulator: Simulator;

beforeAll(async () => {
  simulator = await openSimulator();
});

afterAll(() => simulator.close());

const injected: readonly { kind: string; code: string }[] = [
  { kind: "uncaught exception", code: 'setImmediate(() => { throw new Error("injected"); });' },
  { kind: "unhandled rejection", code: 'void Promise.reject(new Error("injected"));' },
];

test.each(injected)("an $kind is logged, and the process ends with 1", async ({ kind, code }) => {
  const preload = `process.on("SIGUSR2", () => { ${code} });`;
  const gateway = spawnGateway({ yaml: houseConfig(simulator.url), preload });
  try {
    const { grpc } = await clientsOf(gateway);
    let text = "";
    let last: string | undefined;
    for await (const { event } of grpc.stream(ask("house/text:tokens=10:rate=20"))) {
      if (text === "" && event.case === "blockDelta") gateway.child.kill("SIGUSR2");
      if (event.case === "blockDelta") text += event.value.text;
      last = event.case;
    }
    // The running stream was not hurt.
    expect([text.split(" ").length, last]).toEqual([10, "end"]);
    const { code: exitCode, stderr } = await gateway.ended;
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: "" });
    expect(gateway.logged().filter(({ msg }) => msg === "crashed")).toEqual([
      {
        level: "fatal",
        time: expect.any(String),
        service: "sluice",
        msg: "crashed",
        kind,
        error: { type: "Error", message: "injected", stack: expect.stringContaining("preload.mjs") },
      },
    ]);
  } finally {
    await gateway.dispose();
  }
});

test("a crash while it stops does not make the process wait for ever", async () => {
  const preload = 'process.on("SIGUSR2", () => { setImmediate(() => { throw new Error("injected"); }); });';
  const yaml = houseConfig(simulator.url, "limits: { drain_timeout: 300s }\n");
  const gateway = spawnGateway({ yaml, preload });
  try {
    const { grpc } = await clientsOf(gateway);
    const call = grpc.complete(ask("house/fault.no-response")).catch(() => "ended");
    await simulator.nextCall();
    gateway.child.kill("SIGTERM");
    await gateway.line("draining");
    gateway.child.kill("SIGUSR2");
    expect([await call, (await gateway.ended).code]).toEqual(["ended", 1]);
  } finally {
    await gateway.dispose();
  }
});

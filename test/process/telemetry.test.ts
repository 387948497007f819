/** Telemetry of a process that is told of by the standard variables only. */
import { expect, onTestFinished, test } from "vitest";
import { openOtlpReceiver } from "../support/otlp/receiver.ts";
import { clientsOf, runGateway, spawnGateway } from "./spawn.ts";

const ask = {
  attribution: { feature: "test" },
  prompt: {
    model: "simulator/echo",
    messages: [{ role: 2 as const, parts: [{ content: { case: "text" as const, value: "Hello" } }] }],
  },
};

test.each([
  ["grpc", "grpc"],
  ["http/protobuf", "http"],
] as const)("OTEL_EXPORTER_OTLP_ENDPOINT with %s is enough, and the resource is theirs", async (protocol, spoken) => {
  const receiver = await openOtlpReceiver({ protocol: spoken });
  onTestFinished(() => receiver.close());
  const gateway = spawnGateway({
    environment: {
      OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
      OTEL_SERVICE_NAME: "our-gateway",
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,service.name=not-this",
    },
  });
  onTestFinished(() => gateway.dispose());
  const { grpc } = await clientsOf(gateway);
  await grpc.complete(ask);
  gateway.child.kill("SIGTERM");
  expect((await gateway.ended).code).toBe(0);
  expect(receiver.spans.map(({ kind, resource }) => [kind, resource])).toEqual(
    ["CLIENT", "SERVER"].map((kind) => [
      kind,
      {
        "service.name": "our-gateway",
        "service.version": expect.stringMatching(/^\d+\.\d+\.\d+$/),
        "deployment.environment.name": "test",
      },
    ]),
  );
  expect([...receiver.metrics]).toContain("rpc.server.call.duration");
});

test("a collector that never answers does not keep the process", async () => {
  const receiver = await openOtlpReceiver({ stalls: true });
  onTestFinished(() => receiver.close());
  const gateway = spawnGateway({ environment: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url } });
  onTestFinished(() => gateway.dispose());
  const { grpc } = await clientsOf(gateway);
  await grpc.complete(ask);
  const startedAt = performance.now();
  gateway.child.kill("SIGTERM");
  expect((await gateway.ended).code).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(7000);
  expect(
    gateway
      .logged()
      .filter(({ from }) => from === "opentelemetry")
      .map(({ msg }) => msg),
  ).toEqual(["the last telemetry is lost: the collector did not take it in time"]);
});

test("a variable that is wrong ends the start with 2, and is named", async () => {
  const { code, stderr } = await runGateway({ environment: { OTEL_TRACES_EXPORTER: "oltp" } });
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: 'The configuration cannot be used:\n  OTEL_TRACES_EXPORTER: "oltp" is none of otlp, console, none\n',
  });
});

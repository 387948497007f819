/** Stopping: running calls get their time, new ones go elsewhere, and nobody is left without a status. */
import { once } from "node:events";
import * as net from "node:net";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { AdminService } from "../../gen/sluice/admin/v1/admin_service_pb.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig } from "../support/gateway.ts";
import { type Clients, clientsOf, type GatewayProcess, spawnGateway } from "./spawn.ts";

let simulator: Simulator;

beforeAll(async () => {
  simulator = await openSimulator();
});

afterAll(() => simulator.close());

const start = (drainTimeout: string): GatewayProcess =>
  spawnGateway({ yaml: houseConfig(simulator.url, `limits: { drain_timeout: ${drainTimeout} }\n`) });

interface Outcome {
  readonly text: string;
  readonly last: string | undefined;
  readonly error: ConnectError | undefined;
}

/** Reads a stream to its end; `begun` resolves with its first words. */
function read(client: Clients["grpc"], model: string): { begun: Promise<void>; outcome: Promise<Outcome> } {
  const begun = Promise.withResolvers<void>();
  const outcome = (async (): Promise<Outcome> => {
    let text = "";
    let last: string | undefined;
    try {
      for await (const { event } of client.stream(ask(model))) {
        last = event.case;
        if (event.case !== "blockDelta") continue;
        text += event.value.text;
        begun.resolve();
      }
    } catch (thrown) {
      begun.reject(thrown);
      return { text, last, error: ConnectError.from(thrown) };
    }
    return { text, last, error: undefined };
  })();
  begun.promise.catch(() => {});
  return { begun: begun.promise, outcome };
}

async function refusal(address: unknown): Promise<string> {
  const socket = net.connect(Number(String(address).split(":")[1]), "127.0.0.1");
  try {
    await once(socket, "connect");
    return "taken";
  } catch (error) {
    return String(Reflect.get(error as Error, "code"));
  } finally {
    socket.destroy();
  }
}

test("SIGTERM lets running streams end whole, says NOT_SERVING meanwhile, and takes nothing new", async () => {
  const gateway = start("20s");
  try {
    const { grpc: grpcAddress, http: httpAddress } = await gateway.line("ready");
    const { grpc, connect } = await clientsOf(gateway);
    const transport = createGrpcTransport({ baseUrl: `http://${String(grpcAddress)}` });
    const watched = createClient(Health, transport).watch({})[Symbol.asyncIterator]();
    expect((await watched.next()).value?.status).toBe(Status.SERVING);

    const streams = [grpc, connect].map((client) => read(client, "house/text:tokens=20:rate=20"));
    await Promise.all(streams.map(({ begun }) => begun));
    gateway.child.kill("SIGTERM");

    expect((await watched.next()).value?.status).toBe(Status.NOT_SERVING);
    expect(await Promise.all([refusal(grpcAddress), refusal(httpAddress)])).toEqual(["ECONNREFUSED", "ECONNREFUSED"]);
    const [first, second] = await Promise.all(streams.map(({ outcome }) => outcome));
    expect(first).toEqual({ text: expect.stringMatching(/^(\S+ ?){20}$/), last: "end", error: undefined });
    expect(second).toEqual(first);
    const { code, stderr } = await gateway.ended;
    expect([code, stderr, gateway.logged().some(({ msg }) => msg === "calls cut off")]).toEqual([0, "", false]);
    await watched.next().catch(() => undefined);
  } finally {
    await gateway.dispose();
  }
});

test("streams that are still there when drain_timeout has passed end with UNAVAILABLE and RetryInfo", async () => {
  const gateway = start("0.3s");
  try {
    const { grpc, connect } = await clientsOf(gateway);
    const streams = [grpc, connect].map((client) => read(client, "house/fault.stall-mid-stream"));
    await Promise.all(streams.map(({ begun }) => begun));
    gateway.child.kill("SIGTERM");
    for (const { outcome } of streams) {
      const { last, error } = await outcome;
      const info = error?.findDetails(ErrorInfoSchema)[0];
      expect({
        last,
        code: error?.code,
        message: error?.rawMessage,
        reason: info?.reason,
        retryAfterS: Number(error?.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds),
      }).toEqual({
        last: "blockDelta",
        code: Code.Unavailable,
        message: "This instance is stopping. Try again: another one will answer.",
        reason: "SHUTTING_DOWN",
        retryAfterS: 1,
      });
    }
    expect((await gateway.ended).code).toBe(0);
    expect(gateway.logged().find(({ msg }) => msg === "calls cut off")).toMatchObject({ level: "warn", open_calls: 2 });
    await simulator.idle();
  } finally {
    await gateway.dispose();
  }
});

test("a second signal ends the waiting", async () => {
  const gateway = start("300s");
  try {
    const { grpc } = await clientsOf(gateway);
    const { begun, outcome } = read(grpc, "house/fault.stall-mid-stream");
    await begun;
    gateway.child.kill("SIGTERM");
    await gateway.line("draining");
    gateway.child.kill("SIGTERM");
    const { error } = await outcome;
    expect([error?.code, (await gateway.ended).code]).toEqual([Code.Unavailable, 0]);
  } finally {
    await gateway.dispose();
  }
});

test("AdminService.Drain ends the process as SIGTERM does, and answers before", async () => {
  const gateway = start("20s");
  try {
    const { admin } = await gateway.line("ready");
    const { grpc } = await clientsOf(gateway);
    const { begun, outcome } = read(grpc, "house/text:tokens=10:rate=20");
    await begun;
    const operator = createClient(AdminService, createGrpcTransport({ baseUrl: `http://${String(admin)}` }));
    expect(await operator.drain({})).toMatchObject({ alreadyDraining: false, openCalls: 1 });
    expect(await outcome).toMatchObject({ last: "end", error: undefined });
    const { code, stderr } = await gateway.ended;
    expect([code, stderr]).toEqual([0, ""]);
    expect(gateway.logged().find(({ msg }) => msg === "administered")).toMatchObject({
      level: "info",
      action: "drain",
    });
  } finally {
    await gateway.dispose();
  }
});

test("a reader of its output that went away costs nobody anything", async () => {
  const gateway = start("1s");
  try {
    const { grpc } = await clientsOf(gateway);
    gateway.child.stdout?.destroy();
    for (let call = 0; call < 5; call++) expect((await grpc.complete(ask("house/echo"))).provider).toBe("house");
    gateway.child.kill("SIGTERM");
    const [code] = (await once(gateway.child, "exit")) as [number | null];
    expect(code).toBe(0);
  } finally {
    await gateway.dispose();
  }
});

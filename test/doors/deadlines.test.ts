/** The caller's deadline: whatever its size, it is the gateway's own timer that keeps it. */
import { create, toBinary, toJson } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { CompleteRequestSchema } from "../../src/domain/contract.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { doors, expectHealthy, failureOf, grpcStatusOf, methods } from "./failures.ts";
import { post, sendGrpc } from "./wire.ts";

const COMPLETE = "/sluice.v1.GatewayService/Complete";
/** Its answer takes a while, so that a timer that fires at once comes first. */
const request = create(CompleteRequestSchema, ask("house/fault.slow-headers:after=50ms"));
const bytes = toBinary(CompleteRequestSchema, request);
const json = JSON.stringify(toJson(CompleteRequestSchema, request));

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

afterEach(() => expectHealthy(gateway));

/** From 24.8 days on, Node's own timers fire at once. */
const long = ["2147483647m", "2147483648m", "4294967296m", "2147484S", "99999999S", "99999999M", "99999999H"];

test.each(long)("answers a gRPC call whose grpc-timeout is %s", async (timeout) => {
  const answer = await sendGrpc(gateway.grpcAddress, COMPLETE, bytes, { "grpc-timeout": timeout });
  expect(grpcStatusOf(answer)).toEqual({ code: 0, message: "OK", reason: undefined });
});

test.each(["2147483647", "2147483648", "4294967296", "9999999999"])(
  "answers a Connect call whose connect-timeout-ms is %s",
  async (timeout) => {
    const response = await post(gateway.httpAddress, COMPLETE, json, { "connect-timeout-ms": timeout });
    expect([response.status, await response.json()]).toEqual([
      200,
      expect.objectContaining({ provider: "house", finishReason: "FINISH_REASON_STOP" }),
    ]);
  },
);

test.each(["0m", "0S", "0n"])(
  "ends a call whose grpc-timeout is %s before anything is sent upstream",
  async (timeout) => {
    const asked = simulator.calls.length;
    const answer = await sendGrpc(gateway.grpcAddress, COMPLETE, bytes, { "grpc-timeout": timeout });
    expect(grpcStatusOf(answer)).toEqual({
      code: Code.DeadlineExceeded,
      message: "The call's deadline passed. Allow more time, or ask for a shorter answer.",
      reason: "DEADLINE_EXCEEDED",
    });
    expect(simulator.calls.length).toBe(asked);
  },
);

test("ends a call whose connect-timeout-ms is 0 before anything is sent upstream", async () => {
  const asked = simulator.calls.length;
  const response = await post(gateway.httpAddress, COMPLETE, json, { "connect-timeout-ms": "0" });
  expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([504, "deadline_exceeded"]);
  expect(simulator.calls.length).toBe(asked);
});

test.each(["S", "5", "5x", "-1S", "1.5S", "1e3S", "12345678901S"])("refuses the grpc-timeout %j", async (timeout) => {
  const answer = await sendGrpc(gateway.grpcAddress, COMPLETE, bytes, { "grpc-timeout": timeout });
  expect(grpcStatusOf(answer)).toEqual({
    code: Code.InvalidArgument,
    message: `timeout: ${JSON.stringify(timeout)} is no timeout`,
    reason: "INVALID_REQUEST",
  });
});

test.each(["-1", "abc", "1.5", "99999999999"])("refuses the connect-timeout-ms %j", async (timeout) => {
  const response = await post(gateway.httpAddress, COMPLETE, json, { "connect-timeout-ms": timeout });
  expect([response.status, await response.json()]).toEqual([
    400,
    expect.objectContaining({
      code: "invalid_argument",
      message: `timeout: ${JSON.stringify(timeout)} is no timeout`,
    }),
  ]);
});

test("takes an empty timeout for none", async () => {
  const answer = await sendGrpc(gateway.grpcAddress, COMPLETE, bytes, { "grpc-timeout": "" });
  expect(grpcStatusOf(answer).code).toBe(0);
  const response = await post(gateway.httpAddress, COMPLETE, json, { "connect-timeout-ms": "" });
  await response.arrayBuffer();
  expect(response.status).toBe(200);
});

test("does not believe a caller who names the gRPC door's own header", async () => {
  const answer = await sendGrpc(gateway.grpcAddress, COMPLETE, bytes, { "sluice-internal-arrival": "1" });
  expect(grpcStatusOf(answer).code).toBe(0);
});

describe.each(doors)("through %s", (door) => {
  test.each(methods)("ends %s at its deadline, and the upstream's request with it", async (method) => {
    const arrival = simulator.nextCall();
    const startedAt = performance.now();
    const failing = failureOf(gateway[door], method, ask("house/fault.no-response"), { headers: deadline(door, 300) });
    const call = await arrival;
    expect(await failing).toMatchObject({ code: Code.DeadlineExceeded, reason: "DEADLINE_EXCEEDED", domain: "sluice" });
    expect(performance.now() - startedAt).toBeLessThan(300 + 250);
    expect((await call.closed).early).toBe(true);
  });
});

/** As a header of our own making, so that the client starts no timer and only the gateway keeps the deadline. */
function deadline(door: (typeof doors)[number], ms: number): Record<string, string> {
  return door === "connectClient" ? { "connect-timeout-ms": String(ms) } : { "grpc-timeout": `${ms}m` };
}

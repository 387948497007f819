/** Why a call failed decides its gRPC code and its HTTP status, by one table. */
import { create, toJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { CompleteRequestSchema, ErrorReason } from "../../src/domain/contract.ts";
import { reasonName, reasonRow } from "../../src/domain/reasons.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, houseConfig, startGateway, type TestGateway } from "../support/gateway.ts";
import { failureOf, type Request } from "./failures.ts";
import { post } from "./wire.ts";

/** The Connect protocol's HTTP statuses of gRPC's codes (connectrpc.com/docs/protocol#error-codes). */
const connectStatus: Readonly<Record<number, readonly [name: string, status: number]>> = {
  1: ["canceled", 499],
  2: ["unknown", 500],
  3: ["invalid_argument", 400],
  4: ["deadline_exceeded", 504],
  5: ["not_found", 404],
  6: ["already_exists", 409],
  7: ["permission_denied", 403],
  8: ["resource_exhausted", 429],
  9: ["failed_precondition", 400],
  10: ["aborted", 409],
  11: ["out_of_range", 400],
  12: ["unimplemented", 501],
  13: ["internal", 500],
  14: ["unavailable", 503],
  15: ["data_loss", 500],
  16: ["unauthenticated", 401],
};

const reasons = Object.entries(ErrorReason).map(([name, reason]) => ({ name, reason }));

test.each(reasons)("$name has a row of its own, with the HTTP status of its code", ({ name, reason }) => {
  expect(reasonName(reason)).toBe(name);
  expect(reasonRow(reason).httpStatus).toBe(connectStatus[reasonRow(reason).code]?.[1]);
  if (reason !== ErrorReason.UNSPECIFIED) expect(reasonRow(reason)).not.toBe(reasonRow(ErrorReason.UNSPECIFIED));
});

test.each(reasons)("$name may fail over where it may be retried", ({ reason }) => {
  const { mayRetry, mayFailOver } = reasonRow(reason);
  expect(mayFailOver || !mayRetry).toBe(true);
});

const provoked: readonly { reason: ErrorReason; request: Request; headers?: Record<string, string> }[] = [
  { reason: ErrorReason.INVALID_REQUEST, request: {} },
  { reason: ErrorReason.NOT_IMPLEMENTED, request: { ...ask("house/echo"), handling: { idempotencyKey: "k" } } },
  { reason: ErrorReason.MODEL_NOT_FOUND, request: ask("nowhere/echo") },
  { reason: ErrorReason.CONTEXT_LENGTH_EXCEEDED, request: ask("house/fault.context-length") },
  { reason: ErrorReason.CONTENT_FILTERED, request: ask("house/fault.content-filter") },
  { reason: ErrorReason.DEADLINE_EXCEEDED, request: ask("house/echo"), headers: { "connect-timeout-ms": "0" } },
  { reason: ErrorReason.UPSTREAM_INVALID_REQUEST, request: ask("house/fault.error-status:status=422") },
  { reason: ErrorReason.UPSTREAM_UNAUTHENTICATED, request: ask("house/fault.unauthorized") },
  { reason: ErrorReason.UPSTREAM_PERMISSION_DENIED, request: ask("house/fault.error-status:status=403") },
  { reason: ErrorReason.UPSTREAM_MODEL_NOT_FOUND, request: ask("house/no-such-model") },
  { reason: ErrorReason.UPSTREAM_RATE_LIMITED, request: ask("house/fault.rate-limited") },
  { reason: ErrorReason.UPSTREAM_QUOTA_EXHAUSTED, request: ask("house/fault.insufficient-quota") },
  { reason: ErrorReason.UPSTREAM_REQUEST_TOO_LARGE, request: ask("house/fault.error-status:status=413") },
  { reason: ErrorReason.UPSTREAM_OVERLOADED, request: ask("house/fault.overloaded") },
  { reason: ErrorReason.UPSTREAM_ERROR, request: ask("house/fault.server-error") },
  { reason: ErrorReason.UPSTREAM_UNREACHABLE, request: ask("gone/echo") },
  {
    reason: ErrorReason.UPSTREAM_TIMEOUT,
    request: { ...ask("house/fault.no-response"), handling: { attemptTimeout: { nanos: 50_000_000 } } },
  },
  { reason: ErrorReason.UPSTREAM_TRUNCATED, request: ask("house/fault.fin-in-body") },
  { reason: ErrorReason.UPSTREAM_MALFORMED, request: ask("house/fault.html-200") },
  { reason: ErrorReason.UPSTREAM_REDIRECTED, request: ask("house/fault.redirect") },
  { reason: ErrorReason.UPSTREAM_RESPONSE_TOO_LARGE, request: ask("house/text:total-bytes=64KiB") },
];

describe("a call that fails", () => {
  let simulator: Simulator;
  let gateway: TestGateway;

  beforeAll(async () => {
    simulator = await openSimulator();
    const closed = await openSimulator();
    await closed.close();
    const more = [
      `  gone: { dialect: openai-chat, base_url: "${closed.url}" }`,
      "limits: { max_response_bytes: 32768 }",
      "retry: { max_attempts: 1 }",
    ];
    gateway = await startGateway(houseConfig(simulator.url, more.join("\n")));
  });

  afterAll(async () => {
    await gateway.close();
    await simulator.close();
  });

  test.each(provoked.map((row) => ({ name: reasonName(row.reason), ...row })))(
    "because of $name has its code on the gRPC door, and its HTTP status on the other",
    async ({ name, reason, request, headers = {} }) => {
      const row = reasonRow(reason);
      const [codeName, status] = connectStatus[row.code] ?? [];
      const body = JSON.stringify(toJson(CompleteRequestSchema, create(CompleteRequestSchema, request)));
      const response = await post(gateway.httpAddress, "/sluice.v1.GatewayService/Complete", body, headers);
      expect([response.status, await response.json()]).toEqual([status, expect.objectContaining({ code: codeName })]);

      const timeout = headers["connect-timeout-ms"] === undefined ? {} : { "grpc-timeout": "0m" };
      const failure = await failureOf(gateway.client, "complete", request, { headers: timeout });
      expect([failure.code, failure.reason, failure.domain]).toEqual([row.code, name, "sluice"]);
    },
  );

  test.each(["complete", "stream"] as const)("%s has the same details on both doors", async (method) => {
    const request = ask("house/fault.overloaded");
    const failures = await Promise.all(
      (["client", "connectClient", "webClient"] as const).map((door) => failureOf(gateway[door], method, request)),
    );
    const [first, ...others] = failures.map(({ requestId, metadata, ...rest }) => ({
      ...rest,
      metadata: { ...metadata, request_id: metadata?.request_id === requestId ? "as the header says" : "another" },
    }));
    expect(first?.metadata.request_id).toBe("as the header says");
    for (const other of others) expect(other).toEqual(first);
  });
});

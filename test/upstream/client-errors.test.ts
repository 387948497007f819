/** What the statuses of 400 to 499 mean: only four of them may be asked again at the same target. */
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { startGateway, type TestGateway } from "../support/gateway.ts";
import { PLAIN } from "./fault-table.ts";
import { run, toYaml } from "./support.ts";

const reasons: Readonly<Record<number, readonly [reason: string, code: string]>> = {
  401: ["UPSTREAM_UNAUTHENTICATED", "FailedPrecondition"],
  402: ["UPSTREAM_QUOTA_EXHAUSTED", "ResourceExhausted"],
  403: ["UPSTREAM_PERMISSION_DENIED", "FailedPrecondition"],
  404: ["UPSTREAM_MODEL_NOT_FOUND", "NotFound"],
  408: ["UPSTREAM_ERROR", "Unavailable"],
  409: ["UPSTREAM_ERROR", "Unavailable"],
  413: ["UPSTREAM_REQUEST_TOO_LARGE", "ResourceExhausted"],
  425: ["UPSTREAM_ERROR", "Unavailable"],
  429: ["UPSTREAM_RATE_LIMITED", "ResourceExhausted"],
};
const refused = ["UPSTREAM_INVALID_REQUEST", "InvalidArgument"] as const;
const retried = new Set([408, 409, 425, 429]);
const failsOver = new Set([401, 402, 403, 404, 408, 409, 413, 425, 429]);
const statuses = Array.from({ length: 100 }, (_, at) => 400 + at);

let first: Simulator;
let second: Simulator;
let gateway: TestGateway;

beforeAll(async () => {
  first = await openSimulator();
  second = await openSimulator();
  gateway = await startGateway(
    toYaml({
      providers: { first: first.url, second: second.url },
      models: Object.fromEntries(
        statuses.map((status) => [
          `pair-${status}`,
          [`first/fault.error-status:status=${status}`, "second/text:tokens=10"],
        ]),
      ),
    }),
  );
});

afterAll(async () => {
  await gateway.close();
  await first.close();
  await second.close();
});

beforeEach(() => {
  first.reset();
  second.reset();
});

test.each(statuses)("%i is asked again only where that can help", async (status) => {
  const model = `fault.error-status:status=${status}`;
  const [reason, code] = reasons[status] ?? refused;
  const requests = retried.has(status) ? 3 : 1;
  expect(await run(gateway, status % 2 === 0 ? "unary" : "stream", `first/${model}`)).toEqual({
    code,
    reason,
    partial: false,
    text: "",
    attempts: Array.from({ length: requests }, () => `first/${model} FAILED ${reason} ${status}`),
  });
  expect(first.calls.length).toBe(requests);
});

test.each(statuses)("%i goes to the next target only where another one may know better", async (status) => {
  const { code, text } = await run(gateway, "stream", `pair-${status}`);
  expect({ code, text, asked: [first.calls.length, second.calls.length] }).toEqual(
    failsOver.has(status)
      ? { code: "OK", text: PLAIN, asked: [retried.has(status) ? 2 : 1, 1] }
      : { code: "InvalidArgument", text: "", asked: [1, 0] },
  );
});

test.each([
  ["fault.server-error", 400],
  ["fault.server-error", 404],
  ["fault.server-error", 422],
  ["fault.overloaded", 400],
  ["fault.overloaded", 404],
])("%s as a %i is not asked again, whatever the body says", async (fault, status) => {
  await run(gateway, "unary", `first/${fault}:status=${status}`);
  expect(first.calls.length).toBe(1);
});

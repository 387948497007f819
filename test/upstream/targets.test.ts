/** From target to target, each with an upstream of its own: who is asked, in which order, and what the caller sees. */
import { describe, expect, test } from "vitest";
import type { Simulator } from "../../src/simulator/server.ts";
import type { TestGateway } from "../support/gateway.ts";
import { PLAIN } from "./fault-table.ts";
import { callLines, type Delivery, run, serve, simulate } from "./support.ts";

const FINE = "text:tokens=10";
const names = ["one", "two", "three", "four"];

interface Cascade {
  readonly gateway: TestGateway;
  readonly simulators: readonly Simulator[];
  /** How often each target was asked. */
  readonly asked: () => readonly number[];
}

/** The alias `all` of the targets `one/…`, `two/…`, `three/…`. */
async function cascade(...models: readonly string[]): Promise<Cascade> {
  const simulators = await Promise.all(models.map(() => simulate()));
  const gateway = await serve({
    providers: Object.fromEntries(simulators.map(({ url }, at) => [names[at], url])),
    models: { all: models.map((model, at) => `${names[at]}/${model}`) },
  });
  return { gateway, simulators, asked: () => simulators.map(({ calls }) => calls.length) };
}

const deliveries: Delivery[] = ["unary", "stream"];

describe.each(deliveries)("%s", (delivery) => {
  test("asks the first target alone where it answers", async () => {
    const { gateway, asked } = await cascade(FINE, FINE);
    expect(await run(gateway, delivery, "all")).toEqual({
      code: "OK",
      text: PLAIN,
      attempts: [`one/${FINE} SUCCEEDED 200`],
    });
    expect(asked()).toEqual([1, 0]);
  });

  test("keeps an attempt for each target that is still to come, and asks in order", async () => {
    const { gateway, simulators, asked } = await cascade("fault.error-status", "fault.server-error", FINE);
    const { attempts, code } = await run(gateway, delivery, "all");
    expect({ code, attempts, asked: asked() }).toEqual({
      code: "OK",
      attempts: [
        "one/fault.error-status FAILED UPSTREAM_OVERLOADED 503",
        "two/fault.server-error FAILED UPSTREAM_ERROR 500",
        `three/${FINE} SUCCEEDED 200`,
      ],
      asked: [1, 1, 1],
    });
    const startedAt = simulators.map(({ calls }) => calls[0]?.startedAtMs ?? 0);
    expect(startedAt).toEqual(startedAt.toSorted((a, b) => a - b));
  });

  test("spends at most three attempts, on four targets too", async () => {
    const fault = "fault.error-status";
    const { gateway, asked } = await cascade(fault, fault, fault, FINE);
    const { code, reason, attempts } = await run(gateway, delivery, "all");
    expect({ code, reason, tried: attempts.length, asked: asked() }).toEqual({
      code: "Unavailable",
      reason: "UPSTREAM_OVERLOADED",
      tried: 3,
      asked: [1, 1, 1, 0],
    });
  });

  test("asks the first of two targets twice, the second once", async () => {
    const { gateway, asked } = await cascade("fault.error-status", "fault.server-error");
    expect((await run(gateway, delivery, "all")).reason).toBe("UPSTREAM_ERROR");
    expect(asked()).toEqual([2, 1]);
  });

  test("leaves a silent target after its first timeout", async () => {
    const { gateway, asked } = await cascade("fault.no-response", FINE);
    expect((await run(gateway, delivery, "all")).attempts).toEqual([
      "one/fault.no-response FAILED UPSTREAM_TIMEOUT 0",
      `two/${FINE} SUCCEEDED 200`,
    ]);
    expect(asked()).toEqual([1, 1]);
  });

  test.each(["fault.error-status", "fault.reset-before-headers", "fault.rate-limited:retry-after-ms=1"])(
    "makes one request where the call may not be repeated, after %s",
    async (fault) => {
      const { gateway, asked } = await cascade(fault, FINE);
      const { code, attempts } = await run(gateway, delivery, "all", { handling: { notIdempotent: true } });
      expect([code === "OK", attempts.length, asked()]).toEqual([false, 1, [1, 0]]);
    },
  );

  test("shows nothing of an attempt that failed before it said a word", async () => {
    const fault = "fault.cut-mid-stream:events=0";
    const { gateway } = await cascade(fault, FINE);
    expect(await run(gateway, delivery, "all")).toEqual({
      code: "OK",
      text: PLAIN,
      attempts: [
        `one/${fault} FAILED UPSTREAM_TRUNCATED 200`,
        `one/${fault} FAILED UPSTREAM_TRUNCATED 200`,
        `two/${FINE} SUCCEEDED 200`,
      ],
    });
  });

  test("tells of the outage where the next target cannot do what is asked anyway", async () => {
    const simulator = await simulate();
    const gateway = await serve({
      providers: { house: simulator.url, strict: { dialect: "", preset: "ollama", base_url: simulator.url } },
      models: { all: ["house/fault.rate-limited:retry-after=30", `strict/${FINE}`] },
    });
    const { code, reason, retryAfterMs, attempts } = await run(gateway, delivery, "all", { prompt: { topK: 5 } });
    expect({ code, reason, retryAfterMs, attempts }).toEqual({
      code: "ResourceExhausted",
      reason: "UPSTREAM_RATE_LIMITED",
      retryAfterMs: 30_000,
      attempts: ["house/fault.rate-limited:retry-after=30 FAILED UPSTREAM_RATE_LIMITED 429"],
    });
  });

  test("says that no target can do what is asked", async () => {
    const simulator = await simulate();
    const strict = { dialect: "", preset: "ollama", base_url: simulator.url };
    const gateway = await serve({ providers: { strict }, models: { all: [`strict/${FINE}`, "strict/echo"] } });
    expect(await run(gateway, delivery, "all", { prompt: { topK: 5 } })).toEqual({
      code: "InvalidArgument",
      reason: "FEATURE_UNSUPPORTED",
      partial: false,
      text: "",
      attempts: [],
    });
    expect(simulator.calls.length).toBe(0);
  });
});

test("a word that a whole answer had already said is no reason not to try again", async () => {
  const { gateway, asked } = await cascade("fault.cut-mid-stream", FINE);
  expect((await run(gateway, "unary", "all")).text).toBe(PLAIN);
  expect(asked()).toEqual([2, 1]);
});

test("the log tells of every attempt as the answer does", async () => {
  const { gateway } = await cascade("fault.error-status", FINE);
  const { attempts } = await run(gateway, "unary", "all");
  const logged = callLines(gateway).map((line) => line.attempts as { provider: string; upstream_status: number }[]);
  expect(logged.map((one) => one.map(({ provider, upstream_status }) => [provider, upstream_status]))).toEqual([
    attempts.map((line) => [line.split("/", 1)[0], Number(line.split(" ").at(-1))]),
  ]);
});

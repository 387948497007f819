/** What operators can do with a running gateway, and what callers then see. */
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { AdminService, BreakerState } from "../../gen/sluice/admin/v1/admin_service_pb.ts";
import { openSimulator, type Simulator } from "../../src/simulator/server.ts";
import { ask, startGateway, type TestGateway } from "../support/gateway.ts";

let simulator: Simulator;

beforeAll(async () => {
  simulator = await openSimulator();
});

afterAll(() => simulator.close());

interface Administered {
  readonly gateway: TestGateway;
  readonly admin: Client<typeof AdminService>;
  /** Lines of the log that say who did what, without what differs from run to run. */
  readonly audit: () => unknown[];
}

/** Two providers; `both` goes to one, and then to the other. */
const config = (more = ""): string => `
providers:
  one: { dialect: openai-chat, base_url: "${simulator.url}" }
  two: { dialect: openai-chat, base_url: "${simulator.url}" }
models:
  both: { targets: [one/echo, two/echo] }
  again: { targets: [two/echo] }
${more}`;

async function serve(yaml = config(), reread = (): string => yaml): Promise<Administered> {
  const gateway = await startGateway(yaml, {
    settings: { admin: { address: "127.0.0.1:0", isAsked: true } },
    reread,
  });
  onTestFinished(() => gateway.close());
  const transport = createGrpcTransport({ baseUrl: `http://${gateway.adminAddress}` });
  return {
    gateway,
    admin: createClient(AdminService, transport),
    audit: () =>
      gateway.logged
        .filter(({ msg }) => msg === "administered")
        .map(({ level, time, service, msg, peer, request_id, ...said }) => {
          expect({ level, time, service, msg, peer, request_id }).toEqual({
            level: "info",
            time: expect.any(String),
            service: "sluice",
            msg: "administered",
            peer: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
            request_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
          });
          return said;
        }),
  };
}

/** Who answered; or the code and reason of the failure. */
async function answererOf(gateway: TestGateway, model: string): Promise<unknown> {
  try {
    return (await gateway.client.complete(ask(model))).provider;
  } catch (thrown) {
    const error = ConnectError.from(thrown);
    return [Code[error.code], error.findDetails(ErrorInfoSchema)[0]?.reason, error.rawMessage];
  }
}

test("lists the targets of all models, with the names under which they are called", async () => {
  const { admin } = await serve();
  const { targets } = await admin.listTargets({});
  expect(
    targets.map(({ name, provider, model, aliases, takenOut }) => ({ name, provider, model, aliases, takenOut })),
  ).toEqual([
    { name: "one/echo", provider: "one", model: "echo", aliases: ["both"], takenOut: false },
    { name: "two/echo", provider: "two", model: "echo", aliases: ["again", "both"], takenOut: false },
  ]);
});

test("tells how targets do, and why: those that were called, under whatever name", async () => {
  const { gateway, admin } = await serve();
  const { targets: before } = await admin.listTargets({});
  expect(before.map(({ health }) => health)).toEqual([undefined, undefined]);
  await gateway.client.complete(ask("both"));
  for (let call = 0; call < 5; call++) await answererOf(gateway, "two/fault.server-error");
  // Nobody is to wait for it here.
  const limited = { ...ask("two/fault.rate-limited:retry-after=30"), handling: { notIdempotent: true } };
  await expect(gateway.client.complete(limited)).rejects.toMatchObject({ code: Code.ResourceExhausted });

  const { targets } = await admin.listTargets({});
  const found = new Map(targets.map((target) => [target.name, target]));
  expect([...found.keys()]).toEqual([
    "one/echo",
    "two/echo",
    "two/fault.rate-limited:retry-after=30",
    "two/fault.server-error",
  ]);
  expect(found.get("one/echo")?.health).toMatchObject({
    breakerState: BreakerState.CLOSED,
    breakerReason: "",
    notBeforeReason: "",
  });
  expect(found.get("one/echo")?.health?.retryBudget).toBeGreaterThan(99);
  expect(found.get("two/fault.rate-limited:retry-after=30")).toMatchObject({
    aliases: [],
    health: { notBeforeIn: { seconds: expect.any(BigInt) }, notBeforeReason: expect.stringMatching(/./) },
  });
  expect(found.get("two/fault.server-error")?.health).toMatchObject({
    breakerState: BreakerState.OPEN,
    breakerReason: expect.stringMatching(/^5 failures in a row, the last one UPSTREAM_/),
    probeIn: { nanos: expect.any(Number) },
  });
});

test("a target that was taken out gets no calls until it is put back", async () => {
  const { gateway, admin, audit } = await serve();
  expect(await answererOf(gateway, "both")).toBe("one");
  const { target } = await admin.setTarget({ target: "one/echo", takenOut: true });
  expect(target).toMatchObject({ name: "one/echo", aliases: ["both"], takenOut: true });
  expect(await answererOf(gateway, "both")).toBe("two");
  expect(await answererOf(gateway, "one/echo")).toEqual([
    "Unavailable",
    "TARGETS_TAKEN_OUT",
    'All targets of "one/echo" were taken out by an operator: one/echo. Use another model, or have one put back.',
  ]);
  expect(await answererOf(gateway, "one/text:tokens=1")).toBe("one");

  await admin.setTarget({ target: "two/echo", takenOut: true });
  expect(await answererOf(gateway, "both")).toEqual([
    "Unavailable",
    "TARGETS_TAKEN_OUT",
    'All targets of "both" were taken out by an operator: one/echo, two/echo. Use another model, or have one put back.',
  ]);
  await admin.setTarget({ target: "one/echo", takenOut: false });
  expect(await answererOf(gateway, "both")).toBe("one");
  expect(audit()).toEqual([
    { action: "set_target", target: "one/echo", taken_out: true },
    { action: "set_target", target: "two/echo", taken_out: true },
    { action: "set_target", target: "one/echo", taken_out: false },
  ]);
});

test("weights that are set come before those of the configuration", async () => {
  const shared = "weights: { one/echo: 1, two/echo: 0 }";
  const ruled =
    "targets: [one/echo], rules: [{ name: all, targets: [one/echo, two/text], weights: { one/echo: 1, two/text: 0 } }]";
  const { gateway, admin } = await serve(
    config(`  shared: { targets: [one/echo, two/echo], strategy: weighted, ${shared} }\n  ruled: { ${ruled} }\n`),
  );
  const answerers = async () => [await answererOf(gateway, "shared"), await answererOf(gateway, "ruled")];
  expect(await answerers()).toEqual(["one", "one"]);
  await admin.setTarget({ target: "one/echo", weight: 0 });
  await admin.setTarget({ target: "two/echo", weight: 0.5 });
  const { target } = await admin.setTarget({ target: "two/text", weight: 1 });
  expect(target).toMatchObject({ aliases: ["ruled"], weight: 1, takenOut: false });
  expect(await answerers()).toEqual(["two", "two"]);
  await admin.setTarget({ target: "two/echo", takenOut: true });
  expect(await answererOf(gateway, "shared")).toBe("one");
});

test("a stream that runs ends whole though its target is taken out", async () => {
  const { gateway, admin } = await serve();
  const seen: (string | undefined)[] = [];
  for await (const { event } of gateway.client.stream(ask("one/text:tokens=3:rate=50"))) {
    if (seen.length === 0) await admin.setTarget({ target: "one/text:tokens=3:rate=50", takenOut: true });
    seen.push(event.case);
  }
  expect(seen.at(-1)).toBe("end");
  const { targets } = await admin.listTargets({});
  expect(targets.find(({ takenOut }) => takenOut)).toMatchObject({ name: "one/text:tokens=3:rate=50", aliases: [] });
});

test.each([
  { request: { target: "one" }, field: "target" },
  { request: { target: "one/", takenOut: true }, field: "target" },
  { request: { target: "three/echo", takenOut: true }, field: "target" },
  { request: { target: "one/echo" }, field: "taken_out" },
  { request: { target: "one/echo", weight: 3 }, field: "weight" },
  { request: { target: "one/echo", weight: 1_000_001 }, field: "weight" },
])("refuses $request, naming $field, and says nothing of it in the log", async ({ request, field }) => {
  const { admin, audit } = await serve();
  const error = await admin.setTarget(request).catch((thrown: unknown) => ConnectError.from(thrown));
  expect(error).toMatchObject({ code: Code.InvalidArgument, rawMessage: expect.stringContaining(field) });
  expect(audit()).toEqual([]);
});

test("a reload that is applied puts targets back, and warns of it; one that is refused does not", async () => {
  const files = ["listn: {}", config()];
  const { gateway, admin, audit } = await serve(config(), () => files.shift() ?? "");
  await admin.setTarget({ target: "one/echo", takenOut: true });
  expect(await admin.reload({})).toMatchObject({
    applied: false,
    problems: [{ path: "listn", message: "is no known key; did you mean listen?" }],
  });
  expect(await answererOf(gateway, "both")).toBe("two");
  expect(await admin.reload({})).toMatchObject({ applied: true, problems: [] });
  expect(await answererOf(gateway, "both")).toBe("one");
  expect(gateway.logged).toContainEqual(
    expect.objectContaining({
      level: "warn",
      msg: "what was set about these targets is as configured again",
      targets: ["one/echo"],
    }),
  );
  expect(audit().slice(1)).toEqual([{ action: "reload" }, { action: "reload" }]);
});

test("shows the configuration that was read last, without secrets, and what of it is not in force", async () => {
  const headers =
    'providers: { h: { dialect: openai-chat, base_url: "http://h", headers: { x-token: hush, x-team: t } } }';
  const { admin } = await serve(config(), () => `${headers}\nlimits: { max_header_bytes: 9999 }\n`);
  const before = await admin.getConfig({});
  expect(Object.keys(before.config?.providers ?? {}).sort()).toEqual(["one", "two"]);
  expect(before).toMatchObject({ file: "", needsRestart: [] });

  const { needsRestart } = await admin.reload({});
  const after = await admin.getConfig({});
  expect(after.needsRestart).toEqual(needsRestart);
  expect(needsRestart).toContain("maxHeaderBytes");
  expect(after.config?.providers.h?.headers).toEqual({ "x-token": "[redacted]", "x-team": "t" });
  expect(after.yaml).toContain('x-token: "[redacted]"\n');
  expect(JSON.stringify(after.yaml)).not.toContain("hush");
  expect(Number(after.loadedAt?.seconds)).toBeGreaterThanOrEqual(Number(before.loadedAt?.seconds));
});

test("what is no configuration at all is refused as one that is wrong", async () => {
  const { gateway, admin } = await serve(config(), () => {
    throw new RangeError("Maximum call stack size exceeded");
  });
  expect(await admin.reload({})).toMatchObject({
    applied: false,
    problems: [
      { path: "", message: "the configuration cannot be read (RangeError: Maximum call stack size exceeded)" },
    ],
  });
  expect(await answererOf(gateway, "both")).toBe("one");
});

test("draining answers at once, leaves running calls their window, and ends the gateway", async () => {
  const { gateway, admin, audit } = await serve();
  const stream = gateway.client.stream(ask("one/text:tokens=10:rate=20"))[Symbol.asyncIterator]();
  await stream.next();
  expect(await admin.drain({ window: { seconds: 30n } })).toMatchObject({ alreadyDraining: false, openCalls: 1 });
  // Whoever drains wants to see how far it is.
  expect((await admin.listTargets({})).targets).toHaveLength(3);
  expect(await admin.drain({})).toMatchObject({ alreadyDraining: true });
  let last: string | undefined;
  for (let next = await stream.next(); next.done !== true; next = await stream.next()) last = next.value.event.case;
  expect(last).toBe("end");
  await gateway.stopped;
  await expect(admin.listTargets({})).rejects.toThrow();
  expect(audit()).toEqual([{ action: "drain", window_ms: 30_000 }, { action: "drain" }]);
});

test("draining with a window of 0s ends what runs, also after one that is longer", async () => {
  const { gateway, admin } = await serve();
  const stream = gateway.client.stream(ask("one/fault.stall-mid-stream"))[Symbol.asyncIterator]();
  await stream.next();
  await admin.drain({ window: { seconds: 300n } });
  expect(await admin.drain({ window: {} })).toMatchObject({ alreadyDraining: true, openCalls: 1 });
  const rest = (async () => {
    for (;;) if ((await stream.next()).done === true) return undefined;
  })();
  await expect(rest).rejects.toMatchObject({ code: Code.Unavailable });
  await gateway.stopped;
});

test.each([-1, 86_401])("refuses to drain in %i s", async (seconds) => {
  const { gateway, admin } = await serve();
  await expect(admin.drain({ window: { seconds: BigInt(seconds) } })).rejects.toMatchObject({
    code: Code.InvalidArgument,
  });
  expect(await answererOf(gateway, "both")).toBe("one");
});

/** A client on @grpc/grpc-js alone, which reads the contract's files as they are. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { checkErrorInfo, type Detail, findBadRequest, readStatus, requestIdIn } from "./error-details.ts";
import {
  type Answer,
  checkAnswer,
  checkBegun,
  checkEvents,
  checkTook,
  environment,
  type StreamEvent,
  said,
} from "./expectations.ts";
import { expectCall } from "./gateway-log.ts";

type Reply<T> = (error: grpc.ServiceError | null, answer?: T) => void;

interface GatewayClient extends grpc.Client {
  complete(
    request: object,
    metadata: grpc.Metadata,
    options: grpc.CallOptions,
    reply: Reply<Answer>,
  ): grpc.ClientUnaryCall;
  stream(request: object, options: grpc.CallOptions): grpc.ClientReadableStream<StreamEvent>;
}

interface HealthClient extends grpc.Client {
  check(
    request: { service?: string },
    options: grpc.CallOptions,
    reply: Reply<{ status: string }>,
  ): grpc.ClientUnaryCall;
}

const root = join(import.meta.dirname, "../..");

function connect<C extends grpc.Client>(folder: string, file: string, service: string): C {
  const definition = loadSync(file, { includeDirs: [join(root, folder)], enums: String, longs: String });
  const found = service
    .split(".")
    .reduce((scope, name) => scope[name] as grpc.GrpcObject, grpc.loadPackageDefinition(definition));
  const Client = found as unknown as grpc.ServiceClientConstructor;
  return new Client(environment("CLIENTS_GRPC"), grpc.credentials.createInsecure()) as unknown as C;
}

const gateway = connect<GatewayClient>("proto", "sluice/v1/gateway_service.proto", "sluice.v1.GatewayService");
const health = connect<HealthClient>(
  "node_modules/grpc-health-check/proto",
  "health/v1/health.proto",
  "grpc.health.v1.Health",
);

/** Calls that nothing should end in time end then. */
const LONG_MS = 10_000;
/** A deadline of 500 ms, by the clock of a client on a busy machine. The gateway is held to 750 ms by its own. */
const HALF_SECOND = [490, 1000] as const;
const slowModel = environment("CLIENTS_SLOW_MODEL");
const pausedModel = environment("CLIENTS_PAUSED_MODEL");

function ask(model: string, feature: string): object {
  const messages = [{ role: "ROLE_USER", parts: [{ text: said }] }];
  return { attribution: { feature }, prompt: { model, messages } };
}

interface Completed {
  readonly answer?: Answer;
  readonly error?: grpc.ServiceError;
  readonly requestId: string;
  readonly tookMs: number;
}

/** Makes a call and waits for its end, whichever it is. */
function complete(request: object, options: grpc.CallOptions = {}, metadata = new grpc.Metadata()): Promise<Completed> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    let requestId = "";
    const call = gateway.complete(
      request,
      metadata,
      { deadline: Date.now() + LONG_MS, ...options },
      (error, answer) => {
        const tookMs = performance.now() - startedAt;
        resolve({
          requestId,
          tookMs,
          ...(error === null ? {} : { error }),
          ...(answer === undefined ? {} : { answer }),
        });
      },
    );
    call.on("metadata", (headers) => {
      requestId = requestIdOf(headers);
    });
  });
}

function requestIdOf(headers: grpc.Metadata): string {
  return String(headers.get("sluice-request-id")[0] ?? "");
}

interface Streamed {
  readonly events: readonly StreamEvent[];
  readonly requestId: string;
  readonly status: grpc.StatusObject;
}

/** Reads a stream to its end, and tells of each event as it comes. */
function read(
  call: grpc.ClientReadableStream<StreamEvent>,
  onEvent: (event: StreamEvent) => void = () => {},
): Promise<Streamed> {
  return new Promise((resolve) => {
    const events: StreamEvent[] = [];
    let requestId = "";
    call.on("metadata", (headers) => {
      requestId = requestIdOf(headers);
    });
    call.on("data", (event: StreamEvent) => {
      events.push(event);
      onEvent(event);
    });
    // The status says it, too.
    call.on("error", () => {});
    call.on("status", (status) => resolve({ events, requestId, status }));
  });
}

/** The details of a failure; undefined where the client ended the call before the gateway's word came. */
function detailsOf({ metadata }: { readonly metadata: grpc.Metadata }): Detail[] | undefined {
  const bytes = metadata.get("grpc-status-details-bin")[0];
  return Buffer.isBuffer(bytes) ? readStatus(bytes).details : undefined;
}

async function checkCompletes(feature: string): Promise<void> {
  const { answer, error, requestId } = await complete(ask("simulator/echo", feature));
  equal(error, undefined);
  ok(answer !== undefined);
  checkAnswer(answer, requestId);
}

const checks: Readonly<Record<string, () => Promise<void>>> = {
  completes: () => checkCompletes("grpc-js-complete"),

  async streams() {
    const call = gateway.stream(ask("simulator/echo", "grpc-js-stream"), { deadline: Date.now() + LONG_MS });
    const { events, requestId, status } = await read(call);
    equal(status.code, grpc.status.OK);
    checkEvents(events, requestId);
  },

  async "cancels upstream work, and the next call works"() {
    const feature = "grpc-js-cancel";
    const call = gateway.stream(ask(pausedModel, feature), { deadline: Date.now() + LONG_MS });
    let cancelledAt: number | undefined;
    const { events, status } = await read(call, ({ blockDelta }) => {
      if (blockDelta === undefined || cancelledAt !== undefined) return;
      cancelledAt = performance.now();
      call.cancel();
    });
    ok(cancelledAt !== undefined, "a delta came");
    checkTook(performance.now() - cancelledAt, 0, 3000);
    equal(status.code, grpc.status.CANCELLED);
    checkBegun(events);
    const { reason } = await expectCall(feature, ["cancelled"], LONG_MS);
    checkTook(performance.now() - cancelledAt, 0, 3000);
    equal(reason, "CANCELLED");
    await checkCompletes(`${feature}-next`);
  },

  async "meets a deadline"() {
    const feature = "grpc-js-deadline";
    const { error, tookMs } = await complete(ask("simulator/fault.no-response", feature), {
      deadline: Date.now() + 500,
    });
    ok(error !== undefined);
    equal(error.code, grpc.status.DEADLINE_EXCEEDED);
    checkTook(tookMs, ...HALF_SECOND);
    // This client has a timer of its own; whose is first decides who says it, and what the gateway calls it.
    const details = detailsOf(error);
    if (details !== undefined) checkErrorInfo(details, "DEADLINE_EXCEEDED");
    await expectCall(feature, ["failed", "cancelled"], 750);
  },

  async "hears of a deadline that only the gateway keeps"() {
    const feature = "grpc-js-remote-deadline";
    const metadata = new grpc.Metadata();
    metadata.set("grpc-timeout", "500m");
    const request = ask("simulator/fault.no-response", feature);
    const { error, tookMs } = await complete(request, { deadline: Number.POSITIVE_INFINITY }, metadata);
    ok(error !== undefined);
    equal(error.code, grpc.status.DEADLINE_EXCEEDED);
    checkTook(tookMs, ...HALF_SECOND);
    checkErrorInfo(detailsOf(error) ?? [], "DEADLINE_EXCEEDED");
    const { reason } = await expectCall(feature, ["failed"], 750);
    equal(reason, "DEADLINE_EXCEEDED");
  },

  async "meets a deadline in a stream"() {
    const feature = "grpc-js-stream-deadline";
    const startedAt = performance.now();
    const { events, status } = await read(gateway.stream(ask(slowModel, feature), { deadline: Date.now() + 500 }));
    checkTook(performance.now() - startedAt, ...HALF_SECOND);
    equal(status.code, grpc.status.DEADLINE_EXCEEDED);
    checkBegun(events);
    await expectCall(feature, ["failed", "cancelled"], 750);
  },

  async "says why for a model that nobody serves"() {
    const { error, requestId } = await complete(ask("nobody/echo", "grpc-js-unknown"));
    ok(error !== undefined);
    equal(error.code, grpc.status.NOT_FOUND);
    const details = detailsOf(error) ?? [];
    checkErrorInfo(details, "MODEL_NOT_FOUND");
    equal(requestIdIn(details), requestId);
  },

  async "names the field that is wrong"() {
    const { error } = await complete(ask("simulator/echo", "Not A Feature"));
    ok(error !== undefined);
    equal(error.code, grpc.status.INVALID_ARGUMENT);
    const details = detailsOf(error) ?? [];
    checkErrorInfo(details, "INVALID_REQUEST");
    deepEqual(
      findBadRequest(details)?.fieldViolations.map(({ field }) => field),
      ["attribution.feature"],
    );
  },

  async "makes many calls at once on one connection"() {
    await Promise.all(Array.from({ length: 100 }, (_, index) => checkCompletes(`grpc-js-many-${index}`)));
  },

  async "checks health"() {
    const status = await new Promise((resolve, reject) => {
      health.check({ service: "sluice.v1.GatewayService" }, { deadline: Date.now() + LONG_MS }, (error, answer) =>
        error === null ? resolve(answer?.status) : reject(error),
      );
    });
    equal(status, "SERVING");
  },
};

for (const [name, check] of Object.entries(checks)) {
  try {
    await check();
    console.log(`ok     grpc-js: ${name}`);
  } catch (error) {
    console.log(`FAILED grpc-js: ${name}`);
    console.log(String(error instanceof Error ? error.stack : error).replace(/^/gm, "       "));
    process.exitCode = 1;
  }
}
gateway.close();
health.close();

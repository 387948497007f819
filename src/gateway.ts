import { isDeepStrictEqual } from "node:util";
import { Health } from "../gen/health/v1/health_pb.ts";
import { Assembly, type Plan } from "./assembly.ts";
import type { Problem } from "./config/problem.ts";
import type { Settings } from "./config/settings.ts";
import type { TelemetrySettings } from "./config/telemetry.ts";
import type { Clock, Random } from "./domain/clock.ts";
import { EmbeddingService, ErrorReason, GatewayService, ModelService } from "./domain/contract.ts";
import { GatewayError } from "./domain/error.ts";
import { checkAddresses } from "./listening.ts";
import { openObserving } from "./observing.ts";
import { createAdmission, createTargetSlots, overloadState } from "./overload.ts";
import { createGatekeeper, reportUnreadable } from "./service/admit.ts";
import { Calls } from "./service/calls.ts";
import { bind } from "./service/context.ts";
import { createEmbeddingService, embeddingOperations } from "./service/embedding-service.ts";
import { createGatewayService, gatewayOperations } from "./service/gateway-service.ts";
import { createHealthService, HealthState } from "./service/health.ts";
import { createModelService, modelOperations } from "./service/model-service.ts";
import { createReflectionServices } from "./service/reflection.ts";
import { Resuming } from "./service/resume.ts";
import { createMemoryResumeStore } from "./service/resume-store.ts";
import { warmUp } from "./service/warm-up.ts";
import type { Log, LogDestination } from "./telemetry/log.ts";
import type { TlsFiles } from "./transport/address.ts";
import type { Door } from "./transport/door.ts";
import { openGrpcDoor } from "./transport/grpc.ts";
import { openHttpDoor } from "./transport/http.ts";

export interface GatewayOptions extends Plan {
  readonly tls: TlsFiles | undefined;
  /** Listens without TLS on addresses that others can reach. */
  readonly insecure: boolean;
  readonly telemetry: TelemetrySettings;
  readonly version: string;
  readonly log: Log;
  /** Where the line of each call goes. */
  readonly output: LogDestination;
  readonly clock: Clock;
  readonly random: Random;
  /** How busy the process is; its own by default. */
  readonly processLoad?: Parameters<typeof createAdmission>[4];
}

/** Settings that are used up at the start. */
const FIXED_SETTINGS = [
  "grpcAddress",
  "httpAddress",
  "corsOrigins",
  "logLevel",
  "maxMessageBytes",
  "maxStreamsPerConnection",
  "maxHeaderBytes",
  "resume",
  "cohorts",
  "maxFeatures",
  "maxLabelValues",
  "recordContent",
  "overload",
] as const satisfies readonly (keyof Settings)[];

function changedForGood(before: Settings, after: Settings): string[] {
  return FIXED_SETTINGS.filter((name) => !isDeepStrictEqual(before[name], after[name]));
}

export interface Gateway {
  /** `host:port` of the doors, with the ports that were taken. */
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /**
   * Calls that come from now on are treated by this plan; running ones end as they began. Throws `ConfigError` where it
   * cannot be used, and changes nothing.
   */
  reload(next: Plan): void;
  /** Records that a new configuration could not be used. */
  reloadRefused(problems: readonly Problem[]): void;
  /**
   * Stops: says NOT_SERVING, takes no new connections, gives running calls this long (ms), ends what is left with
   * UNAVAILABLE, and closes everything. Called again, it ends the waiting.
   */
  stop(drainMs: number): Promise<void>;
}

/** What callers that are cut off are told to wait before they ask another instance. */
const RETRY_ELSEWHERE_MS = 1000;

/** How long the doors get to write out the last statuses. */
const FLUSH_MS = 500;

/** How long a collector gets to take the last of the telemetry. */
const TELEMETRY_FLUSH_MS = 3000;

/** Builds the parts and opens the doors. Throws `ConfigError` or the error of listening, with nothing left open. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const { settings, clock, random, log } = options;
  checkAddresses(options);
  let current: Plan = options;
  const admission = createAdmission(settings.overload, clock, random, log, options.processLoad);
  const gates = { admission, slots: createTargetSlots(settings.overload, clock, random) };
  let assembly = new Assembly(options, gates, clock, random, log);
  const calls = new Calls(clock);
  const resuming = new Resuming(createMemoryResumeStore(), settings.resume, clock);
  const observing = await openObserving({
    ...options,
    catalogue: () => current.prices.catalogue,
    calls,
    overload: overloadState(admission),
    providers: () => assembly.providers,
    breakers: () => assembly.health.breakers(),
  });
  const { watcher } = observing;
  const admitting = { calls, admission, plan: () => assembly, clock, watcher };
  const models = createModelService({ ...admitting, directory: () => assembly.directory });
  const own = [
    bind(
      GatewayService,
      createGatewayService({ ...admitting, resuming }),
      reportUnreadable(admitting, gatewayOperations),
      createGatekeeper(admitting, gatewayOperations),
    ),
    bind(
      EmbeddingService,
      createEmbeddingService(admitting),
      reportUnreadable(admitting, embeddingOperations),
      createGatekeeper(admitting, embeddingOperations),
    ),
    bind(ModelService, models, reportUnreadable(admitting, modelOperations)),
  ];
  const health = new HealthState(own.map(({ descriptor }) => descriptor.typeName));
  const services = [...own, bind(Health, createHealthService(health))];
  services.push(...createReflectionServices(services.map(({ descriptor }) => descriptor)));
  warmUp();

  const doors: Door[] = [];
  const { maxMessageBytes, maxStreamsPerConnection, maxHeaderBytes } = settings;
  const shared = { services, tls: options.tls, maxMessageBytes, maxStreamsPerConnection, maxHeaderBytes, clock };
  try {
    doors.push(await openGrpcDoor({ ...shared, address: settings.grpcAddress }));
    doors.push(
      await openHttpDoor({
        ...shared,
        address: settings.httpAddress,
        corsOrigins: settings.corsOrigins,
        isReady: () => health.serving,
        metricsPage: observing.metricsPage,
      }),
    );
  } catch (error) {
    for (const door of doors) door.close();
    await observing.close(0);
    throw error;
  }
  const [grpcDoor, httpDoor] = doors;

  let hurry: (() => void) | undefined;
  let stopping: Promise<void> | undefined;
  async function stop(drainMs: number): Promise<void> {
    health.stopServing();
    const drained = Promise.all(doors.map((door) => door.drain()));
    resuming.drain();
    const hurried = new Promise<void>((resolve) => {
      hurry = resolve;
    });
    log.info({ open_calls: calls.size, drain_ms: drainMs }, "draining");
    await Promise.race([calls.idle(), hurried, wait(drainMs, clock)]);
    if (calls.size > 0) log.warn({ open_calls: calls.size }, "calls cut off");
    calls.abortAll(
      new GatewayError(ErrorReason.SHUTTING_DOWN, "This instance is stopping. Try again: another one will answer.", {
        retryAfterMs: RETRY_ELSEWHERE_MS,
      }),
    );
    health.close();
    await Promise.race([drained, wait(FLUSH_MS, clock)]);
    for (const door of doors) door.close();
    await assembly.close();
    await observing.close(TELEMETRY_FLUSH_MS);
    log.info("stopped");
  }

  return {
    grpcAddress: grpcDoor?.address ?? settings.grpcAddress,
    httpAddress: httpDoor?.address ?? settings.httpAddress,
    reload(next) {
      const startedAt = clock.wallNow();
      const restart = changedForGood(current.settings, next.settings);
      const replaced = assembly;
      assembly = new Assembly(next, gates, clock, random, log, replaced);
      current = next;
      replaced.replacedBy(assembly);
      observing.reloaded({ outcome: "applied", startedAt, endedAt: clock.wallNow() });
      if (restart.length > 0) log.warn({ settings: restart }, "these settings change with a restart only");
      log.info({ providers: [...assembly.providers.keys()] }, "configuration reloaded");
    },
    reloadRefused(problems) {
      const at = clock.wallNow();
      observing.reloaded({ outcome: "refused", startedAt: at, endedAt: at });
      log.error({ problems }, "the configuration has errors; the one before stays");
    },
    stop(drainMs) {
      if (stopping === undefined) stopping = stop(drainMs);
      else hurry?.();
      return stopping;
    },
  };
}

function wait(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

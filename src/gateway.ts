import { Health } from "../gen/health/v1/health_pb.ts";
import { AdminService } from "../gen/sluice/admin/v1/admin_service_pb.ts";
import { createAdministration, openAdminDoor } from "./administration.ts";
import type { Plan } from "./assembly.ts";
import type { TelemetrySettings } from "./config/telemetry.ts";
import type { Clock, Random } from "./domain/clock.ts";
import { EmbeddingService, ErrorReason, GatewayService, ModelService } from "./domain/contract.ts";
import { GatewayError } from "./domain/error.ts";
import { checkAddresses } from "./listening.ts";
import { openObserving } from "./observing.ts";
import { createAdmission, createTargetSlots, overloadState } from "./overload.ts";
import { PlanInForce } from "./plan-in-force.ts";
import type { ReloadOutcome } from "./service/admin-service.ts";
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
  /** Reads the configuration again. Throws `ConfigError` with all that is wrong with it. */
  readonly reread: () => Promise<Plan>;
  /** Path of the configuration; undefined where there is none. */
  readonly configFile: string | undefined;
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

export interface Gateway {
  /** `host:port` of the doors, with the ports that were taken. */
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** Undefined where there is no administration. */
  readonly adminAddress: string | undefined;
  /**
   * Reads the configuration again. Calls that come from now on are treated by it; running ones end as they began. What
   * cannot be used changes nothing, and is logged.
   */
  reload(): Promise<ReloadOutcome>;
  /**
   * Stops: says NOT_SERVING, takes no new connections, gives running calls this long (ms, default `drain_timeout`),
   * ends what is left with UNAVAILABLE, and closes everything. Called again, it ends the waiting.
   */
  stop(drainMs?: number): Promise<void>;
  /** Settles once it has stopped, whoever asked for that. */
  readonly stopped: Promise<void>;
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
  const admission = createAdmission(settings.overload, clock, random, log, options.processLoad);
  const gates = { admission, slots: createTargetSlots(settings.overload, clock, random) };
  const plan = new PlanInForce(options, { ...options, gates, onReloaded: (end) => observing.reloaded(end) });
  const calls = new Calls(clock);
  const resuming = new Resuming(createMemoryResumeStore(), settings.resume, clock);
  const observing = await openObserving({
    ...options,
    catalogue: () => plan.current.prices.catalogue,
    calls,
    overload: overloadState(admission),
    providers: () => plan.assembly.providers,
    breakers: () => plan.assembly.health.breakers(),
  });
  const { watcher } = observing;
  const admitting = { calls, admission, plan: () => plan.assembly, clock, watcher };
  const models = createModelService({ ...admitting, directory: () => plan.assembly.directory });
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
  const adminHealth = new HealthState([AdminService.typeName]);
  const services = [...own, bind(Health, createHealthService(health))];
  services.push(...createReflectionServices(services.map(({ descriptor }) => descriptor)));
  warmUp();

  const doors: Door[] = [];
  const { maxMessageBytes, maxStreamsPerConnection, maxHeaderBytes } = settings;
  const bounds = { tls: options.tls, maxMessageBytes, maxStreamsPerConnection, maxHeaderBytes, clock };
  const shared = { ...bounds, services };
  const administration = createAdministration({
    ...options,
    plan,
    drain(windowMs) {
      const alreadyDraining = stopping !== undefined;
      if (!alreadyDraining || windowMs === 0) void begin(windowMs);
      return { alreadyDraining, openCalls: calls.size };
    },
  });
  try {
    doors.push(await openGrpcDoor({ ...shared, address: settings.grpcAddress }));
    doors.push(
      await openHttpDoor({
        ...shared,
        address: settings.httpAddress,
        corsOrigins: settings.corsOrigins,
        isReady: () => health.serving,
        metricsPage: observing.metricsPage,
        grpc: false,
        refusesPages: false,
      }),
    );
    if (settings.admin !== undefined) {
      doors.push(await openAdminDoor(settings.admin, administration, adminHealth, bounds));
    }
  } catch (error) {
    for (const door of doors) door.close();
    await observing.close(0);
    throw error;
  }
  const [grpcDoor, httpDoor, adminDoor] = doors;

  const { promise: stopped, resolve: settleStopped } = Promise.withResolvers<void>();
  let hurry: (() => void) | undefined;
  let stopping: Promise<void> | undefined;
  /** Begins to stop; if that has begun already, ends the waiting. */
  function begin(drainMs = plan.current.settings.drainTimeoutMs): Promise<void> {
    if (stopping === undefined) {
      stopping = stop(drainMs);
      settleStopped(stopping);
    } else hurry?.();
    return stopping;
  }
  async function stop(drainMs: number): Promise<void> {
    health.stopServing();
    adminHealth.stopServing();
    // Operators are heard until the end.
    const drained = Promise.all(doors.filter((door) => door !== adminDoor).map((door) => door.drain()));
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
    adminHealth.close();
    await Promise.race([Promise.all([drained, adminDoor?.drain()]), wait(FLUSH_MS, clock)]);
    for (const door of doors) door.close();
    await plan.assembly.close();
    await observing.close(TELEMETRY_FLUSH_MS);
    log.info("stopped");
  }

  return {
    grpcAddress: grpcDoor?.address ?? settings.grpcAddress,
    httpAddress: httpDoor?.address ?? settings.httpAddress,
    adminAddress: adminDoor?.address,
    stopped,
    reload: () => plan.reload(),
    stop: begin,
  };
}

function wait(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

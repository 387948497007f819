import { Health } from "../gen/health/v1/health_pb.ts";
import type { Config } from "./config/load.ts";
import { ConfigError } from "./config/problem.ts";
import type { ProviderSettings } from "./config/providers.ts";
import type { Settings } from "./config/settings.ts";
import type { TelemetrySettings } from "./config/telemetry.ts";
import type { Call, Handler } from "./domain/call.ts";
import type { Clock, Random } from "./domain/clock.ts";
import { ErrorReason, GatewayService } from "./domain/contract.ts";
import { GatewayError } from "./domain/error.ts";
import { checkAddresses } from "./listening.ts";
import { openObserving } from "./observing.ts";
import { Accounts } from "./pipeline/account.ts";
import { attempt } from "./pipeline/attempt.ts";
import { observe } from "./pipeline/observe.ts";
import { type Routes, route } from "./pipeline/route.ts";
import type { Prices } from "./prices.ts";
import { Provider, type Target } from "./provider/provider.ts";
import { findDialect, keyHeaderOf, propagatesTraceTo, vendorOf } from "./provider/registry.ts";
import { Calls } from "./service/calls.ts";
import { bind } from "./service/context.ts";
import { createGatewayService, reportUnreadable, warmUp } from "./service/gateway-service.ts";
import { createHealthService, HealthState } from "./service/health.ts";
import { createReflectionServices } from "./service/reflection.ts";
import type { Log, LogDestination } from "./telemetry/log.ts";
import type { TlsFiles } from "./transport/address.ts";
import type { Door } from "./transport/door.ts";
import { openGrpcDoor } from "./transport/grpc.ts";
import { openHttpDoor } from "./transport/http.ts";

export interface GatewayOptions {
  readonly settings: Settings;
  readonly providers: readonly ProviderSettings[];
  readonly models: Config["models"];
  readonly tls: TlsFiles | undefined;
  /** Listens without TLS on addresses that others can reach. */
  readonly insecure: boolean;
  readonly telemetry: TelemetrySettings;
  readonly prices: Prices;
  readonly version: string;
  readonly log: Log;
  /** Where the line of each call goes. */
  readonly output: LogDestination;
  readonly clock: Clock;
  readonly random: Random;
}

export interface Gateway {
  /** `host:port` of the doors, with the ports that were taken. */
  readonly grpcAddress: string;
  readonly httpAddress: string;
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
  const { settings, clock, random, log, prices } = options;
  checkAddresses(options);
  const providers = new Map(
    options.providers.map((given) => [given.name, createProvider(given, settings, prices, clock)]),
  );
  const routes: Routes = { providers, aliases: toAliases(options.models, providers) };

  const observed = observe(clock);
  const routed = route(routes);
  const attempted = attempt({
    clock,
    random,
    retry: settings.retry,
    accounts: new Accounts(prices.book, clock),
    timeouts: {
      headersMs: settings.headersTimeoutMs,
      firstTokenMs: settings.firstTokenTimeoutMs,
      idleMs: settings.idleTimeoutMs,
      attemptMs: settings.attemptTimeoutMs,
    },
  });
  const handle: Handler<Call> = observed(routed(attempted));

  const calls = new Calls({ clock, defaultDeadlineMs: settings.defaultDeadlineMs });
  const observing = await openObserving({ ...options, catalogue: prices.catalogue, calls, providers });
  const { watcher } = observing;
  const health = new HealthState([GatewayService.typeName]);
  const services = [
    bind(GatewayService, createGatewayService({ calls, handle, clock, watcher }), reportUnreadable({ watcher })),
    bind(Health, createHealthService(health)),
    ...createReflectionServices([GatewayService, Health]),
  ];
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
    await Promise.all([...providers.values()].map((provider) => provider.close()));
    await observing.close(TELEMETRY_FLUSH_MS);
    log.info("stopped");
  }

  return {
    grpcAddress: grpcDoor?.address ?? settings.grpcAddress,
    httpAddress: httpDoor?.address ?? settings.httpAddress,
    stop(drainMs) {
      if (stopping === undefined) stopping = stop(drainMs);
      else hurry?.();
      return stopping;
    },
  };
}

function createProvider(given: ProviderSettings, settings: Settings, prices: Prices, clock: Clock): Provider {
  const dialect = findDialect(given.preset, given.dialect);
  if (dialect === undefined) throw new ConfigError([{ path: `providers.${given.name}`, message: "has no dialect" }]);
  return new Provider({
    name: given.name,
    dialect,
    clock,
    baseUrl: given.baseUrl,
    key: given.key,
    keyHeader: keyHeaderOf(given.preset, given.dialect),
    authorize: undefined,
    vendor: vendorOf(given.preset) ?? given.name,
    catalogueProvider: prices.catalogueProviders.get(given.name),
    propagatesTrace: given.propagatesTrace ?? propagatesTraceTo(given.preset),
    headers: given.headers,
    apiVersion: given.apiVersion,
    connectTimeoutMs: settings.connectTimeoutMs,
    maxConnections: given.maxConnections,
    limits: { maxResponseBytes: settings.maxResponseBytes, maxEventBytes: settings.maxEventBytes },
  });
}

function toAliases(
  models: Config["models"],
  providers: ReadonlyMap<string, Provider>,
): ReadonlyMap<string, readonly Target[]> {
  return new Map(
    Object.entries(models).map(([alias, { targets }]) => [
      alias,
      targets.flatMap((target) => {
        const slash = target.indexOf("/");
        const provider = providers.get(target.slice(0, slash));
        return provider === undefined ? [] : [{ provider, model: target.slice(slash + 1) }];
      }),
    ]),
  );
}

function wait(ms: number, clock: Clock): Promise<void> {
  return new Promise((resolve) => clock.schedule(ms, resolve));
}

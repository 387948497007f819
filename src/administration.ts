import { Health } from "../gen/health/v1/health_pb.ts";
import { AdminService } from "../gen/sluice/admin/v1/admin_service_pb.ts";
import type { AdminListener } from "./config/settings.ts";
import { redact, toYaml } from "./config/show.ts";
import type { PlanInForce } from "./plan-in-force.ts";
import { type Administration, createAdminService } from "./service/admin-service.ts";
import { bind } from "./service/context.ts";
import { createHealthService, type HealthState } from "./service/health.ts";
import { createReflectionServices } from "./service/reflection.ts";
import type { Log } from "./telemetry/log.ts";
import type { Door } from "./transport/door.ts";
import { type HttpDoorOptions, openHttpDoor } from "./transport/http.ts";

export interface AdministrationOptions {
  readonly plan: PlanInForce;
  /** Path of the configuration; undefined where there is none. */
  readonly configFile: string | undefined;
  readonly drain: Administration["drain"];
  readonly log: Log;
}

/** What operators may do with this process. */
export function createAdministration({ plan, configFile, drain, log }: AdministrationOptions): Administration {
  return {
    drain,
    log,
    targets: () => plan.assembly.targets.list(),
    setTarget: (target, change) => plan.assembly.targets.set(target, change),
    reload: () => plan.reload(),
    config() {
      const config = redact(plan.current.config);
      const { loadedAt, needsRestart } = plan;
      return { config, yaml: toYaml(config), file: configFile, loadedAt, needsRestart };
    },
  };
}

type DoorOptions = Pick<
  HttpDoorOptions,
  "tls" | "maxMessageBytes" | "maxStreamsPerConnection" | "maxHeaderBytes" | "clock"
>;

/** Opens the administration's own door, with all protocols on one port. */
export async function openAdminDoor(
  { address, isAsked }: AdminListener,
  administration: Administration,
  health: HealthState,
  options: DoorOptions,
): Promise<Door> {
  const services = [
    bind(AdminService, createAdminService(administration)),
    bind(Health, createHealthService(health)),
    ...createReflectionServices([AdminService, Health]),
  ];
  const open = (at: string): Promise<Door> =>
    openHttpDoor({
      ...options,
      services,
      address: at,
      corsOrigins: [],
      metricsPage: undefined,
      isReady: () => health.serving,
      grpc: true,
      refusesPages: true,
    });
  try {
    return await open(address);
  } catch (error) {
    // Nobody asked for this address, so that another process on it is no reason not to start.
    if (isAsked || !(error instanceof Error) || Reflect.get(error, "code") !== "EADDRINUSE") throw error;
    administration.log.warn({ address }, "the default address of the administration is taken; it is at a free port");
    return await open(address.replace(/:\d+$/, ":0"));
  }
}

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type AdminService,
  BreakerState,
  DrainRequestSchema,
  DrainResponseSchema,
  GetConfigResponseSchema,
  ListTargetsResponseSchema,
  ReloadResponseSchema,
  SetTargetRequestSchema,
  SetTargetResponseSchema,
  type Target,
  type TargetHealth,
  TargetHealthSchema,
  TargetSchema,
} from "../../gen/sluice/admin/v1/admin_service_pb.ts";
import type { Config } from "../../gen/sluice/config/v1/config_pb.ts";
import { toDuration, toMs } from "../domain/duration.ts";
import { invalidRequest } from "../domain/error.ts";
import type { HealthReport } from "../domain/health-report.ts";
import type { TargetChange } from "../pipeline/target-switches.ts";
import type { Log } from "../telemetry/log.ts";
import type { RpcContext, ServiceObject } from "./context.ts";
import { validate } from "./validate.ts";

/** A target with all that is known of it. */
export interface TargetReport {
  readonly provider: string;
  readonly model: string;
  /** Models of the configuration that it is a target of. */
  readonly aliases: readonly string[];
  readonly change: TargetChange;
  /** Undefined before the first call that could go there. */
  readonly health: HealthReport | undefined;
}

/** The configuration that was taken last, fit to be shown. */
interface ConfigReport {
  readonly config: Config;
  readonly yaml: string;
  readonly file: string | undefined;
  /** ms since 1970. */
  readonly loadedAt: number;
  readonly needsRestart: readonly string[];
}

/** How reading the configuration again ended. */
export interface ReloadOutcome {
  readonly applied: boolean;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
  readonly needsRestart: readonly string[];
}

/** What the running process lets its operators do. */
export interface Administration {
  /** Sorted by name. */
  targets(): readonly TargetReport[];
  /** Throws `INVALID_REQUEST` for a target that is none, or a change that would have no effect. */
  setTarget(target: string, change: TargetChange): TargetReport;
  config(): ConfigReport;
  reload(): Promise<ReloadOutcome>;
  /** Begins to end the process; undefined takes the configured time. */
  drain(windowMs: number | undefined): { readonly alreadyDraining: boolean; readonly openCalls: number };
  readonly log: Pick<Log, "info" | "warn">;
}

/** `sluice.admin.v1.AdminService`. What changes something is told in the log. */
export function createAdminService(administration: Administration): ServiceObject<typeof AdminService> {
  const audit = (action: string, context: RpcContext, details: Readonly<Record<string, unknown>>): void => {
    const { address, subject } = context.peer();
    administration.log.info(
      { action, ...details, peer: address, subject, request_id: context.requestId },
      "administered",
    );
  };
  return {
    async listTargets() {
      return create(ListTargetsResponseSchema, { targets: administration.targets().map(toTarget) });
    },

    async getConfig() {
      const { config, yaml, file, loadedAt, needsRestart } = administration.config();
      return create(GetConfigResponseSchema, {
        config,
        yaml,
        file: file ?? "",
        loadedAt: timestampFromMs(loadedAt),
        needsRestart: [...needsRestart],
      });
    },

    async reload(_request, context) {
      audit("reload", context, {});
      const { applied, problems, needsRestart } = await administration.reload();
      return create(ReloadResponseSchema, {
        applied,
        problems: problems.map(({ path, message }) => ({ path, message })),
        needsRestart: [...needsRestart],
      });
    },

    async drain(request, context) {
      validate(DrainRequestSchema, request);
      const windowMs = toMs(request.window);
      audit("drain", context, { window_ms: windowMs });
      return create(DrainResponseSchema, administration.drain(windowMs));
    },

    async setTarget(request, context) {
      validate(SetTargetRequestSchema, request);
      const { target, takenOut, weight } = request;
      if (takenOut === undefined && weight === undefined) {
        throw invalidRequest([{ field: "", description: "give taken_out, weight, or both" }]);
      }
      const report = administration.setTarget(target, { takenOut, weight });
      audit("set_target", context, { target, taken_out: takenOut, weight });
      return create(SetTargetResponseSchema, { target: toTarget(report) });
    },
  };
}

function toTarget({ provider, model, aliases, change, health }: TargetReport): Target {
  return create(TargetSchema, {
    provider,
    model,
    name: `${provider}/${model}`,
    aliases: [...aliases],
    takenOut: change.takenOut === true,
    weight: change.weight,
    health: health === undefined ? undefined : toHealth(health),
  });
}

const breakerStates = {
  closed: BreakerState.CLOSED,
  open: BreakerState.OPEN,
  "half-open": BreakerState.HALF_OPEN,
} as const;

function toHealth({ breaker, notBefore, retryBudget, inFlight, timeToFirstTokenMs }: HealthReport): TargetHealth {
  const waits = notBefore !== undefined && notBefore.waitMs > 0;
  return create(TargetHealthSchema, {
    breakerState: breaker === undefined ? BreakerState.UNSPECIFIED : breakerStates[breaker.state],
    breakerReason: breaker?.why ?? "",
    probeIn: breaker?.state === "open" ? toDuration(breaker.probeInMs) : undefined,
    notBeforeIn: waits ? toDuration(notBefore.waitMs) : undefined,
    notBeforeReason: waits ? notBefore.why : "",
    retryBudget,
    inFlight,
    timeToFirstToken: timeToFirstTokenMs === undefined ? undefined : toDuration(timeToFirstTokenMs),
  });
}

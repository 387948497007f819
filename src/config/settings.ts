import type { Duration } from "@bufbuild/protobuf/wkt";
import { toMs } from "../domain/duration.ts";
import type { Config } from "./load.ts";

/** What the command line says; it overrides the file. */
export interface Flags {
  readonly grpc: string | undefined;
  readonly http: string | undefined;
  readonly admin: string | undefined;
  readonly logLevel: string | undefined;
}

/** The configuration with every default filled in, as plain options. Times in ms. */
export interface Settings {
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** Undefined where there is no administration. */
  readonly admin: AdminListener | undefined;
  readonly corsOrigins: readonly string[];
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly maxMessageBytes: number;
  readonly maxStreamsPerConnection: number;
  readonly maxHeaderBytes: number;
  readonly maxResponseBytes: number;
  readonly maxEventBytes: number;
  readonly defaultDeadlineMs: number;
  readonly connectTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly attemptTimeoutMs: number;
  readonly drainTimeoutMs: number;
  /** Streams that outlive their connections: how long, and most bytes of one and of all. */
  readonly resume: { readonly graceMs: number; readonly maxBytesPerStream: number; readonly maxBytes: number };
  readonly cohorts: readonly string[];
  readonly maxFeatures: number;
  readonly maxLabelValues: number;
  readonly recordContent: { readonly features: ReadonlySet<string>; readonly maxChars: number };
  /** When a target that fails is left alone, and how many extra attempts it may get. */
  readonly health: {
    readonly breaker: {
      readonly consecutiveFailures: number;
      readonly failureRatio: number;
      readonly minAttempts: number;
      readonly windowMs: number;
      readonly openMs: number;
      readonly maxOpenMs: number;
      readonly forgiveAfterMs: number;
    };
    readonly retryBudget: { readonly ratio: number; readonly perSecond: number; readonly windowMs: number };
  };
  readonly overload: OverloadSettings;
  readonly retry: {
    readonly maxAttempts: number;
    readonly baseDelayMs: number;
    readonly maxDelayMs: number;
    readonly maxRetryAfterMs: number;
  };
}

export interface OverloadSettings {
  readonly maxCalls: number | undefined;
  readonly maxWaiting: number;
  readonly maxWaitMs: number;
  readonly maxLoopDelayMs: number;
  /** Of attempts at each target; undefined where these are not limited. */
  readonly targets: { readonly initial: number; readonly min: number; readonly max: number } | undefined;
}

const MIB = 1024 * 1024;

/** Where the administration listens. */
export interface AdminListener {
  readonly address: string;
  /** The file or the command line says so; otherwise it is the default, which somebody else may have taken. */
  readonly isAsked: boolean;
}

export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

export function toSettings(config: Config, flags: Flags): Settings {
  const { listen, limits, retry, breaker, log, telemetry, overload } = config;
  const level = flags.logLevel ?? (log?.level || "info");
  return {
    grpcAddress: flags.grpc ?? (listen?.grpc || "127.0.0.1:50051"),
    httpAddress: flags.http ?? (listen?.http || "127.0.0.1:8080"),
    admin: toAdminListener(flags.admin ?? listen?.admin),
    corsOrigins: listen?.corsOrigins ?? [],
    logLevel: LOG_LEVELS.find((one) => one === level) ?? "info",
    maxMessageBytes: limits?.maxMessageBytes || 4 * MIB,
    maxStreamsPerConnection: limits?.maxStreamsPerConnection || 100,
    maxHeaderBytes: limits?.maxHeaderBytes || 64 * 1024,
    maxResponseBytes: limits?.maxResponseBytes || 64 * MIB,
    maxEventBytes: limits?.maxEventBytes || 8 * MIB,
    defaultDeadlineMs: ms(limits?.defaultDeadline, 600_000),
    connectTimeoutMs: ms(limits?.connectTimeout, 5000),
    headersTimeoutMs: ms(limits?.headersTimeout, 30_000),
    firstTokenTimeoutMs: ms(limits?.firstTokenTimeout, 30_000),
    idleTimeoutMs: ms(limits?.idleTimeout, 30_000),
    attemptTimeoutMs: ms(limits?.attemptTimeout, 600_000),
    drainTimeoutMs: ms(limits?.drainTimeout, 30_000),
    resume: {
      graceMs: ms(limits?.resumeGrace, 30_000),
      maxBytesPerStream: limits?.maxResumeBytesPerStream || MIB,
      maxBytes: limits?.maxResumeBytes || 64 * MIB,
    },
    cohorts: telemetry?.cohorts ?? [],
    maxFeatures: telemetry?.maxFeatures || 100,
    maxLabelValues: telemetry?.maxLabelValues || 100,
    recordContent: {
      features: new Set(telemetry?.recordContent?.features),
      maxChars: telemetry?.recordContent?.maxChars || 8192,
    },
    health: {
      breaker: {
        consecutiveFailures: breaker?.consecutiveFailures || 5,
        failureRatio: breaker?.failureRatio || 0.5,
        minAttempts: breaker?.minAttempts || 20,
        windowMs: ms(breaker?.window, 30_000),
        openMs: ms(breaker?.open, 1000),
        maxOpenMs: ms(breaker?.maxOpen, 60_000),
        forgiveAfterMs: 10_000,
      },
      retryBudget: {
        ratio: retry?.budgetRatio ?? 0.2,
        perSecond: retry?.budgetPerSecond ?? 10,
        windowMs: 10_000,
      },
    },
    overload: {
      maxCalls: overload?.maxCalls || undefined,
      maxWaiting: overload?.maxWaiting || 1000,
      maxWaitMs: ms(overload?.maxWait, 15),
      maxLoopDelayMs: ms(overload?.maxLoopDelay, 10),
      targets: overload?.targetConcurrency && {
        initial: overload.targetConcurrency.initial || 20,
        min: overload.targetConcurrency.min || 5,
        max: overload.targetConcurrency.max || 1000,
      },
    },
    retry: {
      maxAttempts: retry?.maxAttempts || 3,
      baseDelayMs: ms(retry?.baseDelay, 100),
      maxDelayMs: ms(retry?.maxDelay, 5000),
      maxRetryAfterMs: ms(retry?.maxRetryAfter, 60_000),
    },
  };
}

function toAdminListener(given: string | undefined): AdminListener | undefined {
  if (given === "" || given === "off") return undefined;
  return { address: given ?? "127.0.0.1:50052", isAsked: given !== undefined };
}

function ms(duration: Duration | undefined, fallback: number): number {
  return toMs(duration) ?? fallback;
}

import { isDeepStrictEqual } from "node:util";
import { Assembly, type Plan } from "./assembly.ts";
import { ConfigError, type Problem } from "./config/problem.ts";
import type { Settings } from "./config/settings.ts";
import type { Clock, Random } from "./domain/clock.ts";
import type { Gates } from "./pipeline/admit.ts";
import type { ReloadOutcome } from "./service/admin-service.ts";
import type { Log } from "./telemetry/log.ts";
import type { ReloadEnd } from "./telemetry/reload-watch.ts";

/** Settings that are used up at the start. */
const FIXED_SETTINGS = [
  "grpcAddress",
  "httpAddress",
  "admin",
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

export interface PlanInForceOptions {
  /** Reads the configuration again. Throws `ConfigError` with all that is wrong with it. */
  readonly reread: () => Promise<Plan>;
  /** What lets calls in; it outlives plans. */
  readonly gates: Gates;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly onReloaded: (end: ReloadEnd) => void;
}

/** The plan by which calls are treated that come now. A new one replaces it whole or not at all. */
export class PlanInForce {
  readonly #options: PlanInForceOptions;
  readonly #atStart: Plan;
  #current: Plan;
  #assembly: Assembly;
  #loadedAt: number;
  /** One reload after the other, so that the newest stays. */
  #reloading: Promise<unknown> = Promise.resolve();

  /** Throws `ConfigError`. */
  constructor(first: Plan, options: PlanInForceOptions) {
    this.#options = options;
    this.#atStart = first;
    this.#current = first;
    this.#assembly = new Assembly(first, options.gates, options.clock, options.random, options.log);
    this.#loadedAt = options.clock.wallNow();
  }

  get current(): Plan {
    return this.#current;
  }

  get assembly(): Assembly {
    return this.#assembly;
  }

  /** When the plan was taken, ms since 1970. */
  get loadedAt(): number {
    return this.#loadedAt;
  }

  /** Settings that differ from those of the start, and count only from the next one on. */
  get needsRestart(): readonly string[] {
    const [before, after] = [this.#atStart.settings, this.#current.settings];
    return FIXED_SETTINGS.filter((name) => !isDeepStrictEqual(before[name], after[name]));
  }

  /** Calls that come from now on are treated by what the configuration says now; running ones end as they began. */
  reload(): Promise<ReloadOutcome> {
    const outcome = this.#reloading.then(() => this.#reload());
    this.#reloading = outcome;
    return outcome;
  }

  async #reload(): Promise<ReloadOutcome> {
    const { gates, clock, random, log, onReloaded, reread } = this.#options;
    const startedAt = clock.wallNow();
    let next: Plan;
    let assembly: Assembly;
    try {
      next = await reread();
      assembly = new Assembly(next, gates, clock, random, log, this.#assembly);
    } catch (error) {
      const problems = problemsOf(error);
      onReloaded({ outcome: "refused", startedAt, endedAt: clock.wallNow() });
      log.error(
        error instanceof ConfigError ? { problems } : { problems, error },
        "the configuration has errors; the one before stays",
      );
      return { applied: false, problems, needsRestart: this.needsRestart };
    }
    const replaced = this.#assembly;
    this.#assembly = assembly;
    this.#current = next;
    this.#loadedAt = clock.wallNow();
    replaced.replacedBy(assembly);
    onReloaded({ outcome: "applied", startedAt, endedAt: this.#loadedAt });
    const { needsRestart } = this;
    if (needsRestart.length > 0) log.warn({ settings: needsRestart }, "these settings change with a restart only");
    const { names } = replaced.targets.switches;
    if (names.length > 0) log.warn({ targets: names }, "what was set about these targets is as configured again");
    log.info({ providers: [...assembly.providers.keys()] }, "configuration reloaded");
    return { applied: true, problems: [], needsRestart };
  }
}

/** What is no `ConfigError` is a defect: of reading a file, none that calls should suffer from. */
function problemsOf(error: unknown): readonly Problem[] {
  if (error instanceof ConfigError) return error.problems;
  const why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return [{ path: "", message: `the configuration cannot be read (${why})` }];
}

import type { Config } from "./config/load.ts";
import type { Clock } from "./domain/clock.ts";
import { invalidRequest } from "./domain/error.ts";
import type { HealthReport } from "./domain/health-report.ts";
import type { HealthRegistry, TargetHealth } from "./pipeline/health.ts";
import { type TargetChange, TargetSwitches } from "./pipeline/target-switches.ts";
import type { TargetReport } from "./service/admin-service.ts";

type Model = Config["models"][string];

interface TargetsOptions {
  readonly models: Config["models"];
  readonly providers: ReadonlySet<string>;
  readonly health: HealthRegistry;
  readonly clock: Clock;
}

/** The targets of a configuration, and those that were called or changed besides. */
export class Targets {
  readonly switches = new TargetSwitches();
  readonly #options: TargetsOptions;

  constructor(options: TargetsOptions) {
    this.#options = options;
  }

  /** Sorted by name. */
  list(): readonly TargetReport[] {
    const { models, providers, health, clock } = this.#options;
    const aliases = new Map<string, string[]>();
    for (const [alias, model] of Object.entries(models)) {
      for (const target of targetsOf(model, models)) aliases.set(target, [...(aliases.get(target) ?? []), alias]);
    }
    const reports = new Map(Array.from(health.all(), (one) => [one.name, toReport(one, clock)]));
    const others = [...this.switches.names, ...reports.keys()].filter((name) => providers.has(providerOf(name)));
    return [...new Set([...aliases.keys(), ...others])].sort().map((name) => ({
      provider: providerOf(name),
      model: name.slice(name.indexOf("/") + 1),
      aliases: [...new Set(aliases.get(name))].sort(),
      change: this.switches.of(name),
      health: reports.get(name),
    }));
  }

  /** Throws `INVALID_REQUEST` for a target that is none, or a change that would have no effect. */
  set(name: string, change: TargetChange): TargetReport {
    checkChange(name, change, this.#options);
    this.switches.set(name, change);
    const found = this.list().find(({ provider, model }) => `${provider}/${model}` === name);
    if (found === undefined) throw new Error("a target that was set is not listed");
    return found;
  }
}

function checkChange(
  name: string,
  { weight }: TargetChange,
  { models, providers }: Pick<TargetsOptions, "models" | "providers">,
): void {
  if (!providers.has(providerOf(name))) {
    const known = [...providers].slice(0, 8).join(", ") || "none";
    throw invalidRequest([
      {
        field: "target",
        description: `no provider ${JSON.stringify(providerOf(name))} is configured; there are ${known}`,
      },
    ]);
  }
  const isWeighted = Object.values(models).some(
    (model) => mayBeWeighted(model) && targetsOf(model, models).includes(name),
  );
  if (weight !== undefined && !isWeighted) {
    throw invalidRequest([
      { field: "weight", description: `no model that is ever "weighted" has the target ${JSON.stringify(name)}` },
    ]);
  }
}

/** All that calls of a model may go to, by its rules and as copies, too. */
function targetsOf({ targets, rules, shadow }: Model, models: Config["models"]): readonly string[] {
  const ofRules = rules.flatMap((rule) => [...rule.targets, rule.model].filter((name) => name !== ""));
  const copied = shadow === undefined ? [] : [shadow.target];
  return [...targets, ...ofRules.filter((name) => !Object.hasOwn(models, name)), ...copied];
}

/** As it stands, by a rule, or because callers may say so. */
function mayBeWeighted({ strategy, rules, allowCallers }: Model): boolean {
  const byRule = rules.some((rule) => rule.strategy === "weighted" || Object.keys(rule.weights).length > 0);
  return strategy === "weighted" || byRule || allowCallers.includes("strategy");
}

function toReport({ breaker, notBefore, budget, times }: TargetHealth, clock: Clock): HealthReport {
  return {
    breaker: { state: breaker.state, why: breaker.why, probeInMs: Math.max(0, breaker.probeAt - clock.now()) },
    notBefore: { waitMs: notBefore.waitMs, why: notBefore.why },
    retryBudget: budget.balance,
    inFlight: undefined,
    timeToFirstTokenMs: times.stream.quantile(0.5),
  };
}

function providerOf(name: string): string {
  return name.slice(0, name.indexOf("/"));
}

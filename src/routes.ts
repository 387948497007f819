import type { Config } from "./config/load.ts";
import type { Clock } from "./domain/clock.ts";
import { toMs } from "./domain/duration.ts";
import type { Accounts } from "./pipeline/account.ts";
import { createHedging, type Hedging } from "./pipeline/hedge.ts";
import { type Alias, type Detour, type Freedom, type Route, type Routes, toRoute } from "./pipeline/route.ts";
import type { Shadowing } from "./pipeline/stages.ts";
import type { TargetSwitches } from "./pipeline/target-switches.ts";
import type { Target, UpstreamProvider } from "./provider/upstream.ts";
import type { Strategy } from "./routing/balance.ts";
import { compileRules, type StickyKey } from "./routing/rules.ts";

type Model = Config["models"][string];
type Rule = Model["rules"][number];
type Providers = ReadonlyMap<string, UpstreamProvider>;

/** The names that callers may use, and where they lead, of a configuration that was checked. */
export function createRoutes(models: Config["models"], providers: Providers, switches: TargetSwitches): Routes {
  const routes = new Map(Object.entries(models).map(([name, model]) => [name, routeOf(model, providers)]));
  const aliases = Object.entries(models).map(([name, model]): [string, Alias] => {
    const route = routes.get(name) ?? toRoute([]);
    const rules = compileRules(model.rules.map((rule) => toRule(rule, route, routes, providers)));
    // The schema leaves no other names, here and for strategies and sticky keys.
    return [name, { ...route, rules, allows: new Set(model.allowCallers as Freedom[]) }];
  });
  return { providers, switches, aliases: new Map(aliases) };
}

function routeOf(model: Model, providers: Providers): Route {
  const { targets, strategy, weights, stickyBy, shadow } = model;
  return {
    targets: toTargets(targets, providers),
    strategy: (strategy || "cascade") as Strategy,
    weights: toWeights(weights),
    stickyBy: (stickyBy || undefined) as StickyKey | undefined,
    shadow: toShadowing(shadow, providers),
  };
}

function toRule(rule: Rule, own: Route, routes: ReadonlyMap<string, Route>, providers: Providers) {
  const { name, features, tenants, users, metadata, percentage, stickyBy } = rule;
  return {
    name,
    ...(features.length > 0 ? { features } : {}),
    ...(tenants.length > 0 ? { tenants } : {}),
    ...(users.length > 0 ? { users } : {}),
    ...(metadata.length > 0 ? { metadata: Object.fromEntries(metadata.map(({ key, values }) => [key, values])) } : {}),
    ...(percentage === undefined ? {} : { percentage }),
    ...(stickyBy === "" ? {} : { stickyBy: stickyBy as StickyKey }),
    route: toDetour(rule, own, routes, providers),
  };
}

/** `own`: of the model that the rule is of. */
function toDetour(rule: Rule, own: Route, routes: ReadonlyMap<string, Route>, providers: Providers): Detour {
  const { model, targets, strategy, weights } = rule;
  const override = strategy === "" ? {} : { strategy: strategy as Strategy };
  if (model !== "") {
    const route = routes.get(model) ?? toRoute(toTargets([model], providers));
    return { overriddenModel: model, route: { ...route, ...override } };
  }
  if (targets.length === 0) return { overriddenModel: "", route: { ...own, ...override } };
  const given = toWeights(weights);
  const route: Route = {
    ...own,
    targets: toTargets(targets, providers),
    weights: given,
    strategy: given === undefined ? "cascade" : "weighted",
    ...override,
  };
  return { overriddenModel: targets.join(", "), route };
}

function toShadowing(shadow: Model["shadow"], providers: Providers): Shadowing | undefined {
  if (shadow === undefined) return undefined;
  const [target] = toTargets([shadow.target], providers);
  if (target === undefined) return undefined;
  return {
    target,
    percentage: shadow.percentage,
    timeoutMs: toMs(shadow.timeout) ?? DEFAULT_SHADOW_TIMEOUT_MS,
    maxConcurrent: shadow.maxConcurrent || DEFAULT_MAX_SHADOWS,
  };
}

const DEFAULT_SHADOW_TIMEOUT_MS = 60_000;
const DEFAULT_MAX_SHADOWS = 16;

function toTargets(names: readonly string[], providers: Providers): readonly Target[] {
  return names.flatMap((name) => {
    const slash = name.indexOf("/");
    const provider = providers.get(name.slice(0, slash));
    return provider === undefined ? [] : [{ provider, model: name.slice(slash + 1) }];
  });
}

function toWeights(weights: Readonly<Record<string, number>>): ReadonlyMap<string, number> | undefined {
  const entries = Object.entries(weights);
  return entries.length === 0 ? undefined : new Map(entries);
}

/** Which models have hedges, by their aliases. */
export function toHedging(models: Config["models"], accounts: Accounts, clock: Clock): ReadonlyMap<string, Hedging> {
  return new Map(
    Object.entries(models).flatMap(([alias, { hedge }]): [string, Hedging][] => {
      if (hedge === undefined) return [];
      const options = { delayMs: toMs(hedge.after), maxUsdPerHour: hedge.maxUsdPerHour };
      return [[alias, createHedging(options, accounts, clock)]];
    }),
  );
}

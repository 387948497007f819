import type { Call, Stage } from "../domain/call.ts";
import type { Random } from "../domain/clock.ts";
import { ErrorReason, type Prompt, type RoutingDecision } from "../domain/contract.ts";
import { type FieldViolation, GatewayError, invalidRequest } from "../domain/error.ts";
import type { Target, UpstreamProvider } from "../provider/upstream.ts";
import type { Strategy } from "../routing/balance.ts";
import { findNearest } from "../routing/nearest.ts";
import { type Facts, findSticky, type Rules, type StickyKey } from "../routing/rules.ts";
import type { Ordering, ResolvedCall, Shadowing } from "./stages.ts";
import type { TargetSwitches } from "./target-switches.ts";

/** Where calls can go, and how they choose there. */
export interface Route {
  readonly targets: readonly Target[];
  readonly strategy: Strategy;
  /** By `provider/model`; undefined where all are alike. */
  readonly weights: ReadonlyMap<string, number> | undefined;
  readonly stickyBy: StickyKey | undefined;
  readonly shadow: Shadowing | undefined;
}

/** What a rule does with a call. */
export interface Detour {
  /** Where the call goes instead, as it was configured; empty where only the strategy is another. */
  readonly overriddenModel: string;
  readonly route: Route;
}

/** What callers may choose by themselves, by the names of `RoutingOptions`. */
export type Freedom = "strategy" | "sticky_key";

/** A name that callers may use. */
export interface Alias extends Route {
  readonly rules: Rules<Detour>;
  readonly allows: ReadonlySet<Freedom>;
}

export interface Routes {
  readonly providers: ReadonlyMap<string, UpstreamProvider>;
  /** Names that callers may use instead of `provider/model`; they come first. */
  readonly aliases: ReadonlyMap<string, Alias>;
  /** What operators say of targets comes before what the configuration says. */
  readonly switches: TargetSwitches;
}

/**
 * Finds where a call can go: by the first rule that takes it, else by the model that it asks for. Throws
 * `MODEL_NOT_FOUND` naming the nearest names, `INVALID_REQUEST` for what its caller may not choose, and
 * `TARGETS_TAKEN_OUT`.
 */
export function route(routes: Routes, random: Random): Stage<Call, ResolvedCall> {
  return (next) => async (call) => {
    const { model } = call.prompt;
    const alias = findAlias(call.prompt, "prompt", routes);
    checkFreedoms(call, alias);
    const facts = readFacts(call);
    const ruling = alias.rules(facts, random);
    const { overriddenModel, route: configured } = ruling?.route ?? { overriddenModel: "", route: alias };
    const decision: RoutingDecision = {
      $typeName: "sluice.v1.RoutingDecision",
      askedModel: model,
      overriddenModel,
      reason: ruling?.reason ?? "",
      targets: [],
      skipped: [],
    };
    // Told before the targets are known to be any good: where they are not, the rule must be seen to have led there.
    if (ruling !== undefined) call.watch.routed(decision);
    const chosen = routes.switches.apply(model, configured);
    const { targets: candidates, shadow } = chosen;
    const ordering = toOrdering(call, chosen, facts);
    return await next({ ...call, candidates, ordering, shadow, decision, isAlias: routes.aliases.has(model) });
  };
}

/**
 * Where what is no conversation can go: as `route` has it, but in the configured order, and without rules. `field` is
 * what holds it in the request.
 */
export function findTargets(asked: Asked, field: "prompt" | "input", routes: Routes): readonly Target[] {
  return routes.switches.spare(asked.model, findAlias(asked, field, routes).targets);
}

type Asked = Pick<Prompt, "model" | "providerOptions">;

function findAlias({ model, providerOptions }: Asked, field: "prompt" | "input", routes: Routes): Alias {
  for (const name of Object.keys(providerOptions)) {
    if (routes.providers.has(name)) continue;
    const nearest = suggest(name, routes.providers.keys());
    throw invalidRequest([
      {
        field: `${field}.provider_options[${JSON.stringify(name)}]`,
        description: `no provider of this name is configured${nearest}`,
      },
    ]);
  }
  return routes.aliases.get(model) ?? toAlias(findTarget(model, routes));
}

function toOrdering({ handling }: Call, { strategy, weights, stickyBy }: Route, facts: Facts): Ordering {
  const wish = handling?.routing;
  const stickyKey = wish?.stickyKey || (stickyBy === undefined ? "" : findSticky(stickyBy, facts));
  return {
    weights,
    // The schema leaves no other names.
    strategy: ((wish?.strategy ?? "") || strategy) as Strategy,
    stickyKey: stickyKey || undefined,
  };
}

/** Key of the caller's metadata that says whose customer a call is for. */
const TENANT = "tenant";

function readFacts({ attribution: { feature, userId, sessionId, metadata } }: Call): Facts {
  const tenant = Object.hasOwn(metadata, TENANT) ? (metadata[TENANT] ?? "") : "";
  return { feature, tenant, user: userId, session: sessionId, metadata };
}

function checkFreedoms({ handling, prompt }: Call, { allows }: Alias): void {
  const wish = handling?.routing;
  if (wish === undefined) return;
  const taken: readonly (readonly [Freedom, string])[] = [
    ["strategy", wish.strategy],
    ["sticky_key", wish.stickyKey],
  ];
  const violations = taken.flatMap(([freedom, value]): FieldViolation[] => {
    if (value === "" || allows.has(freedom)) return [];
    const model = JSON.stringify(prompt.model.slice(0, 128));
    const description = `the configuration lets callers of ${model} not choose it; leave it unset`;
    return [{ field: `handling.routing.${freedom}`, description }];
  });
  if (violations.length > 0) throw invalidRequest(violations);
}

const NO_RULES: Rules<Detour> = () => undefined;
const NO_FREEDOMS: ReadonlySet<Freedom> = new Set();

function toAlias(target: Target): Alias {
  return { ...toRoute([target]), rules: NO_RULES, allows: NO_FREEDOMS };
}

/** Targets in order, and nothing else. */
export function toRoute(targets: readonly Target[]): Route {
  return { targets, strategy: "cascade", weights: undefined, stickyBy: undefined, shadow: undefined };
}

/** The target that a name means that is no alias. */
function findTarget(name: string, { providers, aliases }: Routes): Target {
  const slash = name.indexOf("/");
  const provider = slash > 0 ? providers.get(name.slice(0, slash)) : undefined;
  const model = name.slice(slash + 1);
  if (provider !== undefined && model !== "") return { provider, model };
  const shown = JSON.stringify(name.slice(0, 128));
  if (provider !== undefined) {
    throw new GatewayError(
      ErrorReason.MODEL_NOT_FOUND,
      `No model ${shown}: name a model of the provider after the slash.`,
    );
  }
  throw new GatewayError(
    ErrorReason.MODEL_NOT_FOUND,
    slash > 0
      ? `No model ${shown}: no provider ${JSON.stringify(name.slice(0, slash).slice(0, 64))} is configured${suggest(name.slice(0, slash), providers.keys())}`
      : `No model ${shown}: give an alias from the configuration or "provider/model"${suggest(name, aliases.keys())}`,
  );
}

function suggest(wrong: string, names: Iterable<string>): string {
  const all = [...names];
  const nearest = findNearest(wrong, all);
  if (nearest.length > 0) return `; did you mean ${nearest.map((name) => JSON.stringify(name)).join(" or ")}?`;
  if (all.length === 0) return "; there are none.";
  const listed = all.slice(0, 8).map((name) => JSON.stringify(name));
  return `; there are ${listed.join(", ")}${all.length > listed.length ? " and others" : ""}.`;
}

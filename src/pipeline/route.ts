import type { Call, Stage } from "../domain/call.ts";
import { ErrorReason, type Prompt } from "../domain/contract.ts";
import { GatewayError, invalidRequest } from "../domain/error.ts";
import type { Target, UpstreamProvider } from "../provider/upstream.ts";
import { findNearest } from "../routing/nearest.ts";
import type { RoutedCall } from "./stages.ts";

export interface Routes {
  readonly providers: ReadonlyMap<string, UpstreamProvider>;
  /** Names that callers may use instead of `provider/model`; they come first. */
  readonly aliases: ReadonlyMap<string, readonly Target[]>;
}

/** Finds where a call can go. */
export function route(routes: Routes): Stage<Call, RoutedCall> {
  return (next) => async (call) => await next({ ...call, targets: findTargets(call.prompt, "prompt", routes) });
}

/**
 * Where what is asked for can go. `field` is what holds it in the request. Throws `MODEL_NOT_FOUND` naming the nearest
 * names, and `INVALID_REQUEST` for options of a provider that there is not.
 */
export function findTargets(
  { model, providerOptions }: Pick<Prompt, "model" | "providerOptions">,
  field: "prompt" | "input",
  routes: Routes,
): readonly Target[] {
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
  return resolve(model, routes);
}

function resolve(name: string, { providers, aliases }: Routes): readonly Target[] {
  const targets = aliases.get(name);
  if (targets !== undefined) return targets;
  const slash = name.indexOf("/");
  const provider = slash > 0 ? providers.get(name.slice(0, slash)) : undefined;
  const model = name.slice(slash + 1);
  if (provider !== undefined && model !== "") return [{ provider, model }];
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

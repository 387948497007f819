import type { Secret } from "../domain/secret.ts";
import type { Report } from "./problem.ts";
import { type Environment, resolveSecret } from "./secrets.ts";

/** A key, and the reference that it was found by: that may be shown. */
export interface NamedKey {
  readonly name: string;
  readonly secret: Secret;
}

/** The keys that the configuration refers to. The same key under two names would be set aside once and asked twice. */
export function findKeys(
  { apiKey, apiKeys }: { readonly apiKey: string; readonly apiKeys: readonly string[] },
  environment: Environment,
  problem: Report,
): NamedKey[] {
  const references = apiKeys.map((reference, at) => [`.api_keys[${at}]`, reference] as const);
  const found: NamedKey[] = [];
  for (const [path, name] of apiKey === "" ? references : [[".api_key", apiKey] as const, ...references]) {
    try {
      const secret = resolveSecret(name, environment);
      const same = found.find((other) => other.secret.reveal() === secret.reveal());
      if (same === undefined) found.push({ name, secret });
      else problem(path, `is the same key as ${same.name}; leave one of them out`);
    } catch (error) {
      problem(path, error instanceof Error ? error.message : "cannot be read");
    }
  }
  return found;
}
